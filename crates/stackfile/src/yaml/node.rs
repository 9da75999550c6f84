//! The tree: values, each with its place.

use diagnostics::Place;
use indexmap::IndexMap;

use super::{Timestamp, go_float};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
    /// What a merge does with this value.
    pub(crate) tag: Option<MergeTag>,
}

/// A tag that is for merging files, not for the type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeTag {
    /// `!reset`: the value of earlier files is gone, and so is this one.
    Reset,
    /// `!override`: this value replaces the one of earlier files.
    Override,
}

/// A YAML value after the scalar rules of yaml.v3.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// Only numbers that do not fit `Int`.
    Uint(u64),
    Float(f64),
    Timestamp(Timestamp),
    String(String),
    List(Vec<Node>),
    Map(Map),
}

/// A mapping with string keys, in the order written.
pub(crate) type Map = IndexMap<String, Entry>;

/// A value of a mapping, and where its key is.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Place,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn new(value: Value, place: Place) -> Self {
        Self { value, place, tag: None }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The value under a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What a person calls this kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => "a number",
            Value::Timestamp(_) => "a date",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// A scalar as Go prints it (`fmt.Sprint`), which is what the official client makes of a number where a
    /// string is wanted: `1.10` is `1.1`, `1e6` is `1e+06`. `None` for null, lists and mappings.
    pub(crate) fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Uint(value) => Some(value.to_string()),
            Value::Float(value) => Some(go_float(*value)),
            Value::Timestamp(value) => Some(value.display()),
            Value::String(value) => Some(value.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The number of nodes in this tree, itself included.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.value {
            Value::List(list) => list.iter().map(Node::size).sum(),
            Value::Map(map) => map.values().map(|entry| entry.node.size()).sum(),
            _ => 0,
        }
    }

    /// As JSON; numbers that JSON cannot hold become null, dates strings.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::from(*value),
            Value::Int(value) => Json::from(*value),
            Value::Uint(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::Timestamp(value) => Json::from(value.rfc3339()),
            Value::String(value) => Json::from(value.as_str()),
            Value::List(list) => list.iter().map(Node::to_json).collect(),
            Value::Map(map) => {
                Json::Object(map.iter().map(|(key, entry)| (key.clone(), entry.node.to_json())).collect())
            }
        }
    }
}
