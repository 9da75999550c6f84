//! A task's life, from its creation to its end: what the allocator, the scheduler and a node's agent do with it, in the paces
//! of a real engine (measured on 20.10.24 with one node).

use std::sync::Arc;
use std::time::Duration;

use engine::TaskState;
use serde_json::Value;

use super::record::{Meta, Slot, Task, duration, text};
use super::{Due, World};
use crate::behaviour::{Start, command, environment};

const ALLOCATING: Duration = Duration::from_millis(5);
const SCHEDULING: Duration = Duration::from_millis(50);
const ACCEPTING: Duration = Duration::from_millis(130);
const PREPARING: Duration = Duration::from_millis(100);
const REJECTING: Duration = Duration::from_millis(350);
const STARTING: Duration = Duration::from_millis(200);
const REPORTING: Duration = Duration::from_millis(100);
/// How long a new task waits at most for the one before it to stop (swarmkit, orchestrator/restart, `DelayStart`).
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// How many tasks of a slot are kept, ended ones included (swarmkit's default task history limit).
const HISTORY: usize = 5;
/// What a container gets to stop when its spec does not say.
const GRACE: Duration = Duration::from_secs(10);

/// What a task does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Allocate,
    Schedule,
    Prepare,
    Prepared,
    Reject,
    Start,
    Up,
    Unhealthy,
    Exit(i64),
    Stopped,
    /// The wait before its start is over.
    Release,
    Forget,
}

impl World {
    /// Makes a task of a service in a slot. `desired` is Ready if it must wait before it starts.
    pub(super) fn create_task(&mut self, service: &str, slot: &Slot, desired: TaskState) -> Option<u64> {
        self.services.get(service)?;
        let (version, key) = (self.write(), self.next_order());
        let id = self.rng.id();
        let service = self.services.get(service)?;
        let behaviour = self.behaviour(text(service.template(), "/ContainerSpec/Image"));
        let like = |task: &Task| Arc::ptr_eq(&task.made_from, &service.spec).then(|| Arc::clone(&task.shown));
        let shown = self.tasks_of(&service.id).find_map(|(_, task)| like(task));
        let task = Task {
            id,
            meta: Meta { version, created: self.now, updated: self.now },
            service: service.id.clone(),
            service_name: service.name().to_owned(),
            made_from: Arc::clone(&service.spec),
            node: slot.node.clone(),
            slot: slot.clone(),
            shown: shown.unwrap_or_else(|| Arc::new(without_runtime(service.template()))),
            spec_version: service.spec_version,
            state: TaskState::New,
            desired,
            message: "created".into(),
            err: String::new(),
            exit_code: None,
            container: None,
            status_at: self.now,
            started: None,
            ended: None,
            iteration: service.mode().is_job().then_some(service.iteration),
            behaviour,
            stage: 0,
            waits_for: None,
        };
        let service = task.service.clone();
        self.tasks.insert(key, task);
        self.tasks_of.entry(service.clone()).or_default().insert(key);
        self.forget_history(&service, slot);
        self.plan_step(key, ALLOCATING, Step::Allocate);
        Some(key)
    }

    /// Lets a task that waits start after this time.
    pub(super) fn release_after(&mut self, task: u64, delay: Duration) {
        self.plan_step(task, delay, Step::Release);
    }

    /// Lets a task start when another has stopped, or when it has waited too long for that.
    pub(super) fn release_when_stopped(&mut self, task: u64, old: u64) {
        if let Some(task) = self.tasks.get_mut(&task) {
            task.waits_for = Some(old);
        }
        self.release_after(task, LONGEST_WAIT);
    }

    /// Tells a task what is wanted of it. What is wanted only ever moves forward.
    pub(super) fn desire(&mut self, key: u64, desired: TaskState) {
        if self.tasks.get(&key).is_none_or(|task| task.desired >= desired) {
            return;
        }
        let version = self.write();
        let now = self.now;
        let Some(task) = self.tasks.get_mut(&key) else { return };
        task.desired = desired;
        task.meta.version = version;
        task.meta.updated = now;
        if desired <= TaskState::Complete {
            if task.state == TaskState::Ready {
                self.plan_step(key, STARTING, Step::Start);
            }
            return;
        }
        task.stage += 1;
        if task.state.is_final() {
            if desired == TaskState::Remove {
                self.plan_step(key, REPORTING, Step::Forget);
            }
            return;
        }
        let grace = duration(task.template(), "/ContainerSpec/StopGracePeriod").unwrap_or(GRACE);
        let stopping =
            if task.state >= TaskState::Starting { task.behaviour.stops_in.min(grace) } else { REPORTING };
        self.plan_step(key, stopping, Step::Stopped);
    }

