//! Is the service there yet, and can it still get there? Pure: it is shown what the engine says, again and again,
//! and answers. It measures time by the clock of whoever watches, and reads no other.
//!
//! Success means that every task runs the wanted spec and stayed up for the monitor period (invariant 7). A wait ends
//! early when it cannot succeed: crash loop, image missing, no node fits, no address left, Swarm's own rollback.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::{Service, ServiceMode, Task, TaskState, UpdateState};
use serde_json::Value;

use crate::spec::{canonical, same};

/// The engine's own default for how long a new task must stay up (swarmkit, `defaults`).
const DEFAULT_MONITOR: Duration = Duration::from_secs(5);
/// After so many failures of the new spec it is a crash loop.
const CRASH_LIMIT: usize = 3;
/// After so many rejections (the image is missing, a mount cannot be made) nothing will change by itself.
const REJECT_LIMIT: usize = 2;
/// How long a task may wait for a node that fits, or for an address, before that counts as a failure.
const PLACEMENT_GRACE: Duration = Duration::from_secs(20);

/// Why a service does not converge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Its tasks end again and again.
    #[error("its tasks fail: {failures} of the new spec ended, the last with {}", ending(*exit_code, error))]
    CrashLoop {
        /// How many tasks failed.
        failures: usize,
        /// The last one's exit code.
        exit_code: Option<i64>,
        /// The engine's words about it.
        error: String,
        /// The last one's id, for its log.
        task: String,
    },
    /// No node can take its tasks as they are: the engine rejects them.
    #[error("its tasks are rejected: {error}")]
    Rejected {
        /// The engine's words.
        error: String,
    },
    /// No node fits.
    #[error("no node can take it: {error}")]
    NoNode {
        /// The engine's words.
        error: String,
    },
    /// The manager cannot give its tasks what they need to be placed.
    #[error(
        "its tasks stay in state New without a node: the manager has no free address left in one of its networks (often the ingress network, after many removals; restarting the engine frees them)"
    )]
    NoAddress,
    /// Swarm stopped its update.
    #[error("Swarm paused its update: {message}")]
    Paused {
        /// The engine's words.
        message: String,
    },
    /// Swarm put its old spec back.
    #[error("Swarm rolled it back by itself ({message}){}", after(cause.as_ref()))]
    SwarmRolledBack {
        /// The engine's words.
        message: String,
        /// What happened to the new tasks, if that is known.
        cause: Option<String>,
        /// The id of a failed task, for its log.
        task: Option<String>,
    },
    /// Somebody else changed it.
    #[error("somebody else changed it meanwhile")]
    Changed,
    /// Somebody else removed it.
    #[error("somebody else removed it meanwhile")]
    Removed,
    /// Its time is up.
    #[error("it did not converge within {seconds} s: {running} of {wanted} tasks run the new spec{}", after(note.as_ref()))]
    Deadline {
        /// The bound.
        seconds: u64,
        /// Tasks that run the wanted spec.
        running: u64,
        /// Tasks that should.
        wanted: u64,
        /// What the others do.
        note: Option<String>,
    },
}

impl Trouble {
    /// The task whose log may say more.
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::CrashLoop { task, .. } => Some(task),
            Self::SwarmRolledBack { task, .. } => task.as_deref(),
            _ => None,
        }
    }
}

fn ending(exit_code: Option<i64>, error: &str) -> String {
    match exit_code {
        Some(code) if error.is_empty() => format!("exit code {code}"),
        Some(code) => format!("exit code {code} ({error})"),
        None => error.to_owned(),
    }
}

fn after(note: Option<&String>) -> String {
    note.map_or(String::new(), |note| format!("; {note}"))
}

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

