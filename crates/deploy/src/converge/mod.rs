//! Is the service there yet, and can it still get there? Pure: it is shown what the engine says, again and again,
//! and answers. It measures time by the clock of whoever watches, and reads no other.
//!
//! Success means that every task runs the wanted spec and stayed up for the monitor period (invariant 7). A wait ends
//! early when it cannot succeed: crash loop, image missing, no node fits, no address left, Swarm's own rollback.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::{Service, ServiceMode, Task, TaskState, UpdateState, at};
use serde_json::Value;

use crate::spec::same;

mod count;
mod trouble;

pub(crate) use count::{Count, count};
use count::{count_current, is_made_from, is_up, may_end, template};
pub(crate) use trouble::INGRESS;
use trouble::asked;
pub use trouble::{Fate, Trouble, Witness};

/// The engine's own default for how long a new task must stay up (swarmkit, `defaults`).
const DEFAULT_MONITOR: Duration = Duration::from_secs(5);
/// After so many failures of the new spec it is a crash loop.
const CRASH_LIMIT: usize = 3;
/// After so many rejections (the image is missing, a mount cannot be made) nothing will change by itself.
const REJECT_LIMIT: usize = 2;
/// How long a task may wait for a node that fits, or for an address, before that counts as a failure.
const PLACEMENT_GRACE: Duration = Duration::from_secs(20);

/// How long Swarm's updater may stand still, besides its own delay and monitor period, before a lost node is its reason.
const STANDSTILL_GRACE: Duration = Duration::from_secs(10);

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Not there yet.
    Waiting {
        /// Tasks that run the wanted spec.
        running: u64,
        /// Tasks that should.
        wanted: u64,
        /// What is missing.
        note: Option<String>,
    },
    /// There.
    Converged {
        /// Tasks that run the wanted spec (or have completed, for a one-shot).
        running: u64,
        /// Tasks that should.
        wanted: u64,
    },
    /// It will not get there.
    Failed(Trouble),
}

/// When the engine was asked what is shown to the watch, and when it had answered, both as times since the watch began. What
/// it says was so at some moment between the two: a task that was up in two answers was up at least from the first answer to
/// the second question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// When it was asked.
    pub asked: Duration,
    /// When it had answered.
    pub answered: Duration,
}

/// Watches one service become what was asked for.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The spec as the engine gave it back after our write.
    spec: Arc<Value>,
    task_template: Value,
    /// Whether each task seen was made from the spec: what a task was made from never changes, so it is compared once.
    current: BTreeMap<String, bool>,
    /// Tasks from before our write, whose failures are not ours.
    known: BTreeSet<String>,
    deadline: Duration,
    /// Since which answer each task that is up has been seen up. A task that ends is followed by another of another id.
    up_since: BTreeMap<String, Duration>,
    placing_since: BTreeMap<String, Duration>,
    /// Since when Swarm's updater seems to wait for a task on a lost node.
    standing_since: Option<Duration>,
    /// The monitor period has been held before.
    held: bool,
    /// Swarm may have gone back to this spec by itself; that is then what was wanted.
    after_rollback: bool,
}

impl Watch {
    /// Starts to watch: `spec` as read after the write, `known` the tasks there were before it, `deadline` how long
    /// it may take.
    pub(crate) fn new(spec: Arc<Value>, known: BTreeSet<String>, deadline: Duration) -> Self {
        let task_template = template(spec.get("TaskTemplate"));
        Self {
            spec,
            task_template,
            current: BTreeMap::new(),
            known,
            deadline,
            up_since: BTreeMap::new(),
            placing_since: BTreeMap::new(),
            standing_since: None,
            held: false,
            after_rollback: false,
        }
    }

    /// The same, for a service that was left alone: it is there as soon as its tasks are up.
    #[must_use]
    pub(crate) fn left_alone(mut self) -> Self {
        self.held = true;
        self
    }

    /// The same, for a spec that is being put back: that Swarm put it back by itself is no trouble.
    #[must_use]
    pub(crate) fn after_rollback(mut self) -> Self {
        self.after_rollback = true;
        self
    }

