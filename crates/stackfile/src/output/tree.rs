//! What is printed, before it is text: mappings in their final order.

use crate::model::{Duration, Extension, Flag, Keyed, Located, Strings, Text, Texts};
use crate::notation::duration;
use crate::yaml::{Node, Value};

use super::natural;

/// A value to print.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// A 32 bit float.
    Ratio(f32),
    Text(String),
    /// A date, printed without quotes.
    Date(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// What Go leaves out with `omitempty`.
    fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Float(value) => *value == 0.0,
            Self::Ratio(value) => *value == 0.0,
            Self::Text(text) | Self::Date(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Uint(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Ratio(value) => value.to_string().parse::<f64>().unwrap_or_default().into(),
            Self::Text(text) | Self::Date(text) => text.as_str().into(),
            Self::List(list) => list.iter().map(Self::to_json).collect(),
            Self::Map(map) => map.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        }
    }
}

impl From<&Node> for Tree {
    fn from(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Uint(value) => Self::Uint(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Timestamp(value) => Self::Date(value.rfc3339()),
            Value::String(text) => Self::text(text),
            Value::List(list) => Self::List(list.iter().map(Self::from).collect()),
            Value::Map(map) => {
                sorted(map.iter().map(|(key, entry)| (key.clone(), Self::from(&entry.node))).collect())
            }
        }
    }
}

fn sorted(mut map: Vec<(String, Tree)>) -> Tree {
    map.sort_by(|a, b| natural::compare(&a.0, &b.0));
    Tree::Map(map)
}

/// A mapping from keys of the author's choice.
pub(super) fn keyed<T>(map: &Keyed<T>, print: impl Fn(&T) -> Tree) -> Tree {
    sorted(map.iter().map(|(key, value)| (key.clone(), print(value))).collect())
}

/// Labels, options and the like.
pub(super) fn texts(texts: &Texts) -> Tree {
    keyed(texts, |text| Tree::text(&text.value))
}

/// A list of strings.
pub(super) fn strings(list: &Strings) -> Tree {
    Tree::List(list.iter().map(|text| Tree::text(&text.value)).collect())
}

/// The environment, or build arguments.
pub(super) fn values(map: &Keyed<Located<Option<String>>>) -> Tree {
    keyed(map, |value| value.value.as_deref().map_or(Tree::Null, Tree::text))
}

/// A mapping with known keys, which is filled in the order in which it is printed.
pub(super) struct Fields(Vec<(String, Tree)>);

impl Fields {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn into_tree(self) -> Tree {
        Tree::Map(self.0)
    }

    pub(super) fn set(&mut self, key: &str, value: Tree) {
        self.0.push((key.to_owned(), value));
    }

    pub(super) fn set_unless_empty(&mut self, key: &str, value: Tree) {
        if !value.is_empty() {
            self.set(key, value);
        }
    }

    pub(super) fn set_if_some(&mut self, key: &str, value: Option<Tree>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    pub(super) fn text(&mut self, key: &str, text: &Text) {
        self.set_unless_empty(key, text.as_deref().map_or(Tree::Null, |text| Tree::text(text)));
    }

    pub(super) fn flag(&mut self, key: &str, flag: &Flag) {
        self.set_unless_empty(key, Tree::Bool(flag.as_ref().is_some_and(|flag| flag.value)));
    }

    pub(super) fn strings(&mut self, key: &str, list: &Strings) {
        self.set_unless_empty(key, strings(list));
    }

    pub(super) fn texts(&mut self, key: &str, map: &Texts) {
        self.set_unless_empty(key, texts(map));
    }

    /// A duration that is printed whenever it was given.
    pub(super) fn duration(&mut self, key: &str, value: &Duration) {
        self.set_if_some(key, value.as_ref().map(|value| Tree::Text(duration::display(value.value))));
    }

    /// A duration that is left out if it is zero.
    pub(super) fn duration_unless_zero(&mut self, key: &str, value: &Duration) {
        if value.as_ref().is_some_and(|value| value.value != 0) {
            self.duration(key, value);
        }
    }

    /// A number that is printed whenever it was given.
    pub(super) fn count(&mut self, key: &str, value: Option<&Located<u64>>) {
        self.set_if_some(key, value.map(|value| Tree::Uint(value.value)));
    }

    /// A size, which is printed as a string.
    pub(super) fn size(&mut self, key: &str, bytes: i64) {
        if bytes != 0 {
            self.set(key, Tree::Text(bytes.to_string()));
        }
    }

    /// `x-` keys, which come last.
    pub(super) fn extensions(&mut self, extensions: &Keyed<Extension>) {
        if let Tree::Map(map) = keyed(extensions, |extension| Tree::from(&extension.node)) {
            self.0.extend(map);
        }
    }
}
