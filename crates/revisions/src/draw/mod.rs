//! Pictures of a history: for a terminal, and as DOT, Mermaid and SVG. Pure.
//!
//! Newest first. Solid lines are `down_revision`, dashed ones `depends_on`.

mod lanes;
mod languages;
mod svg;
mod text;

pub use languages::{dot, mermaid};
pub use svg::svg;
pub use text::text;

use crate::{History, Revision};

/// What is remarkable about a revision, in Alembic's words: `(head)`, `(effective head)`, `(branchpoint)`,
/// `(mergepoint)`.
pub fn tags(history: &History, id: &str) -> Vec<&'static str> {
    let Some(node) = history.graph().node(id) else { return Vec::new() };
    let graph = history.graph();
    let mut tags = Vec::new();
    if graph.all_next(node).is_empty() {
        tags.push("head");
    } else if graph.next(node).is_empty() {
        tags.push("effective head");
    }
    if graph.next(node).len() > 1 {
        tags.push("branchpoint");
    }
    if graph.down(node).len() > 1 {
        tags.push("mergepoint");
    }
    tags
}

/// A revision in one line: id, own labels, tags, message, and what it depends on.
fn caption(history: &History, revision: &Revision) -> String {
    let mut caption = revision.id.clone();
    if !revision.branch_labels.is_empty() {
        caption.push_str(&format!(" [{}]", revision.branch_labels.join(", ")));
    }
    for tag in tags(history, &revision.id) {
        caption.push_str(&format!(" ({tag})"));
    }
    if !revision.message.is_empty() {
        caption.push_str(&format!(" {}", revision.message));
    }
    let needs = history.depends_on(&revision.id);
    if !needs.is_empty() {
        caption.push_str(&format!(" (needs {})", needs.join(", ")));
    }
    caption
}
