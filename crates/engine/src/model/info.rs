//! The engine itself, from `GET /info`.

use std::fmt;

use serde::Deserialize;

use super::wire::null_is_default;

/// The engine: its node, its part in the swarm, its clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The engine's host name.
    pub name: String,
    /// The id of the engine's node in its swarm; empty outside one.
    pub node_id: String,
    /// The engine's part in a swarm.
    pub local_node_state: LocalNodeState,
    /// Whether the engine is a manager that answers for its swarm.
    pub control_available: bool,
    /// What the swarm complains about, such as a lost quorum; empty if nothing.
    pub swarm_error: String,
    /// How many managers the swarm has.
    pub managers: u64,
    /// How many nodes the swarm has, managers included.
    pub nodes: u64,
    /// The id of the swarm; empty outside one.
    pub cluster_id: String,
    /// The engine's version, such as `28.2.2`.
    pub server_version: String,
    /// The engine's clock, RFC 3339.
    pub system_time: String,
}

/// The engine's part in a swarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalNodeState {
    /// In no swarm.
    #[default]
    Inactive,
    /// Joining one.
    Pending,
    /// In one.
    Active,
    /// In one that is broken.
    Error,
    /// In one that waits to be unlocked.
    Locked,
    /// Anything a newer engine may say.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for LocalNodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Error => "error",
            Self::Locked => "locked",
            Self::Unknown => "unknown",
        })
    }
}

impl<'de> Deserialize<'de> for Info {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Ok(Self {
            name: wire.name,
            node_id: wire.swarm.node_id,
            local_node_state: wire.swarm.local_node_state,
            control_available: wire.swarm.control_available,
            swarm_error: wire.swarm.error,
            managers: wire.swarm.managers,
            nodes: wire.swarm.nodes,
            cluster_id: wire.swarm.cluster.unwrap_or_default().id,
            server_version: wire.server_version,
            system_time: wire.system_time,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    #[serde(default)]
    name: String,
    #[serde(default)]
    server_version: String,
    #[serde(default)]
    system_time: String,
    #[serde(default, deserialize_with = "null_is_default")]
    swarm: WireSwarm,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct WireSwarm {
    #[serde(rename = "NodeID")]
    node_id: String,
    #[serde(deserialize_with = "null_is_default")]
    local_node_state: LocalNodeState,
    control_available: bool,
    error: String,
    managers: u64,
    nodes: u64,
    cluster: Option<WireCluster>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireCluster {
    #[serde(rename = "ID")]
    id: String,
}
