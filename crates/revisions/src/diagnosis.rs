//! What the rows of a version table mean to these files, and the repair that can be proven. Pure.
//!
//! The rows are the applied revisions that no other applied revision implies. So deleting a row that another row
//! implies, or a repeat, provably leaves the set of applied revisions as it is: only such repairs are offered.
//! Everything else gets an explanation and the operator's choices.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::History;
use crate::similar::{did_you_mean, similar};

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
    /// There are no rows: nothing was applied, or what was applied is not recorded.
    Empty {
        /// Whether the version table exists, if that is known.
        table: Option<bool>,
        /// Whether the database holds other tables, if that is known.
        other_tables: Option<bool>,
    },
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
    /// A row is no revision of these files, though other rows are.
    Unknown {
        /// The row.
        row: String,
        /// Ids of these files that look like it.
        similar: Vec<String>,
    },
    /// No row is a revision of these files: the database was written by other, probably newer ones.
    Ahead {
        /// The row.
        row: String,
        /// Ids of these files that look like it.
        similar: Vec<String>,
    },
}

/// Rows to delete, with the proof that the set of applied revisions stays the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// The rows to delete.
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

/// What is known about the database besides the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Whether the version table exists.
    pub table: Option<bool>,
    /// Whether there are other tables.
    pub other_tables: Option<bool>,
}

impl Diagnosis {
    /// Whether an upgrade can start from these rows as they are.
    pub fn is_consistent(&self) -> bool {
        self.findings.iter().all(
            |finding| matches!(finding, Finding::Empty { other_tables, .. } if *other_tables != Some(true)),
        )
    }
}

impl History {
    /// What these rows of the version table mean, and whether they can be repaired with a proof.
    pub fn diagnose(&self, rows: &[String]) -> Diagnosis {
        self.diagnose_with(rows, Evidence::default())
    }

    /// The same, with what else is known about the database.
    pub fn diagnose_with(&self, rows: &[String], evidence: Evidence) -> Diagnosis {
        let graph = self.graph();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in rows {
            *counts.entry(row).or_default() += 1;
        }
        let known: Vec<usize> = counts.keys().filter_map(|row| graph.node(row)).collect();
        let applied = graph.ancestors(&known);
        let order = self.upgrade_order_of_all();
        let ids = |wanted: bool| -> Vec<String> {
            order
                .iter()
                .filter(|&&node| applied.contains(node) == wanted)
                .map(|&n| graph.id(n).to_owned())
                .collect()
        };
        let mut findings = Vec::new();
        if rows.is_empty() {
            findings.push(Finding::Empty { table: evidence.table, other_tables: evidence.other_tables });
        }
        findings.extend(duplicates(&counts));
        let redundant = self.redundant(&known);
        findings.extend(redundant.iter().map(|proof| Finding::Redundant {
            row: proof.row.clone(),
            implied_by: proof.implied_by.clone(),
            path: proof.path.clone(),
        }));
        findings.extend(self.unknown(&counts, known.is_empty()));
        let repair = repair(&counts, redundant);
        Diagnosis { rows: rows.to_vec(), findings, repair, applied: ids(true), pending: ids(false) }
    }

    /// The rows that another row implies, each with its proof. `count` is set later.
    fn redundant(&self, known: &[usize]) -> Vec<Deletion> {
        let graph = self.graph();
        let strictly_below = |node: usize| {
            let mut below = graph.ancestors(&[node]);
            below.remove(node);
            below
        };
        let below: Vec<_> = known.iter().map(|&node| (node, strictly_below(node))).collect();
        let implied = |node: usize| below.iter().any(|(_, set)| set.contains(node));
        known
            .iter()
            .filter_map(|&node| {
                // Proven by a row that stays, so that the proof still holds when the repair is done.
                let (by, _) = below.iter().find(|(other, set)| set.contains(node) && !implied(*other))?;
                let path = graph.path_down(*by, node)?;
                Some(Deletion {
                    row: graph.id(node).to_owned(),
                    count: 0,
                    implied_by: graph.id(*by).to_owned(),
                    path: path.into_iter().map(|node| graph.id(node).to_owned()).collect(),
                })
            })
            .collect()
    }

