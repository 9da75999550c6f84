//! Watching services converge: reads the engine again and again, shows it to `converge`, tells what changed.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::{Api, Error as EngineError, LogOptions, LogSource, TaskFilter};
use tokio::time::{Instant, sleep};

use crate::converge::{Progress, Trouble, Watch};
use crate::event::{Event, ServiceEvent, ServiceState, Sink};

/// How often the engine is asked.
const LOOK: Duration = Duration::from_millis(250);
/// How long the engine may be silent (an election, a restart) before the watch gives up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many of a failed task's last log lines are shown.
const LOG_LINES: u32 = 20;

/// Why a watch ended without convergence.
#[derive(Debug)]
pub(crate) enum WatchError {
    /// The service will not get there.
    Trouble(Trouble),
    /// The engine does not answer.
    Engine(EngineError),
}

/// Says that another service of the wave has failed.
pub(crate) type Failed = tokio::sync::watch::Receiver<bool>;

/// What is watched.
pub(crate) struct Watched<'a> {
    /// The service's name in the stack file.
    pub key: &'a str,
    /// Its id.
    pub id: &'a str,
    /// What to call it while it converges.
    pub state: ServiceState,
    /// What to call it when it has.
    pub end: ServiceState,
}

/// The ids of a service's tasks: taken before a write, so that old failures are not blamed on it.
pub(crate) async fn task_ids<A: Api>(api: &A, service_id: &str) -> Result<BTreeSet<String>, EngineError> {
    Ok(api.tasks(&TaskFilter::service(service_id)).await?.into_iter().map(|task| task.id).collect())
}

/// Waits until a service has converged.
pub(crate) async fn converge<A: Api>(
    api: &A,
    watched: &Watched<'_>,
    mut watch: Watch,
    sink: Sink<'_>,
) -> Result<(), WatchError> {
    let begun = Instant::now();
    let mut answered = Instant::now();
    let mut told = None;
    loop {
        let filter = TaskFilter::service(watched.id);
        let progress = match tokio::try_join!(api.service(watched.id), api.tasks(&filter)) {
            Ok((service, tasks)) => {
                answered = Instant::now();
                watch.observe(begun.elapsed(), service.as_ref(), &tasks)
            }
            Err(error) if error.is_transient() && answered.elapsed() < PATIENCE => {
                sleep(LOOK).await;
                continue;
            }
            Err(error) => return Err(WatchError::Engine(error)),
        };
        let event = event(watched, &progress);
        if told.as_ref() != Some(&event) {
            sink(Event::Service(event.clone()));
            told = Some(event);
        }
        match progress {
            Progress::Converged { .. } => return Ok(()),
            Progress::Failed(trouble) => return Err(WatchError::Trouble(trouble)),
            Progress::Waiting { .. } => sleep(LOOK).await,
        }
    }
}

fn event(watched: &Watched<'_>, progress: &Progress) -> ServiceEvent {
    let (state, running, wanted, note) = match progress {
        Progress::Waiting { running, wanted, note } => (watched.state, *running, *wanted, note.clone()),
        Progress::Converged { running, wanted } => (watched.end, *running, *wanted, None),
        Progress::Failed(trouble) => (ServiceState::Failed, 0, 0, Some(trouble.to_string())),
    };
    ServiceEvent { service: watched.key.to_owned(), state, running, wanted, note }
}

/// The last lines of a task's log; empty if there are none or they cannot be read.
pub(crate) async fn last_lines<A: Api>(api: &A, task: &str) -> Vec<String> {
    let options = LogOptions { tail: Some(LOG_LINES), ..LogOptions::default() };
    let lines = api.logs(LogSource::Task(task), &options).await.unwrap_or_default();
    lines.into_iter().map(|line| line.text).collect()
}
