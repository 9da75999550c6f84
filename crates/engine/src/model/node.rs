//! A node, from `GET /nodes`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::wire::{labels_at, null_is_default, text_at, version_index};

/// One machine of the swarm.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Node {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its version index.
    #[serde(deserialize_with = "version_index")]
    pub version: u64,
    /// Role, availability and labels, raw.
    #[serde(default)]
    pub spec: Value,
    /// Host name, platform, resources, plugins, engine version, raw.
    #[serde(default)]
    pub description: Value,
    /// Whether it is up.
    #[serde(default)]
    pub status: NodeStatus,
    /// Its part in the managers' quorum, if it is a manager.
    #[serde(default)]
    pub manager_status: Option<ManagerStatus>,
}

/// Whether a node is up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeStatus {
    /// `ready`, `down`, `unknown` or `disconnected`.
    #[serde(deserialize_with = "null_is_default")]
    pub state: String,
    /// Why, in the engine's words.
    #[serde(deserialize_with = "null_is_default")]
    pub message: String,
    /// Its address.
    #[serde(deserialize_with = "null_is_default")]
    pub addr: String,
}

/// A manager's part in the quorum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ManagerStatus {
    /// Whether it leads.
    pub leader: bool,
    /// `reachable`, `unreachable` or `unknown`.
    pub reachability: String,
    /// The address of its managers' port.
    pub addr: String,
}

impl Node {
    /// Its host name.
    pub fn hostname(&self) -> &str {
        text_at(&self.description, "/Hostname")
    }

    /// `manager` or `worker`.
    pub fn role(&self) -> &str {
        text_at(&self.spec, "/Role")
    }

    /// `active`, `pause` or `drain`.
    pub fn availability(&self) -> &str {
        text_at(&self.spec, "/Availability")
    }

    /// The labels that `docker node update --label-add` gives (`node.labels.*` in constraints).
    pub fn labels(&self) -> BTreeMap<&str, &str> {
        labels_at(&self.spec, "/Labels")
    }

    /// The labels of its engine (`engine.labels.*` in constraints).
    pub fn engine_labels(&self) -> BTreeMap<&str, &str> {
        labels_at(&self.description, "/Engine/Labels")
    }

    /// Its operating system, in the engine's words: `linux`.
    pub fn os(&self) -> &str {
        text_at(&self.description, "/Platform/OS")
    }

    /// Its processor architecture, in the kernel's words: `x86_64`.
    pub fn architecture(&self) -> &str {
        text_at(&self.description, "/Platform/Architecture")
    }

    /// Whether it is up and takes tasks.
    pub fn takes_tasks(&self) -> bool {
        self.status.state == "ready" && self.availability() == "active"
    }
}
