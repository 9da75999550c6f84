//! JSON as Go's encoder writes it: which fields are there when their value is empty.

use serde_json::{Map, Value};

use crate::model::{Strings, Texts};

/// An object that is being filled.
#[derive(Default)]
pub(super) struct Body(Map<String, Value>);

impl Body {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A field that is always there.
    pub(super) fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// A field that is left out if it is null, false, 0, or empty (Go's `omitempty` for plain values).
    pub(super) fn set_unless_empty(self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
        };
        if empty { self } else { self.set(key, value) }
    }

    /// A field that is left out if there is no value, and stays if the value is zero (Go's `omitempty` for
    /// pointers).
    pub(super) fn set_if_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(key, value),
            None => self,
        }
    }
}

impl From<Body> for Value {
    fn from(body: Body) -> Self {
        Self::Object(body.0)
    }
}

/// Strings as a JSON list.
pub(super) fn strings(list: &Strings) -> Value {
    list.iter().map(|text| text.value.clone()).collect()
}

/// Labels or options as a JSON object.
pub(super) fn texts(texts: &Texts) -> Map<String, Value> {
    texts.iter().map(|(key, value)| (key.clone(), Value::from(value.value.clone()))).collect()
}
