//! A tree against the tables.

use std::collections::HashMap;

use diagnostics::{Diagnostic, Place};

use super::kind::{Field, Keyed, Keys, Kind, List, Object, Unique};
use super::objects::FILE;
use super::{Version, similar};
use crate::notation::{duration, port};
use crate::path::Path;
use crate::report::Report;
use crate::yaml::{Map, Node, Value};

/// An object with more fields than this is not described by all of them.
const MANY: usize = 12;

/// What to write instead of a secret's value.
const SECRET_HELP: &str = "write `file: path`, `environment: NAME` or `external: true` below the name";

/// Reports whatever a stack file of this version may not have.
pub(crate) fn check(root: &Node, version: Version, report: &mut Report) {
    Check { version, report }.object(root, &FILE, &Path::ROOT);
}

struct Check<'a> {
    version: Version,
    report: &'a mut Report,
}

impl Check<'_> {
    fn kind(&mut self, node: &Node, kind: &'static Kind, path: &Path<'_>) {
        match kind {
            Kind::OneOf(kinds) => self.one_of(node, kinds, path),
            Kind::Since(since, kind) if self.version.0 >= *since => self.kind(node, kind, path),
            Kind::Since(since, _) => {
                let message = format!(
                    "`{path}` may be a mapping from version 3.{since} on, this file has {}",
                    self.version
                );
                self.error(node, message, "remove the `version` line to use the newest format");
            }
            kind if !self.fits(node, kind) => self.wrong_type(node, std::slice::from_ref(kind), path),
            Kind::List(list) => self.list(node, list, path),
            Kind::Map(keyed) => self.keyed(node, keyed, path),
            Kind::Object(object) => self.object(node, object, path),
            Kind::Null | Kind::Bool | Kind::String | Kind::Integer | Kind::Number => self.finite(node, path),
            Kind::Count => self.count(node, path),
            Kind::Duration => self.text(node, |text| duration::parse(text).err(), duration::HELP),
            Kind::PortText => self.text(node, |text| port::parse(text).err(), port::HELP),
            Kind::PortNumber => self.port_number(node),
            Kind::Choice(words) => self.choice(node, words, path),
        }
    }

    /// Whether the type of a value is right; the value itself may still be wrong.
    fn fits(&self, node: &Node, kind: &Kind) -> bool {
        match (kind, &node.value) {
            (Kind::Null, Value::Null)
            | (Kind::Bool, Value::Bool(_))
            | (Kind::String | Kind::Duration | Kind::PortText | Kind::Choice(_), Value::String(_))
            | (
                Kind::Integer | Kind::Count | Kind::Number | Kind::PortNumber,
                Value::Int(_) | Value::Uint(_),
            )
            | (Kind::Number, Value::Float(_))
            | (Kind::List(_), Value::List(_))
            | (Kind::Map(_) | Kind::Object(_), Value::Map(_)) => true,
            // JSON knows no difference between 2.0 and 2.
            (Kind::Integer | Kind::Count, Value::Float(value)) => value.fract() == 0.0,
            (Kind::Since(since, kind), _) => self.version.0 >= *since && self.fits(node, kind),
            (Kind::OneOf(kinds), _) => kinds.iter().any(|kind| self.fits(node, kind)),
            _ => false,
        }
    }

    fn one_of(&mut self, node: &Node, kinds: &'static [Kind], path: &Path<'_>) {
        // A date is text to the official client where the text of any scalar will do.
        let scalar = kinds.iter().any(|kind| matches!(kind, Kind::Number))
            && kinds.iter().any(|kind| matches!(kind, Kind::String));
        if scalar && matches!(node.value, Value::Timestamp(_)) {
            return;
        }
        match kinds.iter().find(|kind| self.fits(node, kind)) {
            Some(kind) => self.kind(node, kind, path),
            None => self.wrong_type(node, kinds, path),
        }
    }

    fn list(&mut self, node: &Node, list: &'static List, path: &Path<'_>) {
        let Some(items) = node.as_list() else { return };
        for (index, item) in items.iter().enumerate() {
            self.kind(item, &list.items, &path.item(index));
        }
        let unique = match list.unique {
            Unique::No => false,
            Unique::Yes => true,
            Unique::Before(version) => self.version.0 < version,
        };
        if !unique {
            return;
        }
        let mut seen: HashMap<String, &Node> = HashMap::new();
        for item in items {
            if let Some(first) = seen.insert(canonical(item).to_string(), item) {
                self.report.error(
                    Diagnostic::error("stack-file/duplicate-item", format!("`{path}` has this item twice"))
                        .at(item.place.clone())
                        .related(first.place.clone(), "first here")
                        .help("remove one of the two"),
                );
            }
        }
    }

    fn keyed(&mut self, node: &Node, keyed: &'static Keyed, path: &Path<'_>) {
        let Some(map) = node.as_map() else { return };
        for (key, entry) in map {
            if keyed.keys.allow(key) {
                self.kind(&entry.node, &keyed.values, &path.key(key));
            } else if keyed.open {
                self.finite(&entry.node, &path.key(key));
            } else {
                self.report.error(
                    Diagnostic::error(
                        "stack-file/name",
                        format!("`{key}` is no name for an entry of `{path}`"),
                    )
                    .at(entry.key.clone())
                    .help(keyed.keys.help()),
                );
            }
        }
    }

    fn object(&mut self, node: &Node, object: &'static Object, path: &Path<'_>) {
        let Some(map) = node.as_map() else { return };
        for (key, entry) in map {
            let path = path.key(key);
            match object.fields.iter().find(|field| field.name == key) {
                Some(field) if self.version.0 >= field.since => self.kind(&entry.node, &field.kind, &path),
                Some(_) | None if self.lets_through(object, key) => self.finite(&entry.node, &path),
                Some(field) => self.too_new(field, &entry.key),
                None => self.unknown_key(object, map, key),
            }
        }
        for required in object.required {
            if !map.contains_key(*required) {
                let message = format!("{} needs a `{required}`", object.what);
                self.error(node, message, &format!("add `{required}:`"));
            }
        }
    }

    /// Whether an object takes a key that is not one of its fields.
    fn lets_through(&self, object: &Object, key: &str) -> bool {
        let from = |since: Option<u8>| since.is_some_and(|since| self.version.0 >= since);
        from(object.open) || (key.starts_with("x-") && from(object.extensions))
    }

    fn too_new(&mut self, field: &Field, place: &Place) {
        let message =
            format!("`{}` needs version 3.{}, this file has {}", field.name, field.since, self.version);
        self.report.error(
            Diagnostic::error("stack-file/version", message)
                .at(place.clone())
                .help("remove the `version` line to use the newest format"),
        );
    }

    fn unknown_key(&mut self, object: &Object, map: &Map, key: &str) {
        let names = object.fields.iter().map(|field| field.name);
        let help = if let Some((_, hint)) = object.hints.iter().find(|(name, _)| *name == key) {
            (*hint).to_owned()
        } else if let Some(near) = similar(key, names.clone().filter(|name| !map.contains_key(*name))) {
            format!("did you mean `{near}`?")
        } else if key.starts_with("x-") && object.extensions.is_some() {
            "remove the `version` line to use the newest format, which allows `x-` keys here".into()
        } else if object.fields.len() > MANY {
            "check its spelling and its indentation, or remove it".into()
        } else {
            format!("{} can have {}", object.what, join(&names.collect::<Vec<_>>()))
        };
        let place = &map[key].key;
        let place = if object.sensitive { place.without_rest() } else { place.clone() };
        self.report.error(
            Diagnostic::error("stack-file/unknown-key", format!("`{key}` is no key of {}", object.what))
                .at(place)
                .help(help),
        );
    }

    fn wrong_type(&mut self, node: &Node, kinds: &[Kind], path: &Path<'_>) {
        let mut wanted: Vec<&str> = kinds.iter().map(Kind::describe).collect();
        wanted.dedup();
        let alternatives = join(&wanted);
        let message = format!("`{path}` must be {alternatives}, this is {}", node.kind());
        let text = kinds.iter().any(|kind| matches!(kind, Kind::String | Kind::Duration));
        let help = match (&node.value, node.scalar_text()) {
            (Value::Null, _) => format!("give `{}` a value, or remove the line", path.last()),
            (Value::String(_), _) if wanted.contains(&"a list") => "write it as a list: `[item]`".into(),
            (Value::Int(_) | Value::Uint(_) | Value::Float(_), Some(written))
                if kinds.iter().any(|kind| matches!(kind, Kind::Duration)) =>
            {
                format!("add a unit: `{written}s`")
            }
            (_, Some(_)) if text => {
                format!("quote it: \"{}\"", source_text(node).unwrap_or_default())
            }
            _ => format!("write {alternatives} here"),
        };
        if path.matches(&["secrets", "*"]) {
            let start = node.place.range().start;
            let place = node.place.source().place(start..start).without_rest();
            self.report.error(Diagnostic::error("stack-file/type", message).at(place).help(SECRET_HELP));
        } else {
            self.error(node, message, &help);
        }
    }

    /// NaN and infinities have no place in JSON, and so in no stack file.
    fn finite(&mut self, node: &Node, path: &Path<'_>) {
        match &node.value {
            Value::Float(value) if !value.is_finite() => {
                self.error(node, format!("`{path}` is no finite number"), "quote it, or write a number");
            }
            Value::List(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.finite(item, &path.item(index));
                }
            }
            Value::Map(map) => {
                for (key, entry) in map {
                    self.finite(&entry.node, &path.key(key));
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, node: &Node, path: &Path<'_>) {
        let negative = match node.value {
            Value::Int(value) => value < 0,
            Value::Float(value) => value < 0.0,
            _ => false,
        };
        if negative {
            self.error(node, format!("`{path}` must not be negative"), "write 0 or more");
        }
    }

    fn text(&mut self, node: &Node, problem: impl Fn(&str) -> Option<String>, help: &str) {
        if let Some(message) = node.as_str().and_then(problem) {
            self.error(node, message, help);
        }
    }

    fn port_number(&mut self, node: &Node) {
        if let Some(message) = node.scalar_text().and_then(|text| port::parse(&text).err()) {
            self.error(node, message, port::HELP);
        }
    }

    fn choice(&mut self, node: &Node, words: &[&str], path: &Path<'_>) {
        let Some(text) = node.as_str().filter(|text| !words.contains(text)) else { return };
        self.error(
            node,
            format!("`{text}` is no value for `{path}`"),
            &format!("write one of: {}", words.join(", ")),
        );
    }

    fn error(&mut self, node: &Node, message: String, help: &str) {
        self.report.error(Diagnostic::error("stack-file/type", message).at(node.place.clone()).help(help));
    }
}

/// `a`, `a or b`, `a, b or c`.
fn join(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

fn source_text(node: &Node) -> Option<&str> {
    node.place.source().text().get(node.place.range())
}

/// A value in a form in which equal values are equal texts.
fn canonical(node: &Node) -> serde_json::Value {
    let mut json = node.to_json();
    json.sort_all_objects();
    json
}

impl Keys {
    fn allow(self, key: &str) -> bool {
        let all = |allowed: fn(char) -> bool| !key.is_empty() && key.chars().all(allowed);
        match self {
            Self::Names => all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')),
            Self::Letters => all(|c| c.is_ascii_lowercase()),
            Self::NotEmpty => !key.is_empty(),
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Names => "use letters, digits, `.`, `_` and `-`; variables are not replaced in keys",
            Self::Letters => "use lower case letters",
            Self::NotEmpty => "write a name before the colon",
        }
    }
}

impl Kind {
    fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::String | Self::PortText | Self::Choice(_) => "a string",
            Self::Integer | Self::Count => "a whole number",
            Self::Number | Self::PortNumber => "a number",
            Self::Duration => "a duration",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Object(_) => "a mapping",
            Self::OneOf(_) => "one of several types",
            Self::Since(_, kind) => kind.describe(),
        }
    }
}