    /// A running task of a service fails by itself. Returns whether there was one.
    pub(crate) fn crash_task(&mut self, service: &str) -> bool {
        let Some(id) = self.find_service(service).map(|service| service.id.clone()) else { return false };
        let up = |task: &Task| task.state == TaskState::Running && task.desired == TaskState::Running;
        let Some(key) = self.tasks_of(&id).find(|(_, task)| up(task)).map(|(key, _)| key) else {
            return false;
        };
        if let Some(task) = self.tasks.get_mut(&key) {
            task.stage += 1;
        }
        self.end(key, TaskState::Failed, "started", "task: non-zero exit (139)", Some(139));
        true
    }

    /// From now on the tasks that a service has take this time to stop.
    pub(crate) fn drain_slowly(&mut self, service: &str, time: Duration) {
        let Some(id) = self.find_service(service).map(|service| service.id.clone()) else { return };
        for key in self.tasks_of.get(&id).into_iter().flatten() {
            if let Some(task) = self.tasks.get_mut(key) {
                task.behaviour.stops_in = time;
            }
        }
    }

    /// Tries again to place the tasks that no node could take.
    pub(super) fn place_again(&mut self) {
        let waiting = |task: &Task| {
            task.state == TaskState::Pending && !task.err.is_empty() && !task.desired.is_final()
        };
        let tasks = &self.tasks;
        self.unplaced.retain(|key| tasks.get(key).is_some_and(waiting));
        for key in self.unplaced.clone() {
            self.plan_step(key, SCHEDULING, Step::Schedule);
        }
    }

    pub(super) fn step(&mut self, key: u64, stage: u64, step: Step) {
        let Some(task) = self.tasks.get(&key).filter(|task| task.stage == stage) else { return };
        match step {
            Step::Allocate => self.allocate(key),
            Step::Schedule if task.state == TaskState::Pending => self.schedule(key),
            Step::Prepare => self.prepare(key),
            Step::Prepared => self.prepared(key),
            Step::Reject => {
                let err = format!("No such image: {}", task.image());
                self.end(key, TaskState::Rejected, "preparing", &err, None);
            }
            Step::Start => self.start(key),
            Step::Up => self.up(key),
            Step::Unhealthy => {
                let err = "task: non-zero exit (137): dockerexec: unhealthy container";
                self.end(key, TaskState::Failed, "starting", err, Some(137));
            }
            Step::Exit(0) => self.end(key, TaskState::Complete, "finished", "", Some(0)),
            Step::Exit(code) => {
                let err = format!("task: non-zero exit ({code})");
                self.end(key, TaskState::Failed, "started", &err, Some(code));
            }
            Step::Stopped => self.stopped(key),
            Step::Release if task.desired == TaskState::Ready => self.desire(key, TaskState::Running),
            Step::Schedule | Step::Release => {}
            Step::Forget => self.forget(key),
        }
    }

    fn plan_step(&mut self, task: u64, after: Duration, step: Step) {
        let Some(stage) = self.tasks.get(&task).map(|task| task.stage) else { return };
        self.plan(after, Due::Task { task, stage, step });
    }

    fn report(&mut self, key: u64, state: TaskState, message: &str, err: &str) {
        let version = self.write();
        let now = self.now;
        let Some(task) = self.tasks.get_mut(&key) else { return };
        (task.state, task.message, task.err) = (state, message.to_owned(), err.to_owned());
        (task.meta.version, task.meta.updated, task.status_at) = (version, now, now);
    }

    fn allocate(&mut self, key: u64) {
        let Some(task) = self.tasks.get(&key) else { return };
        let published = task.endpoint()["Ports"].as_array();
        let through_ingress = published.into_iter().flatten().any(|port| port["PublishMode"] != "host");
        if through_ingress && !self.ingress_addresses {
            return;
        }
        self.report(key, TaskState::Pending, "pending task scheduling", "");
        self.plan_step(key, SCHEDULING, Step::Schedule);
    }

    fn schedule(&mut self, key: u64) {
        match self.place(key) {
            Ok(node) => {
                if let Some(task) = self.tasks.get_mut(&key) {
                    task.node = Some(node);
                }
                self.report(key, TaskState::Assigned, "scheduler assigned task to node", "");
                self.plan_step(key, ACCEPTING, Step::Prepare);
            }
            Err(reason) => {
                if self.tasks.get(&key).is_some_and(|task| task.err != reason) {
                    self.report(key, TaskState::Pending, "pending task scheduling", &reason);
                    self.unplaced.insert(key);
                }
            }
        }
    }

