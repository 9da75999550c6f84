//! `deploy` of a service.

use diagnostics::Place;

use super::{Duration, Located, Strings, Text, Texts};

/// `deploy`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // Each field is the key of the same name, which Docker documents.
pub struct Deploy {
    pub mode: Text,
    pub replicas: Option<Located<u64>>,
    pub labels: Texts,
    pub update_config: Option<UpdateConfig>,
    pub rollback_config: Option<UpdateConfig>,
    pub resources: Resources,
    pub restart_policy: Option<RestartPolicy>,
    pub placement: Placement,
    pub endpoint_mode: Text,
}

/// `update_config` or `rollback_config`.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // As above.
pub struct UpdateConfig {
    /// Where its key is.
    pub place: Place,
    pub parallelism: Option<Located<u64>>,
    pub delay: Duration,
    pub failure_action: Text,
    pub monitor: Duration,
    pub max_failure_ratio: Option<Located<f32>>,
    pub order: Text,
}

/// `resources`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct Resources {
    pub limits: Option<Limits>,
    pub reservations: Option<Reservations>,
}

/// `resources.limits`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct Limits {
    pub cpus: Text,
    pub memory: Option<Located<i64>>,
    pub pids: Option<Located<i64>>,
}

/// `resources.reservations`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct Reservations {
    pub cpus: Text,
    pub memory: Option<Located<i64>>,
    pub generic_resources: Vec<GenericResource>,
}

/// An entry of `generic_resources`; `None` is one without a `discrete_resource_spec`.
#[derive(Clone, Debug)]
pub struct GenericResource {
    /// Its kind and how many.
    pub discrete: Option<(String, i64)>,
}

/// `restart_policy`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct RestartPolicy {
    pub condition: Text,
    pub delay: Duration,
    pub max_attempts: Option<Located<u64>>,
    pub window: Duration,
}

/// `placement`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct Placement {
    pub constraints: Strings,
    /// The descriptor to spread over, for each preference.
    pub preferences: Strings,
    pub max_replicas_per_node: Option<Located<u64>>,
}
