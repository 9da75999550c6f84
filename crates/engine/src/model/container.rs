//! A container of the engine's own node, from `GET /containers/json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::wire::null_is_default;

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its names, each with a leading slash.
    #[serde(deserialize_with = "null_is_default")]
    pub names: Vec<String>,
    /// Its image.
    pub image: String,
    /// `created`, `running`, `exited` ...
    pub state: String,
    /// The same for people: `Up 5 minutes (healthy)`.
    pub status: String,
    /// Its labels.
    #[serde(deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
}
