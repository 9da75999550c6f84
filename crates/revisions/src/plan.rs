//! The steps from the rows of a version table to a target, and the rows after each. Pure.

use serde::Serialize;

/// Which way a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The revision's `upgrade()` runs.
    Upgrade,
    /// The revision's `downgrade()` runs.
    Downgrade,
}

/// One revision to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The revision's id.
    pub revision: String,
    /// Which of its functions runs.
    pub direction: Direction,
    /// The rows of the version table after it, sorted.
    pub rows_after: Vec<String>,
}

/// Steps in the order in which Alembic runs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The rows that the plan starts from, as given.
    pub rows: Vec<String>,
    /// The target, as given.
    pub target: String,
    /// The steps; empty when there is nothing to do.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The rows when the plan has run, sorted and without repeats.
    pub fn rows_after(&self) -> Vec<String> {
        self.steps.last().map_or_else(
            || self.rows.iter().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect(),
            |step| step.rows_after.clone(),
        )
    }
}
