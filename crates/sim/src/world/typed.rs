//! The answers that are asked for most, as the engine crate reads them, without a way through JSON and back. Wherever
//! assertions are on, each is held against what is read from its JSON.

use std::sync::Arc;

use engine::{TaskState, UpdateState};

use super::World;
use super::answer::{file_answer, task_answer};
use super::record::{File, Service, Task, Update};
use crate::clock::timestamp;

impl World {
    pub(super) fn typed_service(&self, service: &Service) -> engine::Service {
        let typed = engine::Service {
            id: service.id.clone(),
            version: service.meta.version,
            spec: Arc::clone(&service.spec),
            previous_spec: service.previous.as_ref().map(|previous| Arc::clone(&previous.spec)),
            update_status: service.update.as_ref().map(update),
            virtual_ips: Arc::clone(&service.virtual_addresses),
        };
        debug_assert_eq!(Ok(&typed), read(self.service_answer(service, false)).as_ref());
        typed
    }
}

fn update(update: &Update) -> engine::UpdateStatus {
    engine::UpdateStatus {
        state: match update.state {
            "updating" => UpdateState::Updating,
            "paused" => UpdateState::Paused,
            "completed" => UpdateState::Completed,
            "rollback_started" => UpdateState::RollbackStarted,
            "rollback_paused" => UpdateState::RollbackPaused,
            "rollback_completed" => UpdateState::RollbackCompleted,
            _ => UpdateState::Unknown,
        },
        message: update.message.clone(),
    }
}

pub(super) fn task(task: &Task) -> engine::Task {
    let ended = task.state > TaskState::Running && task.container.is_some();
    let typed = engine::Task {
        id: task.id.clone(),
        version: task.meta.version,
        created_at: timestamp(task.meta.created),
        service_id: task.service.clone(),
        slot: if task.iteration.is_none() { task.slot.number } else { 0 },
        node_id: task.node.clone(),
        labels: std::collections::BTreeMap::new(),
        spec: Arc::clone(&task.shown),
        status: engine::TaskStatus {
            state: task.state,
            timestamp: timestamp(task.status_at),
            message: task.message.clone(),
            err: task.err.clone(),
            exit_code: ended.then(|| task.exit_code.unwrap_or(0)),
            container_id: task.container.clone(),
        },
        desired_state: task.desired,
        job_iteration: task.iteration,
    };
    debug_assert_eq!(Ok(&typed), read(task_answer(task)).as_ref());
    typed
}

pub(super) fn file(file: &File) -> engine::FileObject {
    let typed = engine::FileObject {
        id: file.id.clone(),
        version: file.meta.version,
        created_at: timestamp(file.meta.created),
        updated_at: timestamp(file.meta.updated),
        spec: Arc::clone(&file.spec),
    };
    debug_assert_eq!(Ok(&typed), read(file_answer(file)).as_ref());
    typed
}

/// An answer as the engine crate reads it.
fn read<T: serde::de::DeserializeOwned>(answer: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(answer).map_err(|error| error.to_string())
}
