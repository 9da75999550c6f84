//! How a branch label spreads from the revision that declares it (alembic, `RevisionMap._add_branches`).

use std::collections::BTreeSet;

use super::Graph;

/// The labels of every node.
///
/// A label spreads to all descendants by `down_revision`. It also climbs from the tip of its branch: up to the
/// first revision that is a merge, or that more than one other revision needs. So it reaches the ancestors only when
/// the branch is one chain from its tip to the labelled revision and beyond.
pub(super) fn spread(graph: &Graph, own: &[Vec<String>]) -> Vec<BTreeSet<String>> {
    let mut labels = vec![BTreeSet::new(); graph.len()];
    for (node, own) in own.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
        for descendant in graph.versioned_descendants(&[node]).iter() {
            labels[descendant].extend(own.iter().cloned());
        }
        let mut at = tip(graph, node);
        while let Some(climber) = at.filter(|&at| graph.all_next(at).len() <= 1 && graph.down(at).len() <= 1)
        {
            labels[climber].extend(own.iter().cloned());
            at = graph.down(climber).first().copied();
        }
    }
    labels
}

/// The end of the chain that starts at a node; `None` when it branches, where no climb gets past the branch.
fn tip(graph: &Graph, node: usize) -> Option<usize> {
    let mut at = node;
    loop {
        match graph.next(at) {
            [] => return Some(at),
            [only] => at = *only,
            _ => return None,
        }
    }
}
