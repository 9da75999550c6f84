//! Pictures that other programs draw: Graphviz's DOT, and Mermaid as GitHub shows it.

use super::tags;
use crate::{History, Revision};

/// A history in DOT.
pub fn dot(history: &History) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let quote = |text: &str| format!("\"{}\"", escape(text));
    let mut text =
        "digraph revisions {\n  rankdir=BT;\n  node [shape=box, fontname=\"monospace\"];\n".to_owned();
    for revision in history.history() {
        let label: Vec<String> = lines(history, revision).iter().map(|line| escape(line)).collect();
        let label = label.join("\\n");
        text.push_str(&format!("  {} [label=\"{label}\"];\n", quote(&revision.id)));
        for parent in history.down(&revision.id) {
            text.push_str(&format!("  {} -> {};\n", quote(parent), quote(&revision.id)));
        }
        for need in history.depends_on(&revision.id) {
            text.push_str(&format!("  {} -> {} [style=dashed];\n", quote(need), quote(&revision.id)));
        }
    }
    text.push_str("}\n");
    text
}

/// A history in Mermaid. Nodes are numbered: an id may be a word that Mermaid keeps for itself.
pub fn mermaid(history: &History) -> String {
    let order = history.history();
    let number = |id: &str| order.iter().position(|revision| revision.id == id).unwrap_or_default();
    let escape = |text: &str| {
        text.replace('&', "#amp;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
    };
    let mut text = "graph BT\n".to_owned();
    for (at, revision) in order.iter().enumerate() {
        let label: Vec<String> = lines(history, revision).iter().map(|line| escape(line)).collect();
        text.push_str(&format!("  n{at}[\"{}\"]\n", label.join("<br>")));
        for parent in history.down(&revision.id) {
            text.push_str(&format!("  n{} --> n{at}\n", number(parent)));
        }
        for need in history.depends_on(&revision.id) {
            text.push_str(&format!("  n{} -.-> n{at}\n", number(need)));
        }
    }
    text
}

fn lines(history: &History, revision: &Revision) -> Vec<String> {
    let tags = tags(history, &revision.id);
    let mut first = revision.id.clone();
    if !tags.is_empty() {
        first.push_str(&format!(" ({})", tags.join(", ")));
    }
    let mut lines = vec![first];
    lines.extend(Some(revision.message.clone()).filter(|message| !message.is_empty()));
    lines.extend(
        Some(revision.branch_labels.join(", ")).filter(|labels| !labels.is_empty()).map(|l| format!("[{l}]")),
    );
    lines
}
