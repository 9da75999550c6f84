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
    #[serde(skip_serializing_if = "Option::is_none")]
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
    pub(crate) fn new(kind: TargetErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: None }
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// No revision goes by this name.
    pub(crate) fn unresolved(name: &str) -> Self {
        Self::new(TargetErrorKind::Unresolved, format!("Can't locate revision identified by '{name}'"))
    }

    /// `argument` names one head, but there are several.
    pub(crate) fn multiple_heads(argument: &str, heads: &[&str]) -> Self {
        let message = format!(
            "Multiple head revisions are present for given argument '{argument}'; please specify a specific target \
             revision, '<branchname>@{argument}' to narrow to a specific head, or 'heads' for all heads"
        );
        Self::new(TargetErrorKind::MultipleHeads, message).help(format!(
            "the heads are {}; join them with `tidegate revisions merge`, name one of them, or say `heads` for all",
            heads.join(", ")
        ))
    }

    /// A relative target that leaves the history. `shown` is the amount as Alembic prints it.
    pub(crate) fn too_far(shown: &str, amount: u64) -> Self {
        let message = format!("Relative revision {shown} didn't produce {amount} migrations");
        Self::new(TargetErrorKind::TooFar, message)
            .help("there are fewer revisions in that direction; `tidegate revisions history` lists them")
    }
}
