//! What happens while a migration runs, for people ([`Event::message`]) and machines ([`Event::to_json`]). Prints
//! nothing.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::error::seconds;
use crate::lock::Holder;
use crate::report::Report;

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The database is not ready yet.
    Waiting {
        /// The database.
        what: String,
        /// Why it is not ready.
        reason: String,
        /// How long we wait at most.
        #[serde(serialize_with = "as_seconds")]
        limit: Duration,
    },
    /// The database answers.
    Ready {
        /// The database.
        database: String,
        /// The server's version.
        server: String,
        /// How long that took.
        #[serde(serialize_with = "as_seconds")]
        seconds: Duration,
    },
    /// The lock is held by another run.
    LockWaiting {
        /// Who holds it.
        holder: Holder,
        /// How long we wait at most.
        #[serde(serialize_with = "as_seconds")]
        limit: Duration,
    },
    /// The lock is ours.
    LockTaken {
        /// The epoch of this run.
        epoch: String,
        /// How long that took.
        #[serde(serialize_with = "as_seconds")]
        seconds: Duration,
    },
    /// A backend that a run left behind was ended.
    Fenced {
        /// Its pid.
        pid: i32,
        /// Its name, with the epoch.
        application_name: String,
        /// What it was doing.
        query: String,
    },
    /// An extension was looked at.
    Extension {
        /// Its name.
        name: String,
        /// `created`, `present`, `outdated` or `missing`.
        state: &'static str,
        /// A sentence about it.
        detail: String,
    },
    /// Rows of the version table were deleted, with the proof that nothing is lost.
    Repaired {
        /// The row.
        row: String,
        /// Why the set of applied revisions is the same without it.
        proof: String,
        /// The rows now.
        rows: Vec<String>,
    },
    /// What is going to run.
    Plan {
        /// The rows now.
        rows: Vec<String>,
        /// The revisions, in order.
        steps: Vec<String>,
        /// `upgrade` or `downgrade`.
        direction: &'static str,
    },
    /// A revision changed its state.
    Revision {
        /// Its id.
        revision: String,
        /// `running`; `done` (its statements ran, its transaction is still open); `applied` or `reverted` (committed);
        /// `failed`.
        state: &'static str,
        /// How long it ran.
        #[serde(serialize_with = "as_optional_seconds")]
        seconds: Option<Duration>,
        /// The first line of its docstring.
        description: String,
    },
    /// The whole run is tried again.
    Retry {
        /// Why.
        reason: String,
        /// Which attempt begins.
        attempt: u32,
    },
    /// A line that the project's Alembic wrote.
    Output {
        /// `stdout` or `stderr`.
        stream: &'static str,
        /// The line, without passwords.
        line: String,
    },
    /// A hook changed its state.
    Hook {
        /// The hook.
        hook: String,
        /// `running`, `done` or `failed`.
        state: &'static str,
    },
    /// Something doubtful that does not stop the run.
    Warning {
        /// A stable name.
        code: &'static str,
        /// What it is.
        text: String,
    },
    /// The end, whatever it is.
    Report(Box<Report>),
}

impl Event {
    /// One line for people.
    pub fn message(&self) -> String {
        match self {
            Self::Waiting { what, reason, limit } => {
                format!("waiting up to {} for {what}: {reason}", seconds(limit))
            }
            Self::Ready { database, server, .. } => format!("{database} answers (PostgreSQL {server})"),
            Self::LockWaiting { holder, limit } => {
                format!("waiting up to {} for the migration lock: {holder}", seconds(limit))
            }
            Self::LockTaken { epoch, .. } => format!("migration lock taken (epoch {epoch})"),
            Self::Fenced { pid, application_name, query } => {
                format!("ended backend {pid} ({application_name}), left behind by a run: {query}")
            }
            Self::Extension { name, detail, .. } => format!("extension {name}: {detail}"),
            Self::Repaired { row, proof, rows } => {
                format!("removed the row {row} from the version table: {proof}; rows now: {}", list(rows))
            }
            Self::Plan { rows, steps, direction } => {
                let what = if *direction == "downgrade" { "undo" } else { "apply" };
                format!("{} to {what} from {}: {}", count(steps.len()), list(rows), steps.join(" → "))
            }
            Self::Revision { revision, state, seconds: time, description } => {
                let mut text = format!("{revision} {state}");
                if let Some(time) = time {
                    text = format!("{text} ({:.2} s)", time.as_secs_f64());
                }
                if !description.is_empty() {
                    text = format!("{text}: {description}");
                }
                text
            }
            Self::Retry { reason, attempt } => format!("{reason}; attempt {attempt} begins"),
            Self::Output { line, .. } => line.clone(),
            Self::Hook { hook, state } => format!("hook {hook}: {state}"),
            Self::Warning { text, .. } => text.clone(),
            Self::Report(report) => report.message(),
        }
    }

    /// One JSON object, with `event` and `message`.
    pub fn to_json(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("message".to_owned(), Value::String(self.message()));
        }
        value
    }
}

/// `a, b`, or `nothing`.
pub(crate) fn list(rows: &[String]) -> String {
    if rows.is_empty() { "nothing".to_owned() } else { rows.join(", ") }
}

fn count(steps: usize) -> String {
    if steps == 1 { "1 revision".to_owned() } else { format!("{steps} revisions") }
}

// The signature is serde's.
fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*duration))
}

#[allow(clippy::ref_option)]
fn as_optional_seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_f64(rounded(*duration)),
        None => serializer.serialize_none(),
    }
}

/// Seconds to the millisecond.
pub(crate) fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
