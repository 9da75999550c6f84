//! Swarm's updater: replaces a service's dirty tasks a few at a time, watches the new ones, and pauses or puts the previous
//! spec back when they end (swarmkit, orchestrator/update). Its own status writes move the service's version index.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use engine::TaskState;
use serde_json::Value;

use super::record::{Slot, Update, duration, text};
use super::{Due, World};

/// How long a task is watched when the update config does not say.
const MONITOR: Duration = Duration::from_secs(5);

/// One run of the updater for one service.
#[derive(Clone, Debug)]
pub(super) struct Updater {
    run: u64,
    spec: Arc<Value>,
    config: Config,
    /// Slots that wait for a worker.
    queue: VecDeque<Slot>,
    dirty: usize,
    /// Slots that a worker is at, each with its new task.
    working: BTreeMap<u64, Slot>,
    /// Workers that wait out the delay after their slot.
    resting: u64,
    /// The tasks this run made, and when they came up.
    made: BTreeMap<u64, Option<Duration>>,
    failed: BTreeSet<u64>,
    /// Ends not looked at yet: the updater looks only while it waits for a worker, and while it monitors.
    unseen: Vec<u64>,
    monitoring: bool,
}

/// How to update.
#[derive(Clone, Debug)]
struct Config {
    parallelism: usize,
    delay: Duration,
    monitor: Duration,
    action: String,
    start_first: bool,
    max_failure_ratio: f64,
}

/// What happens next in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    WorkerFree,
    MonitorEnd,
}

impl Config {
    fn of(spec: &Value, key: &str) -> Self {
        let config = &spec[key];
        // No config at all means one at a time; a config without the number means all at once.
        let parallelism = if config.is_object() { config["Parallelism"].as_u64().unwrap_or(0) } else { 1 };
        Self {
            parallelism: usize::try_from(parallelism).ok().filter(|number| *number > 0).unwrap_or(usize::MAX),
            delay: duration(config, "/Delay").unwrap_or_default(),
            monitor: duration(config, "/Monitor").unwrap_or(MONITOR),
            action: text(config, "/FailureAction").to_owned(),
            start_first: text(config, "/Order") == "start-first",
            max_failure_ratio: config["MaxFailureRatio"].as_f64().unwrap_or(0.0),
        }
    }
}

impl World {
    /// Begins to replace the dirty ones of these slots, unless the update is paused or nothing is dirty.
    pub(super) fn start_updater(&mut self, id: &str, slots: &BTreeMap<Slot, Vec<u64>>) {
        let Some(service) = self.services.get(id) else { return };
        if self.updaters.get(id).is_some_and(|updater| updater.spec == service.spec) {
            return;
        }
        self.updaters.remove(id);
        let state = service.update.as_ref().map(|update| update.state);
        if matches!(state, Some("paused" | "rollback_paused")) {
            return;
        }
        let dirty = slots
            .iter()
            .filter(|(_, tasks)| tasks.len() > 1 || tasks.iter().any(|key| self.is_dirty(id, *key)));
        let queue: VecDeque<Slot> = dirty.map(|(slot, _)| slot.clone()).collect();
        if queue.is_empty() {
            if matches!(state, Some("updating" | "rollback_started")) {
                self.complete_update(id);
            }
            return;
        }
        let key = if state == Some("rollback_started") { "RollbackConfig" } else { "UpdateConfig" };
        let config = Config::of(&service.spec, key);
        let spec = service.spec.clone();
        if state.is_none() {
            self.set_update(id, "updating", "update in progress", false);
        }
        let updater = Updater {
            run: self.next_order(),
            spec,
            config,
            dirty: queue.len(),
            queue,
            working: BTreeMap::new(),
            resting: 0,
            made: BTreeMap::new(),
            failed: BTreeSet::new(),
            unseen: Vec::new(),
            monitoring: false,
        };
        self.updaters.insert(id.to_owned(), updater);
        self.hand_out(id);
    }

