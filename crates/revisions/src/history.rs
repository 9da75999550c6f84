//! The graph of a project's revisions, with Alembic's own meaning of heads, bases and labels. Pure.

use std::collections::BTreeSet;

use diagnostics::Diagnostic;

use crate::check::check;
use crate::graph::{Graph, NodeSet, order};
use crate::revision::{Dynamic, Revision};

/// All revisions of a project and how they depend on each other. Free of cycles, duplicate ids and missing
/// parents by construction.
#[derive(Clone, Debug)]
pub struct History {
    revisions: Vec<Revision>,
    graph: Graph,
    warnings: Vec<Diagnostic>,
}

impl History {
    /// Links revisions, given in the order in which Alembic reads the folder (the tie-break between parallel
    /// branches).
    pub fn new(revisions: Vec<Revision>) -> Result<Self, Vec<Diagnostic>> {
        let edges = check(&revisions)?;
        let ids = revisions.iter().map(|revision| revision.id.clone()).collect();
        let labels: Vec<Vec<String>> =
            revisions.iter().map(|revision| revision.branch_labels.clone()).collect();
        Ok(Self { graph: Graph::link(ids, edges, &labels), revisions, warnings: Vec::new() })
    }

    /// The revisions in the order in which they were read.
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// The revision with exactly this id.
    pub fn revision(&self, id: &str) -> Option<&Revision> {
        self.graph.node(id).map(|node| &self.revisions[node])
    }

    /// What is doubtful about the files, though they can be used.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The computed values that are still unknown, each with its revision. Plans are refused while a `depends_on`
    /// is among them.
    pub fn dynamic(&self) -> impl Iterator<Item = (&Revision, &Dynamic)> {
        self.revisions.iter().flat_map(|revision| revision.dynamic.iter().map(move |value| (revision, value)))
    }

    /// Revisions that no other has as its down revision, in file order.
    pub fn heads(&self) -> Vec<&str> {
        self.ids(self.graph.heads())
    }

    /// Heads that no other revision depends on either: the rows of a database that is up to date. In file order.
    pub fn real_heads(&self) -> Vec<&str> {
        self.ids(self.graph.real_heads())
    }

    /// Revisions without a down revision, in file order.
    pub fn bases(&self) -> Vec<&str> {
        self.ids(self.graph.bases())
    }

    /// Bases that depend on nothing, in file order.
    pub fn real_bases(&self) -> Vec<&str> {
        self.ids(self.graph.real_bases())
    }

    /// The labels of a revision: its own and those that spread to it.
    pub fn labels(&self, id: &str) -> BTreeSet<&str> {
        self.node_labels(id).into_iter().flatten().map(String::as_str).collect()
    }

    /// The parents of a revision, by `down_revision` alone.
    pub fn down(&self, id: &str) -> Vec<&str> {
        self.graph.node(id).map(|node| self.ids(self.graph.down(node).iter().copied())).unwrap_or_default()
    }

    /// What a revision depends on (`depends_on`), labels resolved to ids.
    pub fn depends_on(&self, id: &str) -> Vec<&str> {
        self.graph.node(id).map(|node| self.ids(self.graph.depends(node).iter().copied())).unwrap_or_default()
    }

    /// Parents and dependencies, less the dependencies that an ancestor has already declared.
    pub fn normalized_down(&self, id: &str) -> Vec<&str> {
        self.graph
            .node(id)
            .map(|node| self.ids(self.graph.normalized(node).iter().copied()))
            .unwrap_or_default()
    }

    /// Everything that has to be applied before this revision and the revision itself, dependencies included.
    pub fn ancestors(&self, id: &str) -> BTreeSet<&str> {
        let Some(node) = self.graph.node(id) else { return BTreeSet::new() };
        self.graph.ancestors(&[node]).iter().map(|node| self.graph.id(node)).collect()
    }

    /// Everything that needs this revision and the revision itself, dependencies included.
    pub fn descendants(&self, id: &str) -> BTreeSet<&str> {
        let Some(node) = self.graph.node(id) else { return BTreeSet::new() };
        self.graph.descendants(&[node]).iter().map(|node| self.graph.id(node)).collect()
    }

    /// All revisions in the order of an upgrade from nothing to all heads.
    pub fn history(&self) -> Vec<&Revision> {
        self.upgrade_order_of_all().into_iter().map(|node| &self.revisions[node]).collect()
    }

    pub(crate) fn upgrade_order_of_all(&self) -> Vec<usize> {
        let heads = self.graph.real_heads();
        self.upgrade_order(&self.graph.ancestors(&heads), &heads)
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn add_warnings(&mut self, warnings: Vec<Diagnostic>) {
        self.warnings.extend(warnings);
    }

    /// The members of a set, oldest first.
    pub(crate) fn upgrade_order(&self, members: &NodeSet, heads: &[usize]) -> Vec<usize> {
        let mut order = order::newest_first(&self.graph, members, heads);
        order.reverse();
        order
    }

    pub(crate) fn ids(&self, nodes: impl IntoIterator<Item = usize>) -> Vec<&str> {
        nodes.into_iter().map(|node| self.graph.id(node)).collect()
    }

    fn node_labels(&self, id: &str) -> Option<&BTreeSet<String>> {
        self.graph.node(id).map(|node| self.graph.labels(node))
    }
}
