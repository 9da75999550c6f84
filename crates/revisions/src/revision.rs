//! One revision file's declarations. Holds what the file says, nothing that the graph makes of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use diagnostics::Place;

/// A revision file, as its own text declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The revision's id, unique in a [`History`](crate::History).
    pub id: String,
    /// The parents, in the order written. Empty for a base.
    pub down_revision: Vec<String>,
    /// Ids or labels of revisions on other branches that have to be applied first, as written.
    pub depends_on: Vec<String>,
    /// The labels that this file declares (not those that spread to it).
    pub branch_labels: Vec<String>,
    /// The file, as a path that can be opened.
    pub file: PathBuf,
    /// The first line of the module's docstring; empty when there is none.
    pub message: String,
    /// Values that the file computes, which only the project's own Python knows. They count as absent above.
    pub dynamic: Vec<Dynamic>,
    /// Where the id is declared, or the start of the file when the id comes from the file's name.
    pub place: Place,
    /// The value of `down_revision`.
    pub down_revision_place: Option<Place>,
    /// The value of `depends_on`.
    pub depends_on_place: Option<Place>,
    /// The value of `branch_labels`.
    pub branch_labels_place: Option<Place>,
}

/// A declaration whose value is computed when Python imports the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// `depends_on` or `branch_labels`.
    pub name: &'static str,
    /// The expression or statement that computes it.
    pub place: Place,
}

/// What the project's own Python says a file declares: the answer to a [`Dynamic`] value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// `revision`.
    pub revision: String,
    /// `down_revision`, as a list.
    pub down_revision: Vec<String>,
    /// `depends_on`, as a list.
    pub depends_on: Vec<String>,
    /// `branch_labels`, as a list.
    pub branch_labels: Vec<String>,
}

/// Answers by the path of the file, as [`Revision::file`] has it.
pub type Answers = BTreeMap<PathBuf, Answer>;
