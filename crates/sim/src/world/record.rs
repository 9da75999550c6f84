//! The objects in the managers' store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::{FileKind, ServiceMode, TaskState, at};
use serde_json::{Map, Value};

use crate::behaviour::Behaviour;

/// What every object has.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta {
    pub(super) version: u64,
    pub(super) created: Duration,
    pub(super) updated: Duration,
}

/// A service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) meta: Meta,
    pub(super) spec: Arc<Value>,
    /// The version index at which `spec` was set: a task made from it is not dirty.
    pub(super) spec_version: u64,
    /// Whether somebody else than a caller wrote `spec`.
    pub(super) foreign: bool,
    /// When somebody else last did.
    pub(super) foreign_at: Duration,
    pub(super) previous: Option<Previous>,
    pub(super) update: Option<Update>,
    pub(super) virtual_addresses: Arc<Vec<Value>>,
    /// Of a job: the version index of its current run.
    pub(super) iteration: u64,
    /// How often each slot's tasks were started again under one spec.
    pub(super) restarts: BTreeMap<(Slot, u64), u64>,
}

/// The spec before a service's last update.
#[derive(Clone, Debug)]
pub(super) struct Previous {
    pub(super) spec: Arc<Value>,
    pub(super) spec_version: u64,
    pub(super) foreign: bool,
}

impl Service {
    pub(super) fn name(&self) -> &str {
        text(&self.spec, "/Name")
    }

    pub(super) fn mode(&self) -> ServiceMode {
        ServiceMode::of_spec(&self.spec)
    }

    pub(super) fn template(&self) -> &Value {
        &self.spec["TaskTemplate"]
    }
}

/// What the updater says of itself.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) state: &'static str,
    pub(super) started: Duration,
    pub(super) completed: Option<Duration>,
    pub(super) message: String,
}

/// One place for a task: a replica's number, or a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) number: u64,
    pub(super) node: Option<String>,
}

/// A task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) meta: Meta,
    pub(super) service: String,
    pub(super) service_name: String,
    /// The spec of its service that it was made from.
    pub(super) made_from: Arc<Value>,
    pub(super) slot: Slot,
    /// Its template as answers show it: without the runtime, which the engine names in services only.
    pub(super) shown: Arc<Value>,
    pub(super) spec_version: u64,
    pub(super) node: Option<String>,
    pub(super) state: TaskState,
    pub(super) desired: TaskState,
    pub(super) message: String,
    pub(super) err: String,
    pub(super) exit_code: Option<i64>,
    pub(super) container: Option<String>,
    pub(super) status_at: Duration,
    pub(super) started: Option<Duration>,
    pub(super) ended: Option<Duration>,
    pub(super) iteration: Option<u64>,
    pub(super) behaviour: Behaviour,
    /// Counts what the task has been told; a step planned before the last of it is void.
    pub(super) stage: u64,
    /// The task that must stop before this one may start.
    pub(super) waits_for: Option<u64>,
}

impl Task {
    pub(super) fn image(&self) -> &str {
        text(self.template(), "/ContainerSpec/Image")
    }

    pub(super) fn template(&self) -> &Value {
        &self.made_from["TaskTemplate"]
    }

    pub(super) fn endpoint(&self) -> &Value {
        &self.made_from["EndpointSpec"]
    }

    pub(super) fn networks(&self) -> impl Iterator<Item = &str> {
        targets(self.template())
    }
}

/// A network.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) body: Arc<Value>,
    /// Whether the managers still have it. One that they have removed stays visible on a node while containers there use it.
    pub(super) in_store: bool,
}

/// A config or a secret.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) kind: FileKind,
    pub(super) meta: Meta,
    pub(super) spec: Arc<Value>,
    /// Its data in base64: what a secret never shows, and is compared with all the same.
    pub(super) data: Arc<str>,
}

impl File {
    pub(super) fn name(&self) -> &str {
        text(&self.spec, "/Name")
    }
}

/// The text at a JSON pointer; empty if there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The elements of the list at a JSON pointer.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    at(value, pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A duration in nanoseconds at a JSON pointer; none if it is absent or zero.
pub(super) fn duration(value: &Value, pointer: &str) -> Option<Duration> {
    let nanoseconds = at(value, pointer).and_then(Value::as_u64)?;
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

/// The networks that a task template joins.
pub(super) fn targets(template: &Value) -> impl Iterator<Item = &str> {
    list(template, "/Networks").map(|network| text(network, "/Target"))
}

/// The labels of an object's spec.
pub(super) fn labels(spec: &Value) -> Map<String, Value> {
    spec.get("Labels").and_then(Value::as_object).cloned().unwrap_or_default()
}