    fn unknown<'a>(
        &'a self,
        counts: &'a BTreeMap<&str, usize>,
        none_known: bool,
    ) -> impl Iterator<Item = Finding> + 'a {
        let ids = || self.revisions().iter().map(|revision| revision.id.as_str());
        counts.keys().filter(|row| self.revision(row).is_none()).map(move |&row| {
            let (row, similar) = (row.to_owned(), similar(row, ids()));
            if none_known { Finding::Ahead { row, similar } } else { Finding::Unknown { row, similar } }
        })
    }
}

fn duplicates(counts: &BTreeMap<&str, usize>) -> Vec<Finding> {
    let repeated = counts.iter().filter(|(_, count)| **count > 1);
    repeated.map(|(row, &count)| Finding::Duplicate { row: (*row).to_owned(), count }).collect()
}

fn repair(counts: &BTreeMap<&str, usize>, redundant: Vec<Deletion>) -> Option<Repair> {
    let mut delete = redundant;
    for deletion in &mut delete {
        deletion.count = counts.get(deletion.row.as_str()).copied().unwrap_or_default();
    }
    let goes = |delete: &[Deletion], row: &str| delete.iter().any(|deletion| deletion.row == row);
    let rows_after: Vec<String> =
        counts.keys().filter(|row| !goes(&delete, row)).map(|row| (*row).to_owned()).collect();
    for row in &rows_after {
        let count = counts.get(row.as_str()).copied().unwrap_or_default();
        if count > 1 {
            let itself = || row.clone();
            delete.push(Deletion {
                row: itself(),
                count: count - 1,
                implied_by: itself(),
                path: vec![itself()],
            });
        }
    }
    (!delete.is_empty()).then_some(Repair { delete, rows_after })
}

impl Finding {
    /// What is so, in one sentence without a final full stop.
    pub fn message(&self) -> String {
        match self {
            Self::Empty { other_tables: Some(true), table: Some(false) } => {
                "the database has tables but no version table".to_owned()
            }
            Self::Empty { other_tables: Some(true), .. } => {
                "the database has tables but no row says which revisions made them".to_owned()
            }
            Self::Empty { .. } => "no row: nothing is recorded as applied".to_owned(),
            Self::Duplicate { row, count } => format!("the row '{row}' is there {count} times"),
            Self::Redundant { row, implied_by, path } => {
                format!("the row '{row}' adds nothing: '{implied_by}' implies it ({})", path.join(" -> "))
            }
            Self::Unknown { row, .. } => format!("the row '{row}' is no revision of these files"),
            Self::Ahead { row, .. } => {
                format!(
                    "the row '{row}' is no revision of these files, and no other row is: they may be too old"
                )
            }
        }
    }

    /// What the operator can do, best first. Proven repairs come first; the rest needs a person's word.
    pub fn choices(&self) -> Vec<String> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        match self {
            Self::Empty { other_tables: Some(true), .. } => texts(&[
                "check the search_path and the schema of the version table: the rows may be in another schema",
                "if the tables were made by these revisions, find out up to which one and `alembic stamp` that one",
                "if the rows were lost with a restore, restore the version table as well",
            ]),
            Self::Empty { .. } => texts(&["upgrade: every revision will be applied"]),
            Self::Duplicate { .. } => {
                texts(&["delete the repeats (proven to change nothing), and give the table its primary key"])
            }
            Self::Redundant { row, .. } => vec![format!("delete the row '{row}' (proven to change nothing)")],
            Self::Unknown { row, similar } | Self::Ahead { row, similar } => {
                let mut choices: Vec<String> = did_you_mean(similar).into_iter().collect();
                choices.extend([
                    format!("use the image or the commit that has '{row}'"),
                    format!("add the file of '{row}' to this tree, if it was left out"),
                    format!(
                        "if '{row}' was renamed or its work undone, `alembic stamp` what is really applied"
                    ),
                ]);
                choices
            }
        }
    }
}
