//! How many of a service's tasks run the wanted spec. Pure.

use engine::{ServiceMode, Task, TaskState, at};
use serde_json::Value;

use crate::spec::{canonical, same};

/// How many tasks are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Run the spec, or completed it.
    pub running: u64,
    /// Should.
    pub wanted: u64,
    /// Run another spec and are wanted.
    pub outdated: u64,
}

/// Counts a service's tasks against a spec.
pub(crate) fn count(spec: &Value, tasks: &[Task]) -> Count {
    let template = template(spec.get("TaskTemplate"));
    count_current(|task| is_made_from(task, &template), spec, tasks)
}

/// A task's spec as it can be compared with its service's. The engine names the runtime in services only.
pub(super) fn template(spec: Option<&Value>) -> Value {
    let mut spec = canonical(spec.unwrap_or(&Value::Null));
    if let Some(map) = spec.as_object_mut() {
        map.retain(|key, value| key != "Runtime" || value != "container");
    }
    spec
}

/// Whether a task was made from this template.
pub(super) fn is_made_from(task: &Task, template: &Value) -> bool {
    // Compared as it is where it can be: this is asked for many tasks.
    match task.spec.get("Runtime") {
        None => same(&task.spec, template),
        Some(_) => self::template(Some(&task.spec)) == *template,
    }
}

/// Counts a service's tasks, of which `is_current` knows those that were made from the spec.
pub(super) fn count_current(is_current: impl Fn(&Task) -> bool, spec: &Value, tasks: &[Task]) -> Count {
    let mode = ServiceMode::of_spec(spec);
    let may_end = may_end(spec);
    let mut count = Count::default();
    for task in tasks {
        let current = is_current(task);
        let done = may_end && task.status.state == TaskState::Complete;
        if current && (done || is_up(task, mode)) {
            count.running += 1;
        } else if !current && task.is_wanted() && !task.status.state.is_final() {
            count.outdated += 1;
        }
    }
    count.wanted = match mode {
        ServiceMode::Replicated { replicas, .. } => replicas,
        ServiceMode::ReplicatedJob { total_completions, .. } => total_completions,
        ServiceMode::Global | ServiceMode::GlobalJob => {
            tasks.iter().filter(|task| task.is_wanted()).count() as u64
        }
    };
    // A completed task of a global or replicated one-shot stays beside its successors.
    count.running = count.running.min(count.wanted.max(u64::from(mode == ServiceMode::GlobalJob)));
    count
}

/// Whether a task runs, and is to go on running.
pub(super) fn is_up(task: &Task, mode: ServiceMode) -> bool {
    let starts = planted!(StartingCounts) && task.status.state == TaskState::Starting;
    task.is_wanted() && (task.status.state == TaskState::Running || starts) && !mode.is_job()
}

/// Whether a service's tasks may end for good with exit code 0.
pub(super) fn may_end(spec: &Value) -> bool {
    let condition = at(spec, "/TaskTemplate/RestartPolicy/Condition").and_then(Value::as_str);
    matches!(condition, Some("none" | "on-failure")) || ServiceMode::of_spec(spec).is_job()
}
