//! The steps from the rows of a version table to a target, and the rows after each. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::History;
use crate::graph::{Graph, order};
use crate::target::{
    DowngradeTarget, TargetError, TargetErrorKind, downgrade_target, refuse_computed, row_nodes, split,
    upgrade_targets,
};

/// Which way a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The revision's `upgrade()` runs.
    Upgrade,
    /// The revision's `downgrade()` runs.
    Downgrade,
}

/// One revision to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The revision's id.
    pub revision: String,
    /// Which of its functions runs.
    pub direction: Direction,
    /// The rows of the version table after it, sorted.
    pub rows_after: Vec<String>,
}

/// Steps in the order in which Alembic runs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The rows that the plan starts from, as given.
    pub rows: Vec<String>,
    /// The target, as given.
    pub target: String,
    /// The steps; empty when there is nothing to do.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The rows when the plan has run, sorted and without repeats.
    pub fn rows_after(&self) -> Vec<String> {
        match self.steps.last() {
            Some(step) => step.rows_after.clone(),
            None => self.rows.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        }
    }
}

impl History {
    /// The steps from these rows of the version table to the target, relative ones (`+1`, `x@+1`) included. An empty
    /// plan means that there is nothing to do.
    pub fn plan_upgrade(&self, rows: &[String], target: &str) -> Result<Plan, TargetError> {
        refuse_computed(self, "depends_on", target)?;
        let mut targets = Vec::new();
        for part in split(self, target) {
            targets.extend(upgrade_targets(self, rows, part)?);
        }
        let graph = self.graph();
        refuse_overlap(graph, &targets, Which::Targets)?;
        let current = row_nodes(self, rows)?;
        refuse_overlap(graph, &current, Which::Rows)?;
        let mut needed = graph.ancestors(&targets);
        needed.subtract(&graph.ancestors(&current));
        let mut table: BTreeSet<usize> = current.into_iter().collect();
        let steps = self.upgrade_order(&needed, &targets).into_iter().map(|node| {
            for parent in graph.normalized(node) {
                table.remove(parent);
            }
            table.insert(node);
            step(graph, node, Direction::Upgrade, &table)
        });
        Ok(Plan { rows: rows.to_vec(), target: target.to_owned(), steps: steps.collect() })
    }

    /// The steps back from these rows to the target.
    pub fn plan_downgrade(&self, rows: &[String], target: &str) -> Result<Plan, TargetError> {
        refuse_computed(self, "depends_on", target)?;
        let graph = self.graph();
        let to = downgrade_target(self, rows, target)?;
        let roots = roots(graph, &to)?;
        let current = row_nodes(self, rows)?;
        let mut undone = graph.descendants(&roots);
        undone.intersect(&graph.ancestors(&current));
        if undone.is_empty() && to.stays.is_some_and(|stays| !current.contains(&stays)) {
            return Err(TargetError::new(
                TargetErrorKind::NotAncestor,
                format!("Destination {target} is not a valid downgrade target from current head(s)"),
            )
            .help(
                "a downgrade goes to a revision below the current ones; the rows do not contain this one",
            ));
        }
        let mut table: BTreeSet<usize> = current.iter().copied().collect();
        let mut steps = Vec::new();
        for node in order::newest_first(graph, &undone, &current) {
            if !table.remove(&node) {
                // Only rows that overlap hide a revision that is still to be undone; Alembic dies of a KeyError.
                refuse_overlap(graph, &current, Which::Rows)?;
            }
            uncover(graph, &mut table, node);
            steps.push(step(graph, node, Direction::Downgrade, &table));
        }
        Ok(Plan { rows: rows.to_vec(), target: target.to_owned(), steps })
    }
}

/// The lowest revisions that a downgrade undoes.
fn roots(graph: &Graph, to: &DowngradeTarget) -> Result<Vec<usize>, TargetError> {
    let roots = to.stays.map_or_else(|| graph.bases(), |stays| graph.next(stays).to_vec());
    let Some(branch) = to.branch.filter(|_| roots.len() > 1) else {
        return Ok(roots);
    };
    let on_branch = graph.versioned_ancestors(&[branch]);
    let kept: Vec<usize> = roots.into_iter().filter(|&root| on_branch.contains(root)).collect();
    if kept.is_empty() {
        return Err(TargetError::new(
            TargetErrorKind::NotAncestor,
            "Not a valid downgrade target from current heads",
        )
        .help("the branch and the revision do not meet; name the branch that the revision is on"));
    }
    Ok(kept)
}

/// After a revision is undone, what it needed becomes rows, except what other rows imply. Only when there are no
/// other rows does Alembic look whether its parents imply each other, so a redundant row may stay behind; the plan
/// foretells that too (alembic, runtime/migration.py, `RevisionStep._unmerge_to_revisions`).
fn uncover(graph: &Graph, table: &mut BTreeSet<usize>, undone: usize) {
    let parents = graph.normalized(undone);
    let implied = if table.is_empty() {
        let below: Vec<usize> =
            parents.iter().flat_map(|&parent| graph.normalized(parent).iter().copied()).collect();
        graph.ancestors(&below)
    } else {
        graph.ancestors(&table.iter().copied().collect::<Vec<_>>())
    };
    table.extend(parents.iter().filter(|&&parent| !implied.contains(parent)));
}

/// What overlaps, for the advice.
#[derive(Clone, Copy)]
enum Which {
    Targets,
    Rows,
}

/// Alembic's refusal when one of several revisions is an ancestor of another.
fn refuse_overlap(graph: &Graph, nodes: &[usize], which: Which) -> Result<(), TargetError> {
    if nodes.len() < 2 {
        return Ok(());
    }
    for &node in nodes {
        let below = graph.ancestors(&[node]);
        let overlaps: BTreeSet<usize> =
            nodes.iter().copied().filter(|&other| other != node && below.contains(other)).collect();
        if !overlaps.is_empty() {
            let others: Vec<&str> = overlaps.into_iter().map(|other| graph.id(other)).collect();
            let (id, others) = (graph.id(node), others.join(", "));
            let help = match which {
                Which::Targets => {
                    format!("'{id}' already contains {others}: leave that one out of the target")
                }
                Which::Rows => format!(
                    "'{id}' already contains {others}; `tidegate revisions diagnose` proves which rows say nothing, \
                     and `tidegate migrate` deletes those"
                ),
            };
            return Err(TargetError::new(
                TargetErrorKind::Overlap,
                format!("Requested revision {id} overlaps with other requested revisions {others}"),
            )
            .help(help));
        }
    }
    Ok(())
}

fn step(graph: &Graph, node: usize, direction: Direction, table: &BTreeSet<usize>) -> Step {
    let mut rows_after: Vec<String> = table.iter().map(|&row| graph.id(row).to_owned()).collect();
    rows_after.sort_unstable();
    Step { revision: graph.id(node).to_owned(), direction, rows_after }
}