    /// A task of an updater's run is up.
    pub(super) fn updater_saw_up(&mut self, key: u64) {
        let Some((id, slot)) = self.tasks.get(&key).map(|task| (task.service.clone(), task.slot.clone()))
        else {
            return;
        };
        let now = self.now;
        let Some(updater) = self.updaters.get_mut(&id) else { return };
        if let Some(up) = updater.made.get_mut(&key) {
            *up = Some(now);
        }
        if !updater.working.contains_key(&key) {
            return;
        }
        if updater.config.start_first {
            self.stop_others(&id, &slot, key);
        }
        self.finish_slot(&id, key);
    }

    /// A task of an updater's run has ended by itself.
    pub(super) fn updater_saw_end(&mut self, key: u64) {
        let Some(id) = self.tasks.get(&key).map(|task| task.service.clone()) else { return };
        let Some(updater) = self.updaters.get_mut(&id) else { return };
        if updater.made.contains_key(&key) {
            updater.unseen.push(key);
        }
        let waits_for_a_worker = !updater.queue.is_empty();
        if (waits_for_a_worker || updater.monitoring) && self.look_at_failures(&id) {
            return;
        }
        self.finish_slot(&id, key);
    }

    pub(super) fn tick(&mut self, id: &str, run: u64, tick: Tick) {
        let Some(updater) = self.updaters.get_mut(id).filter(|updater| updater.run == run) else { return };
        match tick {
            Tick::WorkerFree => {
                updater.resting = updater.resting.saturating_sub(1);
                self.hand_out(id);
            }
            Tick::MonitorEnd => {
                self.updaters.remove(id);
                self.complete_update(id);
            }
        }
    }

    /// Gives slots to free workers; when there are none left of either, begins to monitor.
    fn hand_out(&mut self, id: &str) {
        loop {
            let Some(updater) = self.updaters.get_mut(id) else { return };
            let busy = updater.working.len() + usize::try_from(updater.resting).unwrap_or(usize::MAX);
            if busy >= updater.config.parallelism {
                return;
            }
            let Some(slot) = updater.queue.pop_front() else { break };
            self.update_slot(id, &slot);
        }
        let Some(updater) = self.updaters.get_mut(id) else { return };
        if !updater.working.is_empty() || updater.resting > 0 || updater.monitoring {
            return;
        }
        updater.monitoring = true;
        let (run, monitor) = (updater.run, updater.config.monitor);
        if !self.look_at_failures(id) {
            self.plan(monitor, Due::Updater { service: id.to_owned(), run, tick: Tick::MonitorEnd });
        }
    }

    /// Replaces the tasks of one slot.
    fn update_slot(&mut self, id: &str, slot: &Slot) {
        let tasks = self.updatable(id).remove(slot).unwrap_or_default();
        let clean = tasks.iter().copied().filter(|key| !self.is_dirty(id, *key));
        // Of the clean tasks one that is wanted up already, else the newest.
        if let Some(existing) = clean.max_by_key(|key| (self.tasks[key].desired == TaskState::Running, *key))
        {
            self.stop_others(id, slot, existing);
            self.release_after(existing, Duration::ZERO);
            self.rest(id);
            return;
        }
        let start_first = self.updaters.get(id).is_some_and(|updater| updater.config.start_first);
        let old = tasks.into_iter().rfind(|key| self.tasks[key].desired <= TaskState::Running);
        let desired = if start_first || old.is_none() { TaskState::Running } else { TaskState::Ready };
        let Some(new) = self.create_task(id, slot, desired) else { return };
        if !start_first {
            self.stop_others(id, slot, new);
            if let Some(old) = old {
                self.release_when_stopped(new, old);
            }
        }
        if let Some(updater) = self.updaters.get_mut(id) {
            updater.working.insert(new, slot.clone());
            updater.made.insert(new, None);
        }
    }

    fn stop_others(&mut self, id: &str, slot: &Slot, keep: u64) {
        let others = self.tasks_of(id).filter(|(key, task)| *key != keep && task.slot == *slot);
        let others: Vec<u64> =
            others.filter(|(_, task)| task.desired <= TaskState::Running).map(|(key, _)| key).collect();
        for key in others {
            self.desire(key, TaskState::Shutdown);
        }
    }

