//! Jobs: tasks that run once, to completion, again at each update of the service (swarmkit, orchestrator/jobs).

use engine::{ServiceMode, TaskState};

use super::World;
use super::record::Slot;

impl World {
    /// Starts what the current run of a job still lacks.
    pub(super) fn run_job(&mut self, id: &str) {
        let Some(service) = self.services.get(id) else { return };
        let iteration = service.iteration;
        let never_again = service
            .template()
            .pointer("/RestartPolicy/Condition")
            .is_some_and(|condition| condition == "none");
        let nodes = self.eligible_nodes(service.template());
        let replicated = match service.mode() {
            ServiceMode::ReplicatedJob { max_concurrent, total_completions } => {
                Some((max_concurrent, total_completions))
            }
            _ => None,
        };
        let (at_once, total) = replicated.unwrap_or((u64::MAX, nodes.len() as u64));
        let mine = |wanted: &dyn Fn(TaskState) -> bool| {
            let tasks = self.tasks_of(id).filter(|(_, task)| task.iteration == Some(iteration));
            tasks.filter(|(_, task)| wanted(task.state)).count() as u64
        };
        let completed = mine(&|state| state == TaskState::Complete);
        let active = mine(&|state| !state.is_final());
        let failed = mine(&|state| state.is_final() && state != TaskState::Complete);
        let lost = if never_again { failed } else { 0 };
        let missing = total.saturating_sub(completed + active + lost).min(at_once.saturating_sub(active));
        let first = completed + active + lost;
        for number in first..first + missing {
            let node = usize::try_from(number).ok().and_then(|number| nodes.get(number).cloned());
            let node = node.filter(|_| replicated.is_none());
            self.create_task(id, &Slot { number, node }, TaskState::Complete);
        }
    }

    /// Begins the next run of a job: what is left of the one before is removed.
    pub(super) fn begin_iteration(&mut self, id: &str, iteration: u64) {
        let Some(service) = self.services.get_mut(id) else { return };
        service.iteration = iteration;
        let old: Vec<u64> =
            self.tasks_of(id).filter(|(_, task)| !task.state.is_final()).map(|(key, _)| key).collect();
        for key in old {
            self.desire(key, TaskState::Remove);
        }
    }
}
