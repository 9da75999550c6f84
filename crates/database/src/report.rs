//! The last word of a run: what was in the version table, what is there now, and how it ended.

use std::time::Duration;

use diagnostics::Diagnostic;
use serde::Serialize;

use crate::error::MigrateError;
use crate::event::{list, rounded};
use crate::hooks::Hooks;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Revisions (or proven repairs) were applied and verified.
    Migrated,
    /// The database was at the target already.
    Current,
    /// A dry run: it is not at the target, and the events say what would be done.
    Planned,
    /// It is not known to be at the target.
    Failed,
}

/// An error in the form of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportError {
    /// A stable name ([`MigrateError::kind`]).
    pub kind: String,
    /// What happened, to what.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The findings in the revision files, when those are the reason.
    pub diagnostics: Vec<Diagnostic>,
}

/// The last event of every run, successful or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The opaque id of the run, as it was given.
    pub run: Option<String>,
    /// The release, as it was given.
    pub release: Option<String>,
    /// The rows of the version table when the run looked first; empty where it never came that far.
    pub rows_before: Vec<String>,
    /// The rows at the end, as far as they could be read.
    pub rows: Vec<String>,
    /// The revisions that the target names.
    pub heads: Vec<String>,
    /// The revisions that this run has committed, in order.
    pub applied: Vec<String>,
    /// The revisions that this run has undone, in order.
    pub reverted: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    pub error: Option<ReportError>,
    /// Names of indexes that a failed CREATE INDEX CONCURRENTLY has left invalid.
    pub invalid_indexes: Vec<String>,
    /// How the hooks ended, once the migration was done.
    pub hooks: Hooks,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Report {
    pub(crate) fn new(run: Option<String>, release: Option<String>) -> Self {
        Self {
            run,
            release,
            rows_before: Vec::new(),
            rows: Vec::new(),
            heads: Vec::new(),
            applied: Vec::new(),
            reverted: Vec::new(),
            outcome: Outcome::Failed,
            error: None,
            invalid_indexes: Vec::new(),
            hooks: Hooks::None,
            seconds: 0.0,
        }
    }

    pub(crate) fn finish(&mut self, result: &Result<Outcome, MigrateError>, took: Duration) {
        self.seconds = rounded(took);
        match result {
            Ok(outcome) => self.outcome = *outcome,
            Err(error) => {
                self.outcome = Outcome::Failed;
                self.error = Some(ReportError {
                    kind: error.kind().to_owned(),
                    message: error.to_string(),
                    hint: error.hint(),
                    diagnostics: match error {
                        MigrateError::History(diagnostics) => diagnostics.clone(),
                        _ => Vec::new(),
                    },
                });
            }
        }
    }

    /// One sentence that says what happened.
    pub fn message(&self) -> String {
        let rows = list(&self.rows);
        match (self.outcome, &self.error) {
            (Outcome::Current, _) => format!("the database is at {rows}: nothing to do"),
            (Outcome::Planned, _) => format!("nothing was changed: the database is at {rows}"),
            (Outcome::Migrated, _) if !self.reverted.is_empty() => {
                format!("undone: {}; the database is at {rows}", list(&self.reverted))
            }
            (Outcome::Migrated, _) => match self.applied.len() {
                0 => format!("the database is at {rows}"),
                1 => format!("1 revision applied in {:.1} s: the database is at {rows}", self.seconds),
                n => format!("{n} revisions applied in {:.1} s: the database is at {rows}", self.seconds),
            },
            (Outcome::Failed, Some(error)) => error.message.clone(),
            (Outcome::Failed, None) => "the run failed".to_owned(),
        }
    }
}
