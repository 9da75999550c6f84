//! What a deploy tells while it runs. Front ends show it; this crate prints nothing.

use serde::Serialize;

use crate::plan::PlanSummary;

/// One event. As JSON each has `event` (its kind) and the fields below: docs/output.md.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one plan in a run, and events are handed on, not kept"
)]
pub enum Event {
    /// What is going to be done, and why in this order.
    Plan(PlanSummary),
    /// Something that a person should know, and that does not stop the work.
    Warning {
        /// In words.
        message: String,
    },
    /// Another deploy holds the lease.
    LeaseWaiting {
        /// Who holds it.
        holder: String,
        /// For how long this deploy is going to wait at most, in seconds.
        at_most: u64,
    },
    /// The lease is ours.
    LeaseTaken {
        /// Whose expired lease was taken over, if one was.
        taken_over_from: Option<String>,
    },
    /// A network, secret or config was created or changed.
    Object {
        /// `network`, `secret` or `config`.
        kind: &'static str,
        /// Its full name.
        name: String,
        /// `created`, `updated` or `removed`.
        action: &'static str,
    },
    /// A service's state changed.
    Service(ServiceEvent),
    /// The stack is being recreated.
    Recreating {
        /// `removing` (its services and networks go), `gone` (all of it is really gone, and what follows is made anew) or
        /// `instead` (it goes on service by service after all).
        phase: &'static str,
        /// In words.
        message: String,
    },
    /// A line of a gate's log.
    Gate {
        /// The gate's name in the stack file.
        gate: String,
        /// `revision` (applied, that is: committed), `step` (begun, done or failed), `event`, `log` (what Alembic prints
        /// besides) or `output` (of a gate that does not report).
        kind: &'static str,
        /// The revision, for `revision` and `step`.
        revision: Option<String>,
        /// In words.
        message: String,
    },
    /// A check after convergence began or ended.
    Check {
        /// Its name.
        check: String,
        /// Where it is.
        state: CheckState,
        /// Why it failed.
        note: Option<String>,
    },
    /// Everything is being put back.
    RollingBack {
        /// Why.
        reason: String,
    },
    /// The end.
    Finished {
        /// `succeeded`, `unchanged`, `rolled-back`, `refused`, `incomplete` or `removed`.
        outcome: &'static str,
        /// The release, if there is one.
        release: Option<u64>,
        /// One sentence that says what happened.
        message: String,
    },
}

/// A service on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceEvent {
    /// Its name in the stack file.
    pub service: String,
    /// Where it is.
    pub state: ServiceState,
    /// Tasks that run the wanted spec.
    pub running: u64,
    /// Tasks that should.
    pub wanted: u64,
    /// A remark: what it waits for, or why it failed.
    pub note: Option<String>,
}

/// Where a service is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// Nothing to do.
    Unchanged,
    /// Waits for an earlier wave.
    Waiting,
    /// Was created or updated, and is not there yet.
    Converging,
    /// Every task runs, for the monitor period.
    Converged,
    /// A gate runs.
    Running,
    /// A gate was crossed.
    Completed,
    /// It cannot become what it should.
    Failed,
    /// It is being put back.
    Restoring,
    /// It is as it was.
    Restored,
    /// It is being removed.
    Removing,
    /// It is gone.
    Removed,
}

impl ServiceState {
    /// The name, as output writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Waiting => "waiting",
            Self::Converging => "converging",
            Self::Converged => "converged",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Restoring => "restoring",
            Self::Restored => "restored",
            Self::Removing => "removing",
            Self::Removed => "removed",
        }
    }
}

/// Where a check is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// It is tried, perhaps again and again.
    Running,
    /// It got the answer it wants.
    Passed,
    /// It did not, and its time is up.
    Failed,
}

impl CheckState {
    /// The name, as output writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

/// Where events go.
pub type Sink<'a> = &'a (dyn Fn(Event) + Send + Sync);
