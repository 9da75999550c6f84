//! A network, from `GET /networks`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::wire::{labels_at, shared, text_at};

/// A network.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Network {
    /// All that the engine says of it, raw. (What it says is nearly what its creation takes.)
    #[serde(deserialize_with = "shared")]
    pub raw: Arc<Value>,
}

impl Network {
    /// Its id.
    pub fn id(&self) -> &str {
        text_at(&self.raw, "/Id")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        text_at(&self.raw, "/Name")
    }

    /// `swarm`, `local` or `global`.
    pub fn scope(&self) -> &str {
        text_at(&self.raw, "/Scope")
    }

    /// Its driver: `overlay`, `bridge` ...
    pub fn driver(&self) -> &str {
        text_at(&self.raw, "/Driver")
    }

    /// Its labels.
    pub fn labels(&self) -> BTreeMap<&str, &str> {
        labels_at(&self.raw, "/Labels")
    }
}
