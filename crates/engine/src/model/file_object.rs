//! Configs and secrets: what a service mounts as a file, from `GET /configs` and `GET /secrets`. The two differ in one
//! thing only: a secret's data cannot be read back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::wire::{labels_at, shared, text_at, version_index};

/// Config or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A config: readable; less than 1,024,000 bytes.
    Config,
    /// A secret: never readable again; less than 512,000 bytes.
    Secret,
}

impl FileKind {
    /// `config` or `secret`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Secret => "secret",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A config or a secret as the managers have it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileObject {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its version index: an update of its labels must name it.
    #[serde(deserialize_with = "version_index")]
    pub version: u64,
    /// When it was created, RFC 3339, by the managers' clock.
    #[serde(default)]
    pub created_at: String,
    /// When it was last written, RFC 3339, by the managers' clock.
    #[serde(default)]
    pub updated_at: String,
    /// Its spec, raw: Name, Labels and, for configs, Data in base64.
    #[serde(default, deserialize_with = "shared")]
    pub spec: Arc<Value>,
}

impl FileObject {
    /// Its name.
    pub fn name(&self) -> &str {
        text_at(&self.spec, "/Name")
    }

    /// Its labels.
    pub fn labels(&self) -> BTreeMap<&str, &str> {
        labels_at(&self.spec, "/Labels")
    }

    /// One of its labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.spec.get("Labels")?.get(key)?.as_str()
    }

    /// A config's data; `None` for a secret, and for data that is not base64.
    pub fn data(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(self.spec.get("Data")?.as_str()?).ok()
    }

    /// The body of a creation.
    pub fn spec<K, V>(name: &str, labels: impl IntoIterator<Item = (K, V)>, data: &[u8]) -> Value
    where
        K: Into<String>,
        V: Into<String>,
    {
        json!({ "Name": name, "Labels": labels_value(labels), "Data": BASE64_STANDARD.encode(data) })
    }

    /// The body of an update that replaces the labels by these.
    pub fn relabelled<K, V>(&self, labels: impl IntoIterator<Item = (K, V)>) -> Value
    where
        K: Into<String>,
        V: Into<String>,
    {
        // A spec that is no map is no engine's, and has nothing that could be kept.
        let mut spec = self.spec.as_object().cloned().unwrap_or_default();
        spec.insert("Labels".to_owned(), labels_value(labels));
        Value::Object(spec)
    }
}

fn labels_value<K: Into<String>, V: Into<String>>(labels: impl IntoIterator<Item = (K, V)>) -> Value {
    Value::Object(
        labels
            .into_iter()
            .map(|(key, value)| (key.into(), Value::String(value.into())))
            .collect::<Map<_, _>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_labels_replace_the_old_ones_whatever_the_spec_is() {
        for (spec, expected) in [
            (json!({ "Name": "a", "Labels": { "x": "y" } }), json!({ "Name": "a", "Labels": { "b": "c" } })),
            (json!("no spec"), json!({ "Labels": { "b": "c" } })),
            (Value::Null, json!({ "Labels": { "b": "c" } })),
        ] {
            let object = json!({ "ID": "1", "Version": { "Index": 2 }, "Spec": spec });
            let object: FileObject = serde_json::from_value(object).unwrap();
            assert_eq!(object.relabelled([("b", "c")]), expected);
        }
    }
}
