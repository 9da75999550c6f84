//! Which tasks a service should have: slots of replicas, or one per node (swarmkit, orchestrator/replicated and global).

use std::collections::BTreeMap;

use engine::{ServiceMode, TaskState};

use super::World;
use super::record::{Service, Slot, Task};
use super::restart::should_restart;

impl World {
    /// Brings a service's tasks in line with its spec, after any change of the service or the nodes.
    pub(super) fn reconcile(&mut self, id: &str) {
        let Some(mode) = self.services.get(id).map(Service::mode) else { return };
        match mode {
            ServiceMode::Replicated { replicas } => self.reconcile_replicas(id, replicas),
            ServiceMode::Global => self.reconcile_global(id),
            ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob => self.run_job(id),
        }
    }

    fn reconcile_replicas(&mut self, id: &str, replicas: u64) {
        let mut slots = self.updatable(id);
        while slots.len() as u64 > replicas {
            // Slots that do not run go first, then the highest numbers.
            let runs = |tasks: &Vec<u64>| tasks.iter().any(|key| self.tasks[key].state == TaskState::Running);
            let excess = slots
                .iter()
                .max_by_key(|(slot, tasks)| (!runs(tasks), slot.number))
                .map(|(slot, _)| slot.clone());
            let Some(excess) = excess else { break };
            slots.remove(&excess);
            self.remove_slot(id, &excess);
        }
        let missing = replicas.saturating_sub(slots.len() as u64);
        let free = (1..).filter(|number| !slots.keys().any(|slot| slot.number == *number));
        let free: Vec<u64> = free.take(usize::try_from(missing).unwrap_or(usize::MAX)).collect();
        self.start_updater(id, &slots);
        for number in free {
            self.create_task(id, &Slot { number, node: None }, TaskState::Running);
        }
    }

    fn reconcile_global(&mut self, id: &str) {
        let Some(service) = self.services.get(id) else { return };
        let eligible = self.eligible_nodes(service.template());
        let mut slots = self.updatable(id);
        let gone: Vec<Slot> = slots
            .keys()
            .filter(|slot| !slot.node.as_ref().is_some_and(|node| eligible.contains(node)))
            .cloned()
            .collect();
        for slot in gone {
            slots.remove(&slot);
            self.remove_slot(id, &slot);
        }
        let free: Vec<Slot> = eligible
            .into_iter()
            .map(|node| Slot { number: 0, node: Some(node) })
            .filter(|slot| !slots.contains_key(slot))
            .collect();
        self.start_updater(id, &slots);
        for slot in free {
            self.create_task(id, &slot, TaskState::Running);
        }
    }

    fn remove_slot(&mut self, id: &str, slot: &Slot) {
        let tasks: Vec<u64> =
            self.tasks_of(id).filter(|(_, task)| task.slot == *slot).map(|(key, _)| key).collect();
        for key in tasks {
            self.desire(key, TaskState::Remove);
        }
    }

    /// The slots that count: those with tasks that are wanted, and those whose last task has ended for good (it counts as
    /// done, and an update replaces it).
    pub(super) fn updatable(&self, id: &str) -> BTreeMap<Slot, Vec<u64>> {
        let Some(service) = self.services.get(id) else { return BTreeMap::new() };
        let rolling_back = service.update.as_ref().is_some_and(|update| update.state == "rollback_started");
        let mut all: BTreeMap<Slot, Vec<(u64, &Task)>> = BTreeMap::new();
        for (key, task) in self.tasks_of(id).filter(|(_, task)| task.desired != TaskState::Remove) {
            all.entry(task.slot.clone()).or_default().push((key, task));
        }
        let updatable = |tasks: &[(u64, &Task)]| -> Vec<u64> {
            let wanted: Vec<u64> = tasks
                .iter()
                .filter(|(_, task)| task.desired <= TaskState::Running)
                .map(|(key, _)| *key)
                .collect();
            match tasks.last() {
                Some((key, last)) if wanted.is_empty() && !rolling_back && !should_restart(service, last) => {
                    vec![*key]
                }
                _ => wanted,
            }
        };
        let slots = all.into_iter().map(|(slot, tasks)| (slot, updatable(&tasks)));
        slots.filter(|(_, tasks)| !tasks.is_empty()).collect()
    }
}
