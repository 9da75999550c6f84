//! Watching services converge: reads the engine, shows it to `converge`, tells what changed. The engine's events say
//! when to look; since some never come (those of other nodes' containers), it is also looked at regularly.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::{Api, Error as EngineError, Health, LogOptions, LogSource, TaskFilter};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::converge::{INGRESS, Look, Progress, Trouble, Watch, Witness};
use crate::event::{Event, ServiceEvent, ServiceState, Sink};
use crate::looks::Looks;

/// How often the engine is asked when no event says that something happened.
const LOOK: Duration = Duration::from_millis(250);
/// How long after a look the next one is at the earliest: events come in bursts.
const LULL: Duration = Duration::from_millis(50);
/// How long the engine may be silent (an election, a restart) before the watch gives up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many of a failed task's last log lines are shown.
const LOG_LINES: u32 = 20;
/// How much of a healthcheck's output is shown.
const HEALTH_CHARACTERS: usize = 400;

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
    looks: &Looks<'_, A>,
    watched: &Watched<'_>,
    mut watch: Watch,
    sink: Sink<'_>,
) -> Result<(), WatchError> {
    let api = looks.api();
    let begun = Instant::now();
    let mut answered = Instant::now();
    let mut told = None;
    let bell = looks.bell(watched.id);
    loop {
        let mut progress = match looks.look(watched.id).await {
            Ok((service, tasks, asked)) => {
                answered = Instant::now();
                let look = Look { asked: asked - begun, answered: answered - begun };
                watch.observe(look, service.as_deref(), &tasks)
            }
            Err(error) if error.is_transient() && answered.elapsed() < PATIENCE => {
                sleep(LOOK).await;
                continue;
            }
            Err(error) => return Err(WatchError::Engine(error)),
        };
        if let Progress::Failed(trouble) = &mut progress {
            explain(api, trouble).await;
        }
        let event = event(watched, &progress);
        if told.as_ref() != Some(&event) {
            sink(Event::Service(event.clone()));
            told = Some(event);
        }
        match progress {
            Progress::Converged { .. } => return Ok(()),
            Progress::Failed(trouble) => return Err(WatchError::Trouble(trouble)),
            Progress::Waiting { .. } => next_look(&bell).await,
        }
    }
}

/// Returns when it is time to look again: soon after an event, or after a while without one.
async fn next_look(bell: &Notify) {
    sleep(LULL).await;
    tokio::select! {
        biased;
        () = bell.notified() => {}
        () = sleep(LOOK.saturating_sub(LULL)) => {}
    }
}

/// Adds what the engine is asked only once something went wrong: a healthcheck's words, the names of networks.
async fn explain<A: Api>(api: &A, trouble: &mut Trouble) {
    if let Trouble::NoAddress { networks } = trouble {
        for network in networks.iter_mut().filter(|network| *network != INGRESS) {
            if let Ok(Some(found)) = api.network(network).await {
                found.name().clone_into(network);
            }
        }
    }
    if let Trouble::NodeLost { node } = trouble
        && let Ok(nodes) = api.nodes().await
        && let Some(found) = nodes.iter().find(|found| found.id == *node)
    {
        found.hostname().clone_into(node);
    }
    if let Some(witness) = trouble.witness_mut().filter(|witness| witness.has_healthcheck_to_read()) {
        witness.health = health(api, witness).await;
    }
}

/// What a task's healthcheck said, or where that can be read.
async fn health<A: Api>(api: &A, witness: &Witness) -> Option<String> {
    let container = witness.container.as_deref()?;
    if let Ok(Some(health)) = api.health(container).await {
        return said(&health);
    }
    let (info, nodes) = (api.info().await.ok()?, api.nodes().await.ok()?);
    let node = nodes.into_iter().find(|node| Some(&node.id) == witness.node.as_ref())?;
    let short = container.get(..12).unwrap_or(container);
    Some(if node.id == info.node_id {
        format!("its container {short} is gone, and with it what its healthcheck said")
    } else {
        format!(
            "its container is on node `{}`: `docker inspect {short}` there shows what its healthcheck said",
            node.hostname()
        )
    })
}

fn said(health: &Health) -> Option<String> {
    let run = health.log.iter().rev().find(|run| run.exit_code != 0)?;
    // In one line: it becomes a part of a sentence.
    let output =
        run.output.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let output: String = output.chars().take(HEALTH_CHARACTERS).collect();
    Some(match (run.exit_code, output.as_str()) {
        (-1, "") => "its healthcheck ran out of time".to_owned(),
        (code, "") => format!("its healthcheck ended with exit code {code} and said nothing"),
        (-1, output) => format!("its healthcheck said: {output}"),
        (code, output) => format!("its healthcheck said, with exit code {code}: {output}"),
    })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::said;

    #[test]
    fn what_a_healthcheck_says_is_one_line() {
        let run = json!({ "ExitCode": 1, "Output": "connect: refused\n\n  line 3: refused\n" });
        let health = serde_json::from_value(json!({ "Log": [run] })).unwrap();
        let expected = "its healthcheck said, with exit code 1: connect: refused; line 3: refused";
        assert_eq!(said(&health).as_deref(), Some(expected));
    }
}
