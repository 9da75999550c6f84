//! Why a target cannot be reached: Alembic's own words, a kind for machines, and what to do next.

use serde::Serialize;

/// A target that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{message}")]
pub struct TargetError {
    /// Why, for machines.
    pub kind: TargetErrorKind,
    /// Why, in the words that Alembic's users know.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

/// Why a target was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetErrorKind {
    /// No revision or label, or more than one, goes by this name.
    Unresolved,
    /// A row of the version table is no revision of these files.
    UnknownRow,
    /// `head` where there are several.
    MultipleHeads,
    /// A downgrade to what is not below the rows.
    NotAncestor,
    /// A row, or a target, already contains another one.
    Overlap,
    /// A relative target that could go several ways.
    AmbiguousWalk,
    /// A relative target that leaves the history.
    TooFar,
    /// A computed `depends_on` or label is needed; only the project's own Python knows it.
    Dynamic,
}

impl TargetError {
    /// No revision goes by this name.
    pub fn unresolved(name: &str) -> Self {
        Self {
            kind: TargetErrorKind::Unresolved,
            message: format!("Can't locate revision identified by '{name}'"),
            help: None,
        }
    }
}
