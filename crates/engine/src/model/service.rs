//! A service, from `GET /services`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::wire::{at, labels_at, null_is_default, shared, shared_or_none, text_at, version_index};

/// A service as the managers have it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Service {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its version index: an update must name it. The managers' own status writes move it too.
    #[serde(deserialize_with = "version_index")]
    pub version: u64,
    /// Its spec, raw.
    #[serde(default, deserialize_with = "shared")]
    pub spec: Arc<Value>,
    /// The spec before the last update, raw; a no-op update overwrites it and an automatic rollback clears it.
    #[serde(default, deserialize_with = "shared_or_none")]
    pub previous_spec: Option<Arc<Value>>,
    /// What Swarm's updater does or did; none after a creation and after updates that restart no task.
    #[serde(default, deserialize_with = "update_status")]
    pub update_status: Option<UpdateStatus>,
    /// Its virtual addresses in its networks, raw.
    #[serde(default, rename = "Endpoint", deserialize_with = "virtual_ips")]
    pub virtual_ips: Arc<Vec<Value>>,
}

impl Service {
    /// The service's name, `stack_service`.
    pub fn name(&self) -> &str {
        text_at(&self.spec, "/Name")
    }

    /// The service's own labels (not its containers').
    pub fn labels(&self) -> BTreeMap<&str, &str> {
        labels_at(&self.spec, "/Labels")
    }

    /// One of the service's own labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.spec.get("Labels")?.get(key)?.as_str()
    }

    /// The networks that its tasks join: their ids.
    pub fn networks(&self) -> impl Iterator<Item = &str> {
        // Clients of API versions before 1.25 write them beside the template.
        let lists = ["/TaskTemplate/Networks", "/Networks"].into_iter();
        let networks = lists.filter_map(|list| self.spec.pointer(list)?.as_array()).flatten();
        networks.filter_map(|network| network.get("Target")?.as_str())
    }

    /// The image, with its digest if that was resolved.
    pub fn image(&self) -> &str {
        text_at(&self.spec, "/TaskTemplate/ContainerSpec/Image")
    }

    /// How many tasks there should be.
    pub fn mode(&self) -> ServiceMode {
        ServiceMode::of_spec(&self.spec)
    }

    /// What Swarm's updater does, if it does or did anything.
    pub fn update_state(&self) -> Option<UpdateState> {
        self.update_status.as_ref().map(|status| status.state)
    }
}

/// How many tasks a service should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceMode {
    /// This many, kept running.
    Replicated {
        /// How many.
        replicas: u64,
    },
    /// One on each node that fits.
    Global,
    /// This many, each run once to completion.
    ReplicatedJob {
        /// How many at a time.
        max_concurrent: u64,
        /// How many in all.
        total_completions: u64,
    },
    /// One on each node that fits, each run once to completion.
    GlobalJob,
}

impl ServiceMode {
    /// The mode in a service spec. Absent fields mean what they mean to the engine: replicated, one.
    pub fn of_spec(spec: &Value) -> Self {
        let number = |pointer: &str| at(spec, pointer).and_then(Value::as_u64);
        let mode = &spec["Mode"];
        if mode.get("Global").is_some_and(|global| !global.is_null()) {
            Self::Global
        } else if mode.get("GlobalJob").is_some_and(|job| !job.is_null()) {
            Self::GlobalJob
        } else if mode.get("ReplicatedJob").is_some_and(|job| !job.is_null()) {
            let max_concurrent = number("/Mode/ReplicatedJob/MaxConcurrent").unwrap_or(1);
            let total = number("/Mode/ReplicatedJob/TotalCompletions").unwrap_or(max_concurrent);
            Self::ReplicatedJob { max_concurrent, total_completions: total }
        } else {
            Self::Replicated { replicas: number("/Mode/Replicated/Replicas").unwrap_or(1) }
        }
    }

    /// Whether the tasks run once, to completion.
    pub fn is_job(self) -> bool {
        matches!(self, Self::ReplicatedJob { .. } | Self::GlobalJob)
    }
}

/// What Swarm's updater does or did to a service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStatus {
    /// What it does.
    pub state: UpdateState,
    /// Its own words.
    #[serde(default, deserialize_with = "null_is_default")]
    pub message: String,
}

/// The states of Swarm's updater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateState {
    /// Replacing tasks.
    Updating,
    /// Stopped half way after a failure.
    Paused,
    /// Every task was replaced.
    Completed,
    /// Putting the previous spec back.
    RollbackStarted,
    /// Stopped half way while putting the previous spec back.
    RollbackPaused,
    /// The previous spec is back.
    RollbackCompleted,
    /// Anything a newer engine may say.
    #[serde(other)]
    Unknown,
}

fn virtual_ips<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<Vec<Value>>, D::Error> {
    #[derive(Default, Deserialize)]
    struct Endpoint {
        #[serde(default, rename = "VirtualIPs", deserialize_with = "null_is_default")]
        virtual_ips: Vec<Value>,
    }
    let endpoint = Option::<Endpoint>::deserialize(deserializer)?.unwrap_or_default();
    Ok(Arc::new(endpoint.virtual_ips))
}

/// The engine sends `{}` for "no status" in places, and `null` or nothing in others.
fn update_status<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<UpdateStatus>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?.unwrap_or_default();
    if text_at(&value, "/State").is_empty() {
        return Ok(None);
    }
    serde_json::from_value(value).map(Some).map_err(serde::de::Error::custom)
}

/// The answer to a creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Created {
    /// The new object's id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// What the engine remarks.
    #[serde(default, rename = "Warnings", alias = "Warning", deserialize_with = "warnings")]
    pub warnings: Vec<String>,
}

/// One endpoint sends a list, another one text, a third `null`.
fn warnings<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Option::<Form>::deserialize(deserializer)? {
        Some(Form::List(list)) => list,
        Some(Form::Text(text)) if !text.is_empty() => vec![text],
        Some(Form::Text(_)) | None => Vec::new(),
    })
}
