//! `status`: what runs, which release it is, whether it has converged. Reads only.

use engine::{Api, Filter, TaskFilter, TaskState, UpdateState};
use serde::Serialize;

use crate::converge::count;
use crate::error::Error;
use crate::observe;
use crate::plan::is_gate_run;
use crate::release::Release;
use crate::spec::{self, RELEASE_LABEL, same};

/// A stack as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The stack's name.
    pub stack: String,
    /// The last release that was begun.
    pub release: Option<ReleaseStatus>,
    /// The release that is in force: the last one that succeeded.
    pub running: Option<u64>,
    /// The services, by name.
    pub services: Vec<ServiceStatus>,
    /// Whether every service has all its tasks up, of its present spec.
    pub converged: bool,
}

/// A release as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseStatus {
    /// Its number.
    pub number: u64,
    /// `succeeded`, `rolled-back`, `incomplete`, or `unfinished` (it runs, or was interrupted).
    pub state: &'static str,
    /// When it began.
    pub started_at: String,
    /// Who began it.
    pub who: String,
    /// What happened, in one sentence.
    pub message: Option<String>,
    /// The rows of the version table after its gate.
    pub rows: Option<Vec<String>>,
}

/// A service as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceStatus {
    /// Its full name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Tasks that run its spec.
    pub running: u64,
    /// Tasks that should.
    pub wanted: u64,
    /// The release that last changed it.
    pub release: Option<u64>,
    /// It is one run of a gate.
    pub gate: bool,
    /// `converged`, `converging`, `paused`, `completed` or `failed`.
    pub state: &'static str,
    /// Somebody changed it since the last release.
    pub drifted: bool,
}

/// Reads a stack's status; `None` if there is no such stack.
pub async fn status<A: Api>(api: &A, stack: &str) -> Result<Option<Status>, Error> {
    observe::require_manager(api).await?;
    let live = observe::live(api, stack, &[], &crate::release::Records::default()).await?;
    let services = api.services(&Filter::stack(stack)).await?;
    let tasks = api.tasks(&TaskFilter::stack(stack)).await?;
    if services.is_empty() && live.releases.is_empty() {
        return Ok(None);
    }
    let recorded = live.releases.iter().rev().find_map(|release| release.outcome.as_ref());
    let statuses: Vec<ServiceStatus> = services
        .iter()
        .map(|service| {
            let own: Vec<_> = tasks.iter().filter(|task| task.service_id == service.id).cloned().collect();
            let count = count(&service.spec, &own);
            let gate = is_gate_run(&service.spec);
            let before =
                recorded.and_then(|outcome| outcome.specs.get(service.name())).and_then(Option::as_deref);
            ServiceStatus {
                name: service.name().to_owned(),
                image: spec::image(&service.spec).unwrap_or_default().to_owned(),
                running: count.running,
                wanted: count.wanted,
                release: service.label(RELEASE_LABEL).and_then(|number| number.parse().ok()),
                gate,
                state: match (gate, own.last().map(|task| task.status.state)) {
                    (true, Some(TaskState::Complete)) => "completed",
                    (true, Some(state)) if state.is_final() => "failed",
                    _ => state(service.update_state(), count.running >= count.wanted && count.outdated == 0),
                },
                drifted: before.is_some_and(|before| !same(before, &service.spec)),
            }
        })
        .collect();
    Ok(Some(Status {
        stack: stack.to_owned(),
        release: live.releases.last().map(release_status),
        running: live
            .releases
            .iter()
            .rev()
            .find(|release| release.succeeded())
            .map(|release| release.intent.number),
        converged: statuses.iter().all(|service| service.gate || service.state == "converged"),
        services: statuses,
    }))
}

fn release_status(release: &Release) -> ReleaseStatus {
    let outcome = release.outcome.as_ref();
    ReleaseStatus {
        number: release.intent.number,
        state: outcome.map_or("unfinished", |outcome| outcome.state.as_str()),
        started_at: release.intent.started_at.clone(),
        who: release.intent.who.clone(),
        message: outcome.map(|outcome| outcome.message.clone()),
        rows: outcome.and_then(|outcome| outcome.rows.clone()),
    }
}

fn state(update: Option<UpdateState>, up: bool) -> &'static str {
    match update {
        Some(UpdateState::Paused | UpdateState::RollbackPaused) => "paused",
        Some(UpdateState::Updating | UpdateState::RollbackStarted) => "converging",
        _ if up => "converged",
        _ => "converging",
    }
}
