//! Habits of the engine's JSON that every type has to deal with.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `null` for a list, a map or a text means an empty one.
pub(super) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An empty text means an absent one.
pub(super) fn empty_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// A raw document: large, never changed, and handed on to many.
pub(super) fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Value>, D::Error> {
    Value::deserialize(deserializer).map(Arc::new)
}

/// The same, where it may be absent.
pub(super) fn shared_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Arc<Value>>, D::Error> {
    Ok(Option::<Value>::deserialize(deserializer)?.map(Arc::new))
}

/// `{"Index": 12}` is version 12.
pub(super) fn version_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Version {
        #[serde(default)]
        index: u64,
    }
    Ok(Version::deserialize(deserializer)?.index)
}

/// The value at a JSON pointer through objects, without escapes in it: unlike [`Value::pointer`] it makes no texts on its way,
/// which counts where the same fields are read again and again.
pub fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(value, |value, key| value.get(key))
}

/// The text at a JSON pointer; empty if there is none.
pub(super) fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The labels at a JSON pointer, in the order of their keys.
pub(super) fn labels_at<'a>(value: &'a Value, pointer: &str) -> BTreeMap<&'a str, &'a str> {
    let labels = at(value, pointer).and_then(Value::as_object);
    labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}
