//! Writing a service: compare before retry (decision 5).
//!
//! "update out of sequence", an unanswered request and a lost leader are all answered in the same way: read again. If
//! the live spec is already the wanted one, it is done; if it is still what it was, the write is tried again with
//! the new version index (the manager's own status writes move it); anything else is a foreign change, and stops.

use std::time::Duration;

use engine::{Api, Error as EngineError, Secret, Service, Task, TaskFilter, UpdateState};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::networks::NAMESPACE_LABEL;
use crate::spec::{Change, diff};

/// How often a write is tried. With the pauses between, about half a minute: longer than an election.
const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why a service was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The engine refused, or does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Somebody else changed the service meanwhile.
    #[error("somebody else changed it meanwhile: {}", paths(.0))]
    Foreign(Vec<Change>),
    /// Somebody else removed the service meanwhile.
    #[error("somebody else removed it meanwhile")]
    Removed,
    /// The version index moved at every attempt.
    #[error("its version index moved at each of {ATTEMPTS} attempts to write it")]
    NeverStill,
}

fn paths(changes: &[Change]) -> String {
    changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", ")
}

/// A write to one service.
pub(crate) struct Write<'a> {
    /// The service's full name.
    pub name: &'a str,
    /// The spec to write.
    pub spec: &'a Value,
    /// Whether a live spec is the wanted one.
    pub is_ours: &'a (dyn Fn(&Value) -> bool + Send + Sync),
    /// Whether a live spec is one that may be replaced.
    pub may_replace: &'a (dyn Fn(&Value) -> bool + Send + Sync),
    /// The registry's credentials; without them the engine keeps those it has.
    pub auth: Option<&'a Secret>,
    /// Keep the live `ForceUpdate`, as the official client does (docker/cli, `swarm/deploy_composefile.go`).
    pub keep_force_update: bool,
    /// Write a spec that is the wanted one already, if Swarm has paused its update: that lets it go on.
    pub resume: bool,
}

/// Whether Swarm's updater has stopped half way.
pub(crate) fn is_paused(service: &Service) -> bool {
    matches!(service.update_state(), Some(UpdateState::Paused | UpdateState::RollbackPaused))
}

/// Makes a service's live spec the wanted one; returns the service as read afterwards.
pub(crate) async fn update<A: Api>(api: &A, write: &Write<'_>) -> Result<Service, WriteError> {
    let (mut pause, mut resume) = (PAUSE, write.resume);
    for attempt in 0..ATTEMPTS {
        let Some(live) = settle(api.service(write.name).await, &mut pause).await? else {
            continue;
        };
        let Some(live) = live else { return Err(WriteError::Removed) };
        if (write.is_ours)(&live.spec) && !(resume && is_paused(&live)) {
            return Ok(live);
        }
        let blind = planted!(RetryWithoutCompare) && attempt > 0;
        if !blind && !(write.may_replace)(&live.spec) {
            return Err(WriteError::Foreign(diff(write.spec, &live.spec)));
        }
        let spec = with_force_update(write, &live.spec);
        match api.update_service(&live.id, live.version, &spec, write.auth).await {
            // If Swarm stops again, it has its reasons.
            Ok(_) => resume = false,
            Err(EngineError::OutOfSequence { .. }) => {}
            Err(error) if planted!(AmbiguousIsSuccess) && error.may_have_been_applied() => {
                return Ok(Service { spec: spec.into(), ..live });
            }
            Err(error) if error.is_transient() => back_off(&mut pause).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WriteError::NeverStill)
}

fn with_force_update(write: &Write<'_>, live: &Value) -> Value {
    let mut spec = write.spec.clone();
    let carried = live.pointer("/TaskTemplate/ForceUpdate").filter(|_| write.keep_force_update);
    if let (Some(carried), Some(task)) = (carried, spec.get_mut("TaskTemplate")) {
        task["ForceUpdate"] = carried.clone();
    }
    spec
}

/// Creates a service, or finds that it is there already; returns it as read afterwards.
pub(crate) async fn create<A: Api>(
    api: &A,
    name: &str,
    spec: &Value,
    auth: Option<&Secret>,
    is_ours: impl Fn(&Value) -> bool,
) -> Result<Service, WriteError> {
    let mut pause = PAUSE;
    for _ in 0..ATTEMPTS {
        match api.create_service(spec, auth).await {
            Ok(_) | Err(EngineError::NameConflict { .. }) => {}
            Err(error) if error.is_transient() => back_off(&mut pause).await,
            Err(error) => return Err(error.into()),
        }
        match settle(api.service(name).await, &mut pause).await? {
            Some(Some(live)) if is_ours(&live.spec) => return Ok(live),
            Some(Some(live)) => return Err(WriteError::Foreign(diff(spec, &live.spec))),
            Some(None) | None => {}
        }
    }
    Err(WriteError::NeverStill)
}

/// How long the tasks of a removed service may take to end, beside the time that its spec gives them to stop.
pub(crate) const REMOVAL: Duration = Duration::from_mins(2);
/// A removal cannot name a version, as an update does: what it is decided on should not be older than this.
const FRESH: Duration = Duration::from_millis(250);
/// How often an engine that answers more slowly is asked for it.
const LOOKS: u32 = 5;
/// What a container gets to stop where its spec says nothing (moby, `daemon/stop.go`).
const GRACE: Duration = Duration::from_secs(10);

/// Why a service that was to be removed is not gone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    /// The engine refused, or does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed it meanwhile, so it was not removed")]
    Foreign,
    /// Its tasks go on.
    #[error("it was removed, but its tasks did not end within {seconds} s: {tasks}")]
    StillRuns {
        /// Which.
        tasks: String,
        /// The bound.
        seconds: u64,
    },
}

