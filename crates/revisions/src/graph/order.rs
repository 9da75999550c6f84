//! The order of the work: every revision after what it needs, and between parallel branches the order of Alembic
//! (`RevisionMap._topological_sort`), so that a plan names the very steps that `alembic upgrade` will run.

use super::{Graph, NodeSet};

/// A branch being walked from its tip downwards.
struct Walker {
    /// The next revision to emit on this branch.
    at: usize,
    /// What `at` needs: other branches must wait for these.
    below: NodeSet,
}

/// The members of a set, newest first, starting from these heads.
pub(crate) fn newest_first(graph: &Graph, members: &NodeSet, heads: &[usize]) -> Vec<usize> {
    let mut todo = members.clone();
    let mut starts: Vec<usize> = heads.iter().copied().filter(|&head| todo.contains(head)).collect();
    starts.sort_unstable();
    starts.dedup();
    let mut walkers: Vec<Walker> = starts.into_iter().map(|at| walker(graph, at)).collect();
    let mut order = Vec::new();
    let mut current = 0;
    while !walkers.is_empty() {
        let candidate = walkers[current].at;
        let dependent = walkers
            .iter()
            .enumerate()
            .position(|(index, other)| index != current && other.below.contains(candidate));
        if let Some(dependent) = dependent {
            current = dependent;
            continue;
        }
        if todo.contains(candidate) {
            order.push(candidate);
            todo.remove(candidate);
        }
        let parents: Vec<usize> = graph
            .normalized(candidate)
            .iter()
            .copied()
            .filter(|&parent| todo.contains(parent) && walkers.iter().all(|walker| walker.at != parent))
            .collect();
        match parents.split_first() {
            None => {
                walkers.remove(current);
                current = current.saturating_sub(1);
            }
            Some((&first, rest)) => {
                if graph.normalized(candidate).len() == 1 {
                    walkers[current].at = first;
                    walkers[current].below.remove(candidate);
                } else {
                    walkers[current] = walker(graph, first);
                    walkers.extend(rest.iter().map(|&parent| walker(graph, parent)));
                }
            }
        }
    }
    order
}

fn walker(graph: &Graph, at: usize) -> Walker {
    Walker { at, below: graph.ancestors(&[at]) }
}