    fn finish_slot(&mut self, id: &str, key: u64) {
        let Some(updater) = self.updaters.get_mut(id) else { return };
        if updater.working.remove(&key).is_some() {
            self.rest(id);
        }
    }

    fn rest(&mut self, id: &str) {
        let Some(updater) = self.updaters.get_mut(id) else { return };
        updater.resting += 1;
        let (run, delay) = (updater.run, updater.config.delay);
        self.plan(delay, Due::Updater { service: id.to_owned(), run, tick: Tick::WorkerFree });
    }

    /// Counts the ends seen so far and acts if they are too many. Returns whether the run is over.
    fn look_at_failures(&mut self, id: &str) -> bool {
        let now = self.now;
        let Some(updater) = self.updaters.get_mut(id) else { return true };
        for key in std::mem::take(&mut updater.unseen) {
            let up = updater.made.get(&key).copied().flatten();
            let counts = up.is_none_or(|up| now.saturating_sub(up) <= updater.config.monitor);
            if !counts || !updater.failed.insert(key) || updater.config.action == "continue" {
                continue;
            }
            // Counts of tasks are far below the precision of a float.
            #[allow(clippy::cast_precision_loss)]
            let ratio = updater.failed.len() as f64 / updater.dirty as f64;
            if ratio > updater.config.max_failure_ratio {
                let rollback = updater.config.action == "rollback";
                let task = self.tasks.get(&key).map(|task| task.id.clone()).unwrap_or_default();
                self.updaters.remove(id);
                self.give_up(id, &task, rollback);
                return true;
            }
        }
        false
    }

    fn give_up(&mut self, id: &str, task: &str, rollback: bool) {
        let Some(service) = self.services.get_mut(id) else { return };
        // Without a status the service was changed since this update began.
        let Some(update) = &service.update else { return };
        let reason = format!("due to failure or early termination of task {task}");
        if update.state == "rollback_started" {
            self.set_update(id, "rollback_paused", &format!("rollback paused {reason}"), false);
        } else if !rollback {
            self.set_update(id, "paused", &format!("update paused {reason}"), false);
        } else if let Some(before) = service.previous.take() {
            (service.spec, service.spec_version) = (before.spec, before.spec_version);
            service.foreign = before.foreign;
            self.set_update(id, "rollback_started", &format!("update rolled back {reason}"), false);
            self.reconcile(id);
        }
    }

    fn complete_update(&mut self, id: &str) {
        match self.services.get(id).and_then(|service| service.update.as_ref()).map(|update| update.state) {
            Some("rollback_started") => self.set_update(id, "rollback_completed", "rollback completed", true),
            Some(_) => self.set_update(id, "completed", "update completed", true),
            None => {}
        }
    }

    fn set_update(&mut self, id: &str, state: &'static str, message: &str, completed: bool) {
        let now = self.now;
        let version = self.write();
        let Some(service) = self.services.get_mut(id) else { return };
        let started = service.update.as_ref().map_or(now, |update| update.started);
        service.update =
            Some(Update { state, started, completed: completed.then_some(now), message: message.to_owned() });
        (service.meta.version, service.meta.updated) = (version, now);
        let name = service.name().to_owned();
        self.tell("service", "update", id, &[("name", &name), ("updatestate.new", state)]);
    }

    /// Whether a task was made from another spec than its service has now.
    fn is_dirty(&self, id: &str, key: u64) -> bool {
        let (Some(service), Some(task)) = (self.services.get(id), self.tasks.get(&key)) else { return false };
        if task.spec_version == service.spec_version || Arc::ptr_eq(&task.made_from, &service.spec) {
            return false;
        }
        if *task.endpoint() != service.spec["EndpointSpec"] {
            return true;
        }
        if task.template() == service.template() {
            return false;
        }
        // Another placement alone does not replace a task that it allows where it is.
        let without = |template: &Value| {
            let mut template = template.clone();
            template.as_object_mut().map(|template| template.shift_remove("Placement"));
            template
        };
        let here =
            task.node.as_ref().is_some_and(|node| self.eligible_nodes(service.template()).contains(node));
        !(here && without(task.template()) == without(service.template()))
    }
}
