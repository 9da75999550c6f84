//! What a stack asks of the engine: the bodies of the create requests, and the names that must already exist.
//!
//! Data only. A body is what the official client sends to the Engine API (docker/cli, `cli/compose/convert`),
//! as raw JSON.

use std::collections::BTreeMap;
use std::fmt;

use diagnostics::{Diagnostic, Place};
use serde_json::Value;

use crate::yaml::Node;

/// Everything a stack asks for, under one namespace.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The stack's name: the value of the label `com.docker.stack.namespace`.
    pub namespace: String,
    /// The networks to create, by name.
    pub networks: Vec<NetworkBody>,
    /// The networks that must already exist with swarm scope (predefined ones, like `host`, are left out).
    pub external_networks: Vec<ExternalNetwork>,
    /// The secrets to create, by name.
    pub secrets: Vec<ObjectBody>,
    /// The configs to create, by name.
    pub configs: Vec<ObjectBody>,
    /// The services to create, by name.
    pub services: Vec<ServiceBody>,
    /// The secrets that must already exist.
    pub external_secrets: Vec<ExternalObject>,
    /// The configs that must already exist.
    pub external_configs: Vec<ExternalObject>,
    /// What converting found that does not stop it.
    pub warnings: Vec<Diagnostic>,
    /// The top-level `x-tidegate` map, interpolated.
    pub extension: Option<Value>,
    /// Where the top-level `x-tidegate` key is.
    pub extension_place: Option<Place>,
    /// Where each key below it is, by its path: `gate.extensions`.
    pub extension_places: BTreeMap<String, Place>,
}

/// A network to create.
#[derive(Clone, Debug)]
pub struct NetworkBody {
    /// Its key in the stack file.
    pub key: String,
    /// Its name in the engine.
    pub name: String,
    /// The body of `POST /networks/create`.
    pub body: Value,
}

/// A network that the stack uses and does not own.
#[derive(Clone, Debug)]
pub struct ExternalNetwork {
    /// Its key in the stack file.
    pub key: String,
    /// Its name in the engine.
    pub name: String,
    /// Where the stack file declares it.
    pub place: Place,
}

/// A secret or config that the stack uses and does not own.
#[derive(Clone, Debug)]
pub struct ExternalObject {
    /// Its key in the stack file.
    pub key: String,
    /// Its name in the engine.
    pub name: String,
    /// Where the stack file declares it.
    pub place: Place,
}

/// A secret or config to create. Its `Debug` never shows the data.
#[derive(Clone)]
pub struct ObjectBody {
    /// Its key in the stack file.
    pub key: String,
    /// Its name in the engine.
    pub name: String,
    /// The body of `POST /secrets/create` or `POST /configs/create`; `Data` is base64.
    pub body: Value,
    /// Where the stack file declares it.
    pub place: Place,
}

impl fmt::Debug for ObjectBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectBody")
            .field("key", &self.key)
            .field("name", &self.name)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// A service to create.
#[derive(Clone, Debug)]
pub struct ServiceBody {
    /// Its key in the stack file.
    pub key: String,
    /// Its name in the engine: `<namespace>_<key>`.
    pub name: String,
    /// The body of `POST /services/create`. The image is as written, without a digest. Secrets and configs are
    /// referred to as `id:secret:<name>` and `id:config:<name>`: the deployer puts the ids there.
    pub body: Value,
    /// The image as written.
    pub image: String,
    /// What this service waits for.
    pub depends_on: Vec<Dependency>,
    /// Whether the stack file has a `depends_on` for this service, an empty one included.
    pub depends_on_declared: bool,
    /// Where the stack file declares it.
    pub place: Place,
}

/// One entry of `depends_on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The key of the service waited for.
    pub service: String,
    /// What it is waited for.
    pub condition: Condition,
}

/// What a service waits for in another one (Compose's own words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// `service_started`: it runs.
    ServiceStarted,
    /// `service_healthy`: it runs and its healthcheck passes.
    ServiceHealthy,
    /// `service_completed_successfully`: it ran to its end with exit code 0.
    ServiceCompletedSuccessfully,
}

impl Condition {
    /// The word in the stack file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceStarted => "service_started",
            Self::ServiceHealthy => "service_healthy",
            Self::ServiceCompletedSuccessfully => "service_completed_successfully",
        }
    }
}

/// The places of all keys of a map and the maps below it, by their paths.
pub(crate) fn key_places(node: &Node) -> BTreeMap<String, Place> {
    let mut places = BTreeMap::new();
    for (key, entry) in node.as_map().into_iter().flatten() {
        let below = key_places(&entry.node).into_iter();
        places.extend(below.map(|(path, place)| (format!("{key}.{path}"), place)));
        places.insert(key.clone(), entry.key.clone());
    }
    places
}
