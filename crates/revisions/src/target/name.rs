//! Absolute targets: ids, parts of ids, labels, `head`, `heads`, `base`, each perhaps narrowed by `LABEL@`
//! (alembic, script/revision.py, `_resolve_revision_number` and `_revision_for_ident`).

use crate::History;
use crate::similar::{did_you_mean, similar};
use crate::target::{TargetError, TargetErrorKind};

/// Names this short are never found by their beginning, in characters.
const SHORTEST_PARTIAL: usize = 4;

/// The revisions that a target names; none for `base`.
pub(super) fn nodes(history: &History, target: &str) -> Result<Vec<usize>, TargetError> {
    let (label, symbol) = split_label(target);
    match symbol {
        "heads" => match label {
            None => real_heads(history),
            Some(label) => {
                let heads = in_lineage(history, history.graph().heads(), label)?;
                heads.into_iter().map(|head| member(history, head, label)).collect()
            }
        },
        "head" => head(history, label)?.into_iter().map(Ok).collect(),
        "base" => Ok(Vec::new()),
        symbol => Ok(vec![find(history, symbol, label)?]),
    }
}

/// The one revision that a target names; `None` for `base`.
pub(super) fn node(history: &History, target: &str) -> Result<Option<usize>, TargetError> {
    match nodes(history, target)?.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        several => Err(TargetError::multiple_heads(target, &history.ids(several.iter().copied()))),
    }
}

/// `LABEL@SYMBOL`.
pub(super) fn split_label(target: &str) -> (Option<&str>, &str) {
    match target.split_once('@') {
        Some((label, symbol)) => (Some(label).filter(|label| !label.is_empty()), symbol),
        None => (None, target),
    }
}

/// The revisions, among these, on the branch that a label or an id stands for: its ancestors and descendants by
/// `down_revision`.
pub(super) fn in_lineage(
    history: &History,
    candidates: Vec<usize>,
    label: &str,
) -> Result<Vec<usize>, TargetError> {
    let members = match label {
        "base" => return Ok(candidates),
        "heads" => real_heads(history)?,
        "head" => head(history, None)?.into_iter().collect(),
        label => vec![find(history, label, None)?],
    };
    if members.is_empty() {
        return Ok(candidates);
    }
    let graph = history.graph();
    let above = graph.versioned_descendants(&members);
    let below = graph.versioned_ancestors(&members);
    Ok(candidates.into_iter().filter(|&node| above.contains(node) || below.contains(node)).collect())
}

/// The revision that a branch stands for: the one with this label, or an id.
pub(super) fn branch(history: &History, label: &str) -> Result<usize, TargetError> {
    find(history, label, None)
}

fn real_heads(history: &History) -> Result<Vec<usize>, TargetError> {
    let graph = history.graph();
    // With one head there is nothing to choose, whatever a computed dependency may turn out to be.
    if graph.heads().len() > 1 {
        refuse_computed(history, "depends_on", "heads")?;
    }
    Ok(graph.real_heads())
}

fn head(history: &History, label: Option<&str>) -> Result<Option<usize>, TargetError> {
    let heads = history.graph().heads();
    let (heads, argument) = match label {
        None => (heads, "head".to_owned()),
        Some(label) => (in_lineage(history, heads, label)?, format!("{label}@head")),
    };
    match heads.as_slice() {
        [] => Ok(None),
        [only] => match label {
            None => Ok(Some(*only)),
            Some(label) => member(history, *only, label).map(Some),
        },
        several => Err(TargetError::multiple_heads(&argument, &history.ids(several.iter().copied()))),
    }
}

/// An id or label, or the unique beginning of one.
pub(super) fn find(history: &History, name: &str, label: Option<&str>) -> Result<usize, TargetError> {
    let graph = history.graph();
    let branch = label.map(|label| branch(history, label)).transpose()?;
    let node = match graph.named(name) {
        Some(node) => node,
        None => by_beginning(history, name, label)?,
    };
    match (branch, label) {
        (Some(_), Some(label)) => member(history, node, label),
        _ => Ok(node),
    }
}

fn by_beginning(history: &History, name: &str, label: Option<&str>) -> Result<usize, TargetError> {
    refuse_computed(history, "branch_labels", name)?;
    let graph = history.graph();
    let mut found: Vec<(&str, usize)> = graph
        .names()
        .filter(|known| {
            !name.is_empty() && known.starts_with(name) && known.chars().count() >= SHORTEST_PARTIAL
        })
        .filter_map(|known| graph.named(known).map(|node| (known, node)))
        .collect();
    if let Some(label) = label {
        let kept = in_lineage(history, found.iter().map(|(_, node)| *node).collect(), label)?;
        found.retain(|(_, node)| kept.contains(node));
    }
    match found.as_slice() {
        [(_, only)] => Ok(*only),
        [] => {
            let question = did_you_mean(&similar(name, graph.names()));
            let list = "`tidegate revisions history` lists the revisions";
            Err(TargetError::unresolved(name)
                .help(question.map_or_else(|| list.to_owned(), |question| format!("{question} {list}"))))
        }
        several => {
            let names: Vec<&str> = several.iter().take(4).map(|(name, _)| *name).collect();
            Err(TargetError::unresolved(name)
                .help(format!("several begin like this ({}); write more of it", names.join(", "))))
        }
    }
}

/// The revision itself, if it is on the branch.
fn member(history: &History, node: usize, label: &str) -> Result<usize, TargetError> {
    let branch = branch(history, label)?;
    let graph = history.graph();
    if graph.versioned_descendants(&[branch]).contains(node)
        || graph.versioned_ancestors(&[branch]).contains(node)
    {
        return Ok(node);
    }
    let id = graph.id(node);
    Err(TargetError::unresolved(id).help(format!("'{id}' is not on the branch '{label}'")))
}

/// Refuses what a value decides that only the project's own Python knows.
pub(crate) fn refuse_computed(history: &History, name: &str, target: &str) -> Result<(), TargetError> {
    match history.dynamic().find(|(_, dynamic)| dynamic.name == name) {
        None => Ok(()),
        Some((revision, dynamic)) => Err(TargetError::new(
            TargetErrorKind::Dynamic,
            format!("'{target}' depends on `{name}` of '{}', which the file computes", revision.id),
        )
        .help(format!(
            "write the value out at {}, or let `tidegate migrate` ask the project's own Python",
            dynamic.place
        ))),
    }
}
