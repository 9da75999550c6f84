//! A task, from `GET /tasks`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::wire::{empty_is_none, null_is_default, shared, text_at, version_index};

/// One task of a service: one container, from its creation to its end.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its version index.
    #[serde(deserialize_with = "version_index")]
    pub version: u64,
    /// When it was created, RFC 3339, by the managers' clock.
    #[serde(default)]
    pub created_at: String,
    /// The service it belongs to.
    #[serde(default, rename = "ServiceID")]
    pub service_id: String,
    /// Which replica it is, from 1; 0 for global services.
    #[serde(default)]
    pub slot: u64,
    /// The node it was given to.
    #[serde(default, rename = "NodeID", deserialize_with = "empty_is_none")]
    pub node_id: Option<String>,
    /// Its own labels (rarely any; a service's labels are not here).
    #[serde(default, deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// The task template it was made from, raw, with networks and image as they were resolved then.
    #[serde(default, deserialize_with = "shared")]
    pub spec: Arc<Value>,
    /// What it is doing.
    #[serde(default)]
    pub status: TaskStatus,
    /// What the managers want it to do.
    #[serde(default)]
    pub desired_state: TaskState,
    /// Of a job: which of its runs the task belongs to.
    #[serde(default, deserialize_with = "job_iteration")]
    pub job_iteration: Option<u64>,
}

impl Task {
    /// The image the task was made from.
    pub fn image(&self) -> &str {
        text_at(&self.spec, "/ContainerSpec/Image")
    }

    /// The networks that it joins: their ids.
    pub fn networks(&self) -> impl Iterator<Item = &str> {
        let list = self.spec.get("Networks").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|network| network.get("Target")?.as_str())
    }

    /// Of an attachment: the container that is attached.
    pub fn attached_container(&self) -> Option<&str> {
        self.spec.pointer("/NetworkAttachmentSpec/ContainerID")?.as_str()
    }

    /// Whether the managers want the task up, or run to completion.
    pub fn is_wanted(&self) -> bool {
        self.desired_state <= TaskState::Complete
    }
}

fn job_iteration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let iteration = Option::<Value>::deserialize(deserializer)?;
    Ok(iteration.and_then(|value| value.get("Index")?.as_u64()))
}

/// What a task is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskStatus {
    /// How far it has come.
    pub state: TaskState,
    /// When it got there, RFC 3339, by the clock of its node.
    pub timestamp: String,
    /// What is being done, in the engine's words.
    pub message: String,
    /// What went wrong, in the engine's words; empty if nothing did.
    pub err: String,
    /// How the container ended, once it has.
    pub exit_code: Option<i64>,
    /// The container, once there is one.
    pub container_id: Option<String>,
}

impl<'de> Deserialize<'de> for TaskStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = WireStatus::deserialize(deserializer)?;
        let container = wire.container_status.unwrap_or_default();
        // The engine sends exit code 0 for a container that still runs.
        let ended = wire.state > TaskState::Running;
        Ok(Self {
            state: wire.state,
            timestamp: wire.timestamp,
            message: wire.message,
            err: wire.err,
            exit_code: container.exit_code.filter(|_| ended && container.container_id.is_some()),
            container_id: container.container_id,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct WireStatus {
    state: TaskState,
    timestamp: String,
    message: String,
    err: String,
    container_status: Option<WireContainer>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireContainer {
    #[serde(rename = "ContainerID", deserialize_with = "empty_is_none")]
    container_id: Option<String>,
    #[serde(rename = "ExitCode")]
    exit_code: Option<i64>,
}

/// How far a task has come, in the order of its life (swarmkit, api/types.proto, `TaskState`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskState {
    /// Anything a newer engine may say; counted as not begun.
    Unknown,
    /// Waits for networks and addresses.
    #[default]
    New,
    /// Waits for a node that fits.
    Pending,
    /// Has a node.
    Assigned,
    /// The node has taken it.
    Accepted,
    /// Pulls the image, makes the container.
    Preparing,
    /// Can be started.
    Ready,
    /// Started; not yet healthy if it has a healthcheck.
    Starting,
    /// Up, and healthy if it has a healthcheck.
    Running,
    /// Ended by itself with exit code 0.
    Complete,
    /// Ended because the managers wanted it to.
    Shutdown,
    /// Ended by itself with another exit code, or never got up.
    Failed,
    /// The node could not take it, for instance for want of its image.
    Rejected,
    /// To be removed, for its service was scaled down or removed.
    Remove,
    /// Its node has been gone for long.
    Orphaned,
}

impl TaskState {
    /// Every state that has a word, in the order of a task's life.
    pub const ALL: [Self; 14] = [
        Self::New,
        Self::Pending,
        Self::Assigned,
        Self::Accepted,
        Self::Preparing,
        Self::Ready,
        Self::Starting,
        Self::Running,
        Self::Complete,
        Self::Shutdown,
        Self::Failed,
        Self::Rejected,
        Self::Remove,
        Self::Orphaned,
    ];

    /// The state that the engine's word means.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or(Self::Unknown)
    }

    /// Whether the task will never again do anything.
    pub fn is_final(self) -> bool {
        self > Self::Running
    }

    /// The engine's own word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::New => "new",
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Remove => "remove",
            Self::Orphaned => "orphaned",
        }
    }
}

impl<'de> Deserialize<'de> for TaskState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_word(&String::deserialize(deserializer)?))
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which tasks to list: those of *one* of the services (if any are given) that carry *all* of the labels, whose desired
/// state is *one* of those given (if any are).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Ids of services.
    pub services: Vec<String>,
    /// Labels of the tasks' services, as they were when the task was made.
    pub labels: Vec<(String, String)>,
    /// What the managers want of the task. The engine knows only running, shutdown and accepted here.
    pub desired_states: Vec<TaskState>,
    /// Instead of the tasks of services those by which containers that belong to no service are attached to networks, on
    /// whichever node (the runtime `attachment`, which the engine lists only when asked; measured on 20.10.24).
    pub attachments: bool,
}

impl TaskFilter {
    /// The tasks of one service, past ones too.
    pub fn service(id: impl Into<String>) -> Self {
        Self { services: vec![id.into()], ..Self::default() }
    }

    /// The tasks of a stack, past ones too.
    pub fn stack(name: &str) -> Self {
        let labels = vec![("com.docker.stack.namespace".to_owned(), name.to_owned())];
        Self { labels, ..Self::default() }
    }

    /// The attachments of containers that belong to no service.
    pub fn attachments() -> Self {
        Self { attachments: true, ..Self::default() }
    }

    /// The same, but only tasks that the managers want in this state.
    #[must_use]
    pub fn desired(mut self, state: TaskState) -> Self {
        self.desired_states.push(state);
        self
    }
}
