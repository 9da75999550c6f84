//! Whether and when an ended task is followed by another (swarmkit, orchestrator/restart).

use std::time::Duration;

use engine::TaskState;
use serde_json::Value;

use super::World;
use super::record::{Service, Task, duration, text};

/// How long a new task waits when the restart policy does not say.
const DELAY: Duration = Duration::from_secs(5);

impl World {
    /// Ends the task's part in its slot, and puts another in its place if the policy says so.
    pub(super) fn restart(&mut self, key: u64) {
        let Some(task) = self.tasks.get(&key).filter(|task| task.desired <= TaskState::Complete).cloned()
        else {
            return;
        };
        self.desire(key, TaskState::Shutdown);
        let Some(service) = self.services.get_mut(&task.service) else { return };
        if !should_restart(service, &task) {
            return;
        }
        *service.restarts.entry((task.slot.clone(), service.spec_version)).or_default() += 1;
        let delay = match service.template().pointer("/RestartPolicy/Delay").and_then(Value::as_u64) {
            Some(_) => duration(service.template(), "/RestartPolicy/Delay").unwrap_or_default(),
            None => DELAY,
        };
        let id = service.id.clone();
        if let Some(next) = self.create_task(&id, &task.slot, TaskState::Ready) {
            self.release_after(next, delay);
        }
    }
}

/// Whether the policy wants another task in the place of this one.
pub(super) fn should_restart(service: &Service, task: &Task) -> bool {
    let policy = &service.template()["RestartPolicy"];
    let wanted = match text(policy, "/Condition") {
        "none" => false,
        "on-failure" => task.state != TaskState::Complete,
        _ => true,
    };
    let most = policy.get("MaxAttempts").and_then(Value::as_u64).unwrap_or(0);
    let so_far = service.restarts.get(&(task.slot.clone(), service.spec_version)).copied().unwrap_or(0);
    wanted && (most == 0 || so_far < most)
}