/// Watches one service become what was asked for.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The spec as the engine gave it back after our write.
    spec: Value,
    task_template: Value,
    /// Tasks from before our write, whose failures are not ours.
    known: BTreeSet<String>,
    deadline: Duration,
    stable_since: Option<Duration>,
    placing_since: BTreeMap<String, Duration>,
    /// The monitor period has been held before.
    held: bool,
    /// Swarm may have gone back to this spec by itself; that is then what was wanted.
    after_rollback: bool,
}

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
    count_against(&template(spec.get("TaskTemplate")), spec, tasks)
}

/// A task's spec as it can be compared with its service's. The engine names the runtime in services only.
fn template(spec: Option<&Value>) -> Value {
    let mut spec = canonical(spec.unwrap_or(&Value::Null));
    if let Some(map) = spec.as_object_mut() {
        map.retain(|key, value| key != "Runtime" || value != "container");
    }
    spec
}

/// Whether a task was made from this template.
fn is_made_from(task: &Task, template: &Value) -> bool {
    // Compared as it is where it can be: this is asked for every task at every look.
    match task.spec.get("Runtime") {
        None => same(&task.spec, template),
        Some(_) => self::template(Some(&task.spec)) == *template,
    }
}

fn count_against(template: &Value, spec: &Value, tasks: &[Task]) -> Count {
    let one_shot = is_one_shot(spec);
    let mode = ServiceMode::of_spec(spec);
    let mut count = Count::default();
    for task in tasks {
        let current = is_made_from(task, template);
        let done = (one_shot || mode.is_job()) && task.status.state == TaskState::Complete;
        let up = task.is_wanted() && task.status.state == TaskState::Running && !mode.is_job();
        if current && (done || up) {
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

/// Whether a service's tasks may end for good with exit code 0.
fn is_one_shot(spec: &Value) -> bool {
    matches!(
        spec.pointer("/TaskTemplate/RestartPolicy/Condition").and_then(Value::as_str),
        Some("none" | "on-failure")
    )
}

impl Watch {
    /// Starts to watch: `spec` as read after the write, `known` the tasks there were before it, `deadline` how long
    /// it may take.
    pub(crate) fn new(spec: Value, known: BTreeSet<String>, deadline: Duration) -> Self {
        let task_template = template(spec.get("TaskTemplate"));
        Self {
            spec,
            task_template,
            known,
            deadline,
            stable_since: None,
            placing_since: BTreeMap::new(),
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

    /// Judges what the engine says now; `elapsed` is the time since the watch began and never goes back.
    pub(crate) fn observe(
        &mut self,
        elapsed: Duration,
        service: Option<&Service>,
        tasks: &[Task],
    ) -> Progress {
        let Some(service) = service else { return Progress::Failed(Trouble::Removed) };
        if let Some(trouble) = self.trouble(elapsed, service, tasks) {
            return Progress::Failed(trouble);
        }
        let count = count_against(&self.task_template, &self.spec, tasks);
        let updating =
            matches!(service.update_state(), Some(UpdateState::Updating | UpdateState::RollbackStarted));
        if count.running < count.wanted || count.outdated > 0 || updating {
            self.stable_since = None;
        } else {
            let since = *self.stable_since.get_or_insert(elapsed);
            // When Swarm says that its update is complete it has held the monitor period itself.
            let held = planted!(MonitorNotHeld)
                || self.held
                || service.update_state() == Some(UpdateState::Completed);
            if held || elapsed.saturating_sub(since) >= self.monitor() {
                return Progress::Converged { running: count.running, wanted: count.wanted };
            }
        }
        let note = self.note(tasks, count, updating);
        if elapsed >= self.deadline {
            return Progress::Failed(Trouble::Deadline {
                seconds: self.deadline.as_secs(),
                running: count.running,
                wanted: count.wanted,
                note,
            });
        }
        Progress::Waiting { running: count.running, wanted: count.wanted, note }
    }

    fn monitor(&self) -> Duration {
        let nanos = self.spec.pointer("/UpdateConfig/Monitor").and_then(Value::as_u64);
        nanos.filter(|nanos| *nanos > 0).map_or(DEFAULT_MONITOR, Duration::from_nanos)
    }

    fn current<'t>(&self, tasks: &'t [Task]) -> Vec<&'t Task> {
        tasks.iter().filter(|task| is_made_from(task, &self.task_template)).collect()
    }

    fn trouble(&mut self, elapsed: Duration, service: &Service, tasks: &[Task]) -> Option<Trouble> {
        let current = self.current(tasks);
        let failed: Vec<&Task> = current
            .iter()
            .copied()
            .filter(|task| !self.known.contains(&task.id))
            .filter(|task| matches!(task.status.state, TaskState::Failed | TaskState::Rejected))
            .collect();
        if let Some(trouble) = self.swarms_own(service, failed.last().copied()) {
            return Some(trouble);
        }
        let rejected = failed.iter().filter(|task| task.status.state == TaskState::Rejected).count();
        let last = failed.last();
        if let Some(last) = last.filter(|_| rejected >= REJECT_LIMIT) {
            return Some(Trouble::Rejected { error: words(last) });
        }
        if let Some(last) = last.filter(|_| failed.len() - rejected >= self.crash_limit()) {
            return Some(Trouble::CrashLoop {
                failures: failed.len(),
                exit_code: last.status.exit_code,
                error: words(last),
                task: last.id.clone(),
            });
        }
        self.placement(elapsed, &current)
    }

    /// What Swarm's own updater did. Its rollback can be over in milliseconds, so the spec is what counts.
    fn swarms_own(&self, service: &Service, failed: Option<&Task>) -> Option<Trouble> {
        let message = || {
            let status = service.update_status.as_ref();
            status
                .map(|status| status.message.clone())
                .filter(|m| !m.is_empty())
                .unwrap_or("no reason given".into())
        };
        let rolled_back = matches!(
            service.update_state(),
            Some(UpdateState::RollbackStarted | UpdateState::RollbackPaused | UpdateState::RollbackCompleted)
        );
        if !same(&service.spec, &self.spec) {
            return Some(if rolled_back {
                Trouble::SwarmRolledBack {
                    message: message(),
                    cause: failed.map(|task| {
                        format!("a new task ended with {}", ending(task.status.exit_code, &words(task)))
                    }),
                    task: failed.map(|task| task.id.clone()),
                }
            } else {
                Trouble::Changed
            });
        }
        if self.after_rollback && rolled_back {
            return None;
        }
        match service.update_state() {
            Some(UpdateState::Paused) => Some(Trouble::Paused {
                message: match failed {
                    Some(task) => format!(
                        "{}; a new task ended with {}",
                        message(),
                        ending(task.status.exit_code, &words(task))
                    ),
                    None => message(),
                },
            }),
            Some(UpdateState::RollbackPaused) => Some(Trouble::Paused { message: message() }),
            _ => None,
        }
    }

    fn crash_limit(&self) -> usize {
        let policy = self.spec.pointer("/TaskTemplate/RestartPolicy");
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

    fn placement(&mut self, elapsed: Duration, current: &[&Task]) -> Option<Trouble> {
        let placing: Vec<&&Task> = current
            .iter()
            .filter(|task| task.is_wanted() && task.node_id.is_none())
            .filter(|task| matches!(task.status.state, TaskState::New | TaskState::Pending))
            .collect();
        self.placing_since.retain(|id, _| placing.iter().any(|task| task.id == *id));
        for task in placing {
            let since = *self.placing_since.entry(task.id.clone()).or_insert(elapsed);
            if elapsed.saturating_sub(since) < PLACEMENT_GRACE {
                continue;
            }
            if task.status.state == TaskState::New {
                return Some(Trouble::NoAddress);
            }
            if !task.status.err.is_empty() {
                return Some(Trouble::NoNode { error: task.status.err.clone() });
            }
        }
        None
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

fn words(task: &Task) -> String {
    let status = &task.status;
    if status.err.is_empty() { status.message.clone() } else { status.err.clone() }
}

#[cfg(test)]
mod tests;