    fn prepare(&mut self, key: u64) {
        self.report(key, TaskState::Preparing, "preparing", "");
        let missing = self.tasks.get(&key).is_some_and(|task| task.behaviour.missing);
        if missing {
            self.plan_step(key, REJECTING, Step::Reject);
        } else {
            self.plan_step(key, PREPARING, Step::Prepared);
        }
    }

    fn prepared(&mut self, key: u64) {
        self.report(key, TaskState::Ready, "prepared", "");
        let wanted = self.tasks.get(&key).is_some_and(|task| task.desired > TaskState::Ready);
        if wanted {
            self.plan_step(key, STARTING, Step::Start);
        }
    }

    fn start(&mut self, key: u64) {
        let container = self.rng.hex(64);
        let now = self.now;
        let Some(task) = self.tasks.get_mut(&key) else { return };
        task.container = Some(container.clone());
        task.started = Some(now);
        let start = Start {
            at: now,
            service: task.service_name.clone(),
            command: command(task.template()),
            environment: environment(task.template()),
        };
        if let Some(other) = self.stand_in.as_ref().and_then(|stand_in| stand_in(&start)) {
            task.behaviour = other;
        }
        let behaviour = task.behaviour.clone();
        if let Some(on_start) = &behaviour.on_start {
            on_start(&start);
        }
        self.report(key, TaskState::Starting, "starting", "");
        self.tell("container", "start", &container, &[]);
        self.plan_step(key, behaviour.up_after, if behaviour.healthy { Step::Up } else { Step::Unhealthy });
    }

    fn up(&mut self, key: u64) {
        self.report(key, TaskState::Running, "started", "");
        if let Some((after, code)) = self.tasks.get(&key).and_then(|task| task.behaviour.exit) {
            self.plan_step(key, after, Step::Exit(code));
        }
        self.updater_saw_up(key);
    }

    fn end(&mut self, key: u64, state: TaskState, message: &str, err: &str, code: Option<i64>) {
        self.report(key, state, message, err);
        self.ended(key, code);
        self.task_ended(key);
    }

    /// What follows when a task has ended by itself.
    fn task_ended(&mut self, key: u64) {
        let Some(service) = self.tasks.get(&key).map(|task| task.service.clone()) else { return };
        let Some(is_job) = self.services.get(&service).map(|service| service.mode().is_job()) else { return };
        if is_job {
            self.run_job(&service);
        } else {
            self.restart(key);
            self.updater_saw_end(key);
        }
    }

    fn stopped(&mut self, key: u64) {
        let Some(task) = self.tasks.get(&key) else { return };
        let had_container = task.container.is_some();
        let removed = task.desired == TaskState::Remove;
        self.report(key, TaskState::Shutdown, "shutdown", "");
        self.ended(key, had_container.then_some(137));
        if removed {
            self.plan_step(key, REPORTING, Step::Forget);
        }
    }

    /// What follows every end: whoever waited for it goes on.
    fn ended(&mut self, key: u64, code: Option<i64>) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(&key) else { return };
        task.exit_code = code;
        task.ended = Some(now);
        if let (Some(on_end), Some(started)) = (&task.behaviour.on_end, task.started) {
            on_end(started, now);
        }
        let (service, container) = (task.service.clone(), task.container.clone());
        if let Some(container) = container {
            self.tell("container", "die", &container, &[]);
        }
        let released: Vec<u64> = self
            .tasks_of(&service)
            .filter(|(_, task)| task.waits_for == Some(key))
            .map(|(key, _)| key)
            .collect();
        for key in released {
            self.release_after(key, Duration::ZERO);
        }
        self.forget_networks();
        self.place_again();
    }

    fn forget(&mut self, key: u64) {
        self.write();
        let Some(task) = self.tasks.remove(&key) else { return };
        if let Some(tasks) = self.tasks_of.get_mut(&task.service) {
            tasks.remove(&key);
            if tasks.is_empty() {
                self.tasks_of.remove(&task.service);
            }
        }
    }

    /// Drops the oldest ended tasks of a slot beyond what is kept.
    fn forget_history(&mut self, service: &str, slot: &Slot) {
        let in_slot: Vec<(u64, bool)> = self
            .tasks_of(service)
            .filter(|(_, task)| task.slot == *slot && task.iteration.is_none())
            .map(|(key, task)| (key, task.state.is_final() && task.desired > TaskState::Complete))
            .collect();
        let excess = in_slot.len().saturating_sub(HISTORY);
        let old: Vec<u64> =
            in_slot.into_iter().filter(|(_, ended)| *ended).map(|(key, _)| key).take(excess).collect();
        for key in old {
            self.forget(key);
        }
    }
}

fn without_runtime(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(template) = template.as_object_mut() {
        template.shift_remove("Runtime");
    }
    template
}
