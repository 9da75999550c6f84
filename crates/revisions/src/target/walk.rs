//! Steps up and down from a revision (alembic, script/revision.py, `_walk`).

use super::name::in_lineage;
use crate::History;
use crate::target::{TargetError, TargetErrorKind};

/// Where a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At a revision.
    At(usize),
    /// Just below a base: nothing of the branch is applied. Carries the base.
    BelowBase(usize),
    /// Outside the history.
    Off,
}

/// Walks up by children, from a revision or from nothing. A label chooses between children.
pub(super) fn up(
    history: &History,
    start: Option<usize>,
    steps: u64,
    label: Option<&str>,
) -> Result<End, TargetError> {
    let graph = history.graph();
    let mut at = start;
    for _ in 0..steps {
        let mut children = at.map_or_else(|| graph.bases(), |node| graph.next(node).to_vec());
        if let Some(label) = label {
            children = in_lineage(history, children, label)?;
        }
        match children.as_slice() {
            [] => return Ok(End::Off),
            [only] => at = Some(*only),
            several => return Err(ambiguous(history, at, several)),
        }
    }
    Ok(at.map_or(End::Off, End::At))
}

/// Walks down by parents, from a revision or from the heads.
pub(super) fn down(history: &History, start: Option<usize>, steps: u64) -> Result<End, TargetError> {
    let graph = history.graph();
    let mut at = start;
    for step in 0..steps {
        let parents = at.map_or_else(|| graph.heads(), |node| graph.down(node).to_vec());
        match (parents.as_slice(), at) {
            // One step below the base is the last one that is somewhere.
            ([], Some(base)) if step + 1 == steps => return Ok(End::BelowBase(base)),
            ([], _) => return Ok(End::Off),
            ([only], _) => at = Some(*only),
            (several, _) => return Err(ambiguous(history, at, several)),
        }
    }
    Ok(at.map_or(End::Off, End::At))
}

fn ambiguous(history: &History, at: Option<usize>, several: &[usize]) -> TargetError {
    let from = at.map_or_else(|| "the base".to_owned(), |node| format!("'{}'", history.graph().id(node)));
    TargetError::new(TargetErrorKind::AmbiguousWalk, "Ambiguous walk").help(format!(
        "from {from} the way leads to {}; name one of them, or a branch as in 'LABEL@+1'",
        history.ids(several.iter().copied()).join(" and ")
    ))
}
