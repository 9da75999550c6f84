//! The words that the tables are written in.

/// What a value may be.
pub(super) enum Kind {
    Null,
    Bool,
    /// A string.
    String,
    /// A whole number; `2.0` is one.
    Integer,
    /// A whole number that is not negative.
    Count,
    Number,
    /// A string with a duration in it.
    Duration,
    /// A string with a port in short form.
    PortText,
    /// A number that is a port.
    PortNumber,
    /// One of some words.
    Choice(&'static [&'static str]),
    List(&'static List),
    Map(&'static Keyed),
    Object(&'static Object),
    /// Any of these; at most one fits the type of a value.
    OneOf(&'static [Kind]),
    /// From this minor version on.
    Since(u8, &'static Kind),
}

/// A list.
pub(super) struct List {
    pub(super) items: Kind,
    pub(super) unique: Unique,
}

/// Whether an item may be in a list twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unique {
    No,
    Yes,
    /// It may from this minor version on.
    Before(u8),
}

/// A mapping with keys of the author's choice.
pub(super) struct Keyed {
    pub(super) values: Kind,
    pub(super) keys: Keys,
    /// Whether a key that is not one of `keys` is let through unchecked.
    pub(super) open: bool,
}

/// What the keys of a mapping look like.
#[derive(Clone, Copy)]
pub(super) enum Keys {
    /// Letters, digits, `.`, `_` and `-`.
    Names,
    /// Lower case letters.
    Letters,
    /// Anything but nothing.
    NotEmpty,
}

/// A mapping with known keys.
pub(super) struct Object {
    /// What it is, for messages: `a service`.
    pub(super) what: &'static str,
    pub(super) fields: &'static [Field],
    pub(super) required: &'static [&'static str],
    /// The minor version from which `x-` keys are allowed.
    pub(super) extensions: Option<u8>,
    /// The minor version from which unknown keys are let through.
    pub(super) open: Option<u8>,
    /// Whether its values are kept out of messages.
    pub(super) sensitive: bool,
    /// Help for keys that are refused, by key.
    pub(super) hints: &'static [(&'static str, &'static str)],
}

impl Object {
    pub(super) const fn closed(what: &'static str, fields: &'static [Field]) -> Self {
        Self { what, fields, required: &[], extensions: None, open: None, sensitive: false, hints: &[] }
    }

    pub(super) const fn open(what: &'static str, fields: &'static [Field]) -> Self {
        Self { what, fields, required: &[], extensions: None, open: Some(0), sensitive: false, hints: &[] }
    }
}

/// A key of an object.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// The minor version from which it exists.
    pub(super) since: u8,
    pub(super) kind: Kind,
}

/// A field of every version (or of none, for the newer Compose forms).
pub(super) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, since: 0, kind }
}

/// A field that came with a minor version.
pub(super) const fn since(since: u8, name: &'static str, kind: Kind) -> Field {
    Field { name, since, kind }
}

pub(super) const UNIQUE_STRINGS: Kind = Kind::List(&List { items: Kind::String, unique: Unique::Yes });
pub(super) const STRINGS: Kind = Kind::List(&List { items: Kind::String, unique: Unique::No });
pub(super) const STRING_OR_LIST: Kind = Kind::OneOf(&[Kind::String, UNIQUE_STRINGS]);
/// `environment`, `labels` and the like.
pub(super) const LIST_OR_DICT: Kind = Kind::OneOf(&[
    Kind::Map(&Keyed {
        values: Kind::OneOf(&[Kind::String, Kind::Number, Kind::Null]),
        keys: Keys::NotEmpty,
        open: false,
    }),
    UNIQUE_STRINGS,
]);
/// `driver_opts` and the like.
pub(super) const OPTIONS: Kind = Kind::Map(&Keyed {
    values: Kind::OneOf(&[Kind::String, Kind::Number]),
    keys: Keys::NotEmpty,
    open: true,
});
/// A command; null, as `docker compose config` prints it, is none.
pub(super) const COMMAND: Kind = Kind::OneOf(&[Kind::String, STRINGS, Kind::Null]);
