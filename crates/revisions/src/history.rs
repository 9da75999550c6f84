//! The graph of a project's revisions, with Alembic's own meaning of heads, bases and labels. Pure.

use std::collections::BTreeSet;

use diagnostics::Diagnostic;

use crate::diagnosis::Diagnosis;
use crate::plan::Plan;
use crate::revision::{Dynamic, Revision};
use crate::target::TargetError;

/// All revisions of a project and how they depend on each other. Free of cycles, duplicate ids and missing
/// parents by construction.
#[derive(Clone, Debug)]
pub struct History {
    revisions: Vec<Revision>,
    warnings: Vec<Diagnostic>,
}

impl History {
    /// Links revisions, given in the order in which Alembic reads the folder (the tie-break between parallel
    /// branches).
    pub fn new(revisions: Vec<Revision>) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self { revisions, warnings: Vec::new() })
    }

    /// The revisions in the order in which they were read.
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// The revision with exactly this id.
    pub fn revision(&self, id: &str) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.id == id)
    }

    /// What is doubtful about the files, though they can be used.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The computed values that are still unknown, each with its revision. Plans are refused while a `depends_on`
    /// is among them.
    pub fn dynamic(&self) -> impl Iterator<Item = (&Revision, &Dynamic)> {
        self.revisions.iter().flat_map(|revision| revision.dynamic.iter().map(move |value| (revision, value)))
    }

    /// Revisions that no other has as its down revision.
    pub fn heads(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Heads that no other revision depends on either: the rows of a database that is up to date.
    pub fn real_heads(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Revisions without a down revision.
    pub fn bases(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Bases that depend on nothing.
    pub fn real_bases(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The labels of a revision: its own and those that spread to it.
    pub fn labels(&self, id: &str) -> BTreeSet<&str> {
        let _ = id;
        BTreeSet::new()
    }

    /// Parents and dependencies, less the dependencies that an ancestor has already declared.
    pub fn normalized_down(&self, id: &str) -> Vec<&str> {
        let _ = id;
        Vec::new()
    }

    /// Everything that has to be applied before this revision and the revision itself, dependencies included.
    pub fn ancestors(&self, id: &str) -> BTreeSet<&str> {
        let _ = id;
        BTreeSet::new()
    }

    /// All revisions in the order of an upgrade from nothing to all heads.
    pub fn history(&self) -> Vec<&Revision> {
        Vec::new()
    }

    /// The revisions that a target names: `head`, `heads`, `base`, an id or a unique part of one, `LABEL@head`,
    /// or several of these separated by commas.
    pub fn resolve(&self, target: &str) -> Result<Vec<String>, TargetError> {
        Err(TargetError::unresolved(target))
    }

    /// The steps from these rows of the version table to the target, relative ones (`+1`, `x@+1`) included.
    pub fn plan_upgrade(&self, rows: &[String], target: &str) -> Result<Plan, TargetError> {
        let _ = rows;
        Err(TargetError::unresolved(target))
    }

    /// The steps back from these rows to the target.
    pub fn plan_downgrade(&self, rows: &[String], target: &str) -> Result<Plan, TargetError> {
        let _ = rows;
        Err(TargetError::unresolved(target))
    }

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