    /// Judges what the engine says now; no look begins before the one before it has ended.
    pub(crate) fn observe(&mut self, look: Look, service: Option<&Service>, tasks: &[Task]) -> Progress {
        let Some(service) = service else { return Progress::Failed(Trouble::Removed) };
        let elapsed = look.answered;
        self.current.retain(|id, _| tasks.iter().any(|task| task.id == *id));
        for task in tasks {
            let compare = || is_made_from(task, &self.task_template);
            self.current.entry(task.id.clone()).or_insert_with(compare);
        }
        if let Some(trouble) = self.trouble(elapsed, service, tasks) {
            return Progress::Failed(trouble);
        }
        let count = count_current(|task| self.is_current(task), &self.spec, tasks);
        let updating =
            matches!(service.update_state(), Some(UpdateState::Updating | UpdateState::RollbackStarted));
        let stayed_up = self.stayed_up(look, tasks, count) || planted!(MonitorNotHeld);
        if count.running >= count.wanted && count.outdated == 0 && !updating && stayed_up {
            return Progress::Converged { running: count.running, wanted: count.wanted };
        }
        let note = self.note(tasks, count, updating);
        if elapsed >= self.deadline {
            return Progress::Failed(Trouble::Deadline {
                seconds: self.deadline.as_secs(),
                running: count.running,
                wanted: count.wanted,
                note,
                witness: self.witness(tasks).map(Box::new),
            });
        }
        Progress::Waiting { running: count.running, wanted: count.wanted, note }
    }

    /// Whether every task that is up has been up for the monitor period, by our own clock. That Swarm calls its update
    /// complete says nothing about it: with `failure_action: continue` it does so while the tasks crash.
    fn stayed_up(&mut self, look: Look, tasks: &[Task], count: Count) -> bool {
        let mode = ServiceMode::of_spec(&self.spec);
        let current = self.current(tasks);
        let up: BTreeSet<&str> =
            current.iter().filter(|task| is_up(task, mode)).map(|task| task.id.as_str()).collect();
        self.up_since.retain(|id, _| up.contains(id.as_str()));
        for id in &up {
            self.up_since.entry((*id).to_owned()).or_insert(look.answered);
        }
        let mut monitor = self.monitor();
        if !self.failed(tasks).is_empty() {
            // A short period tells little of a service that has failed already: between two crashes it is up as well.
            monitor = monitor.max(DEFAULT_MONITOR);
        }
        let now = if planted!(LateAnswerCounts) { look.answered } else { look.asked };
        let long = |since: &Duration| now.saturating_sub(*since) >= monitor;
        // Of a global service the tasks may not have been made yet.
        let nothing_yet = count.running == 0 && now < monitor;
        self.held || (!nothing_yet && self.up_since.values().all(long))
    }

    fn monitor(&self) -> Duration {
        let nanos = at(&self.spec, "/UpdateConfig/Monitor").and_then(Value::as_u64);
        nanos.filter(|nanos| *nanos > 0).map_or(DEFAULT_MONITOR, Duration::from_nanos)
    }