/// A service that has been removed, and whose tasks may still run.
pub(crate) struct Going {
    id: String,
    namespace: Option<String>,
    bound: Duration,
}

/// Removes a service and returns when its tasks have ended, so that what follows does not run beside them.
pub(crate) async fn remove_and_wait<A: Api>(
    api: &A,
    id: &str,
    may_remove: &(dyn Fn(&Value) -> bool + Send + Sync),
) -> Result<(), RemoveError> {
    match remove(api, id, may_remove).await? {
        Some(going) => gone(api, &going).await,
        None => Ok(()),
    }
}

/// Removes a service; `None` if there is none. Its tasks end later.
///
/// A removal that got no answer is compared before it is tried again, like any other write: `may_remove` says whether a
/// live spec is still one that may go.
pub(crate) async fn remove<A: Api>(
    api: &A,
    id: &str,
    may_remove: &(dyn Fn(&Value) -> bool + Send + Sync),
) -> Result<Option<Going>, RemoveError> {
    let begun = Instant::now();
    let patient = |error: &EngineError| error.is_transient() && begun.elapsed() < REMOVAL;
    let (mut pause, mut going, mut looks) = (PAUSE, None, 0);
    loop {
        let asked = Instant::now();
        looks += 1;
        match api.service(id).await {
            Ok(None) => return Ok(going),
            Ok(Some(live)) if may_remove(&live.spec) => {
                going = Some(Going::of(&live));
                if asked.elapsed() > FRESH && looks < LOOKS {
                    continue;
                }
            }
            Ok(Some(_)) => return Err(RemoveError::Foreign),
            Err(error) if patient(&error) => {
                back_off(&mut pause).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        match api.remove_service(id).await {
            Ok(_) => return Ok(going),
            Err(error) if patient(&error) => back_off(&mut pause).await,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns when the tasks of a removed service have ended. A removed service is not found by its id any more, and its tasks
/// only by the label that they have of it (measured).
pub(crate) async fn gone<A: Api>(api: &A, going: &Going) -> Result<(), RemoveError> {
    let begun = Instant::now();
    let filter = going.namespace.as_ref().map_or_else(TaskFilter::default, |stack| TaskFilter::stack(stack));
    loop {
        match api.tasks(&filter).await {
            Ok(mut tasks) => {
                tasks.retain(|task| task.service_id == going.id && !task.status.state.is_final());
                if tasks.is_empty() {
                    return Ok(());
                }
                if begun.elapsed() >= going.bound {
                    let (tasks, seconds) = (named(api, &tasks).await, going.bound.as_secs());
                    return Err(RemoveError::StillRuns { tasks, seconds });
                }
            }
            Err(error) if error.is_transient() && begun.elapsed() < going.bound => {}
            Err(error) => return Err(error.into()),
        }
        sleep(LOOK).await;
    }
}

impl Going {
    fn of(service: &Service) -> Self {
        let grace =
            service.spec.pointer("/TaskTemplate/ContainerSpec/StopGracePeriod").and_then(Value::as_u64);
        Self {
            id: service.id.clone(),
            namespace: service.label(NAMESPACE_LABEL).map(str::to_owned),
            bound: REMOVAL + grace.map_or(GRACE, Duration::from_nanos),
        }
    }
}

/// Tasks, each with its node, as far as the engine tells.
pub(crate) async fn named<A: Api>(api: &A, tasks: &[Task]) -> String {
    let nodes = api.nodes().await.unwrap_or_default();
    let name = |task: &Task| {
        let node = nodes.iter().find(|node| Some(&node.id) == task.node_id.as_ref());
        let node = node.map_or_else(|| "no node".to_owned(), |node| format!("node `{}`", node.hostname()));
        format!("task {} on {node} is still {}", task.id, task.status.state)
    };
    tasks.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A read's answer; `None` after a pause where the engine has none at this moment.
async fn settle<T>(answer: Result<T, EngineError>, pause: &mut Duration) -> Result<Option<T>, EngineError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_transient() => {
            back_off(pause).await;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn back_off(pause: &mut Duration) {
    sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}