    fn current<'t>(&self, tasks: &'t [Task]) -> Vec<&'t Task> {
        tasks.iter().filter(|task| self.is_current(task)).collect()
    }

    fn is_current(&self, task: &Task) -> bool {
        self.current.get(&task.id).copied().unwrap_or_default()
    }

    /// Tasks of the wanted spec that ended since our write and should not have, oldest first.
    fn failed<'t>(&self, tasks: &'t [Task]) -> Vec<&'t Task> {
        let may_end = may_end(&self.spec);
        let mut failed = self.current(tasks);
        failed.retain(|task| !self.known.contains(&task.id));
        failed.retain(|task| match task.status.state {
            TaskState::Failed | TaskState::Rejected => true,
            TaskState::Complete => !may_end,
            _ => false,
        });
        failed
    }

    fn trouble(&mut self, elapsed: Duration, service: &Service, tasks: &[Task]) -> Option<Trouble> {
        let failed = self.failed(tasks);
        let last = failed.last().map(|task| Box::new(Witness::of(task)));
        if let Some(trouble) = self.swarms_own(service, last.clone()) {
            return Some(trouble);
        }
        let rejected = failed.iter().filter(|task| task.status.state == TaskState::Rejected).count();
        let failures = failed.len();
        if let Some(last) = last {
            if rejected >= REJECT_LIMIT {
                return Some(Trouble::Rejected { last });
            }
            if failures - rejected >= self.crash_limit() {
                return Some(Trouble::CrashLoop { failures, last });
            }
        }
        self.placement(elapsed, tasks).or_else(|| self.standstill(elapsed, service, tasks))
    }

    /// Whether Swarm's updater waits for a task that was given to a node and given up there before it ran, while nothing is on
    /// its way: on a node that lives such a task ends within moments.
    fn standstill(&mut self, elapsed: Duration, service: &Service, tasks: &[Task]) -> Option<Trouble> {
        let current = self.current(tasks);
        let before_running = |task: &&&Task| task.status.state < TaskState::Running;
        let abandoned =
            current.iter().filter(before_running).find(|task| !task.is_wanted() && task.node_id.is_some());
        let under_way = current.iter().filter(before_running).any(|task| task.is_wanted());
        let updating = service.update_state() == Some(UpdateState::Updating);
        let Some(node) = abandoned.filter(|_| updating && !under_way).and_then(|task| task.node_id.clone())
        else {
            self.standing_since = None;
            return None;
        };
        let nanos = at(&self.spec, "/UpdateConfig/Delay").and_then(Value::as_u64).unwrap_or_default();
        let grace = STANDSTILL_GRACE + self.monitor() + Duration::from_nanos(nanos);
        let since = *self.standing_since.get_or_insert(elapsed);
        (elapsed.saturating_sub(since) >= grace).then_some(Trouble::NodeLost { node })
    }

    /// What Swarm's own updater did. Its rollback can be over in milliseconds, so the spec is what counts.
    fn swarms_own(&self, service: &Service, cause: Option<Box<Witness>>) -> Option<Trouble> {
        let status = service.update_status.as_ref();
        let message = status.map(|status| status.message.clone()).filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| "no reason given".to_owned());
        let rolled_back = matches!(
            service.update_state(),
            Some(UpdateState::RollbackStarted | UpdateState::RollbackPaused | UpdateState::RollbackCompleted)
        );
        if !Arc::ptr_eq(&service.spec, &self.spec) && !same(&service.spec, &self.spec) {
            return Some(if rolled_back {
                Trouble::SwarmRolledBack { message, cause }
            } else {
                Trouble::Changed
            });
        }
        match service.update_state() {
            Some(UpdateState::RollbackPaused) if self.after_rollback => None,
            Some(UpdateState::Paused | UpdateState::RollbackPaused) => {
                Some(Trouble::Paused { message, cause })
            }
            _ => None,
        }
    }

    fn crash_limit(&self) -> usize {
        let policy = at(&self.spec, "/TaskTemplate/RestartPolicy");
        let field = |name: &str| policy.and_then(|policy| policy.get(name));
        if field("Condition").and_then(Value::as_str) == Some("none") {
            return 1;
        }
        match field("MaxAttempts").and_then(Value::as_u64) {
            Some(attempts) if attempts > 0 => {
                CRASH_LIMIT.min(usize::try_from(attempts).unwrap_or(CRASH_LIMIT).saturating_add(1))
            }
            _ => CRASH_LIMIT,
        }
    }

    fn placement(&mut self, elapsed: Duration, tasks: &[Task]) -> Option<Trouble> {
        let mut placing = self.current(tasks);
        placing.retain(|task| task.is_wanted() && task.node_id.is_none());
        placing.retain(|task| matches!(task.status.state, TaskState::New | TaskState::Pending));
        self.placing_since.retain(|id, _| placing.iter().any(|task| task.id == *id));
        for task in placing {
            let since = *self.placing_since.entry(task.id.clone()).or_insert(elapsed);
            if elapsed.saturating_sub(since) < PLACEMENT_GRACE && elapsed < self.deadline {
                continue;
            }
            if task.status.state == TaskState::New {
                return Some(Trouble::NoAddress { networks: self.networks() });
            }
            if !task.status.err.is_empty() {
                let error = task.status.err.clone();
                let asked = asked(&self.spec, &error);
                return Some(Trouble::NoNode { error, asked });
            }
        }
        None
    }

    /// The ids of the networks that a task needs an address in, and the name of the ingress network if it is one of them.
    fn networks(&self) -> Vec<String> {
        let list = |pointer: &str| at(&self.spec, pointer).and_then(Value::as_array).into_iter().flatten();
        let joined = list("/TaskTemplate/Networks").filter_map(|network| network["Target"].as_str());
        let ingress = list("/EndpointSpec/Ports").any(|port| port["PublishMode"] != "host");
        joined.chain(ingress.then_some(INGRESS)).map(str::to_owned).collect()
    }

    /// A task that shows what is wrong when the time is up: one that is starting and not healthy, else one that failed.
    fn witness(&self, tasks: &[Task]) -> Option<Witness> {
        let starting = |task: &&Task| task.is_wanted() && task.status.state == TaskState::Starting;
        let current = self.current(tasks);
        let starting = current.into_iter().find(|task| starting(task) && task.status.container_id.is_some());
        starting.or_else(|| self.failed(tasks).pop()).map(Witness::of)
    }

    fn note(&self, tasks: &[Task], count: Count, updating: bool) -> Option<String> {
        let mut parts = Vec::new();
        let mut by_state: BTreeMap<TaskState, u64> = BTreeMap::new();
        for task in self.current(tasks) {
            if task.is_wanted() && !task.status.state.is_final() && task.status.state != TaskState::Running {
                *by_state.entry(task.status.state).or_default() += 1;
            }
        }
        parts.extend(by_state.iter().map(|(state, number)| format!("{number} {state}")));
        if count.outdated > 0 {
            parts.push(format!("{} to be replaced", count.outdated));
        }
        if parts.is_empty() && count.running >= count.wanted {
            parts.push(
                if updating { "Swarm still updates it" } else { "watching that it stays up" }.to_owned(),
            );
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

#[cfg(test)]
mod tests;
