//! Revisions as numbered nodes and the edges between them. Knows neither files nor messages.
//!
//! Nodes are numbered in the order in which Alembic reads the files, which is its tie-break between parallel
//! branches. Two kinds of edge: *versioned* ones (`down_revision`), which make heads, bases and branches, and
//! dependencies (`depends_on`), which only order the work (alembic, script/revision.py, `RevisionMap`).

pub(crate) mod cycles;
mod labels;
pub(crate) mod order;
mod set;

use std::collections::{BTreeSet, HashMap};

pub(crate) use set::NodeSet;

/// A node's edges as they were declared, resolved to node numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edges {
    pub(crate) down: Vec<usize>,
    pub(crate) depends: Vec<usize>,
}

/// The linked graph. Acyclic: the caller has refused cycles before (see [`cycles`]).
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    ids: Vec<String>,
    /// Ids and labels, to the revision that declares them.
    names: HashMap<String, usize>,
    /// Labels in the order in which they were declared.
    label_order: Vec<String>,
    edges: Vec<Edges>,
    /// Parents, then the dependencies that no ancestor has declared already.
    normalized: Vec<Vec<usize>>,
    next: Vec<Vec<usize>>,
    all_next: Vec<Vec<usize>>,
    labels: Vec<BTreeSet<String>>,
}

impl Graph {
    /// Links nodes. `labels` holds each node's own labels; they are unique and differ from all ids.
    pub(crate) fn link(ids: Vec<String>, edges: Vec<Edges>, own_labels: &[Vec<String>]) -> Self {
        let mut names: HashMap<String, usize> =
            ids.iter().enumerate().map(|(node, id)| (id.clone(), node)).collect();
        let mut label_order = Vec::new();
        for (node, label) in
            own_labels.iter().enumerate().flat_map(|(n, all)| all.iter().map(move |l| (n, l)))
        {
            if names.insert(label.clone(), node).is_none() {
                label_order.push(label.clone());
            }
        }
        let (mut next, mut all_next) = (vec![Vec::new(); ids.len()], vec![Vec::new(); ids.len()]);
        for (node, edges) in edges.iter().enumerate() {
            for &down in &edges.down {
                push_once(&mut next[down], node);
                push_once(&mut all_next[down], node);
            }
            for &dependency in &edges.depends {
                push_once(&mut all_next[dependency], node);
            }
        }
        let labels = vec![BTreeSet::new(); ids.len()];
        let mut graph =
            Self { ids, names, label_order, edges, normalized: Vec::new(), next, all_next, labels };
        graph.normalized = (0..graph.len()).map(|node| graph.normalize(node)).collect();
        graph.labels = labels::spread(&graph, own_labels);
        graph
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn id(&self, node: usize) -> &str {
        &self.ids[node]
    }

    /// The node with exactly this id; labels do not count.
    pub(crate) fn node(&self, id: &str) -> Option<usize> {
        self.named(id).filter(|&node| self.ids[node] == id)
    }

    /// The node that an id or a label names.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// All ids, then all labels.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().chain(&self.label_order).map(String::as_str)
    }

    pub(crate) fn down(&self, node: usize) -> &[usize] {
        &self.edges[node].down
    }

    pub(crate) fn depends(&self, node: usize) -> &[usize] {
        &self.edges[node].depends
    }

    pub(crate) fn normalized(&self, node: usize) -> &[usize] {
        &self.normalized[node]
    }

    pub(crate) fn next(&self, node: usize) -> &[usize] {
        &self.next[node]
    }

    pub(crate) fn all_next(&self, node: usize) -> &[usize] {
        &self.all_next[node]
    }

    pub(crate) fn labels(&self, node: usize) -> &BTreeSet<String> {
        &self.labels[node]
    }

    pub(crate) fn heads(&self) -> Vec<usize> {
        (0..self.len()).filter(|&node| self.next[node].is_empty()).collect()
    }

    pub(crate) fn real_heads(&self) -> Vec<usize> {
        (0..self.len()).filter(|&node| self.all_next[node].is_empty()).collect()
    }

    pub(crate) fn bases(&self) -> Vec<usize> {
        (0..self.len()).filter(|&node| self.edges[node].down.is_empty()).collect()
    }

    pub(crate) fn real_bases(&self) -> Vec<usize> {
        let no_edges =
            |node: &usize| self.edges[*node].down.is_empty() && self.edges[*node].depends.is_empty();
        (0..self.len()).filter(no_edges).collect()
    }

    /// These nodes and everything that they need, dependencies included.
    pub(crate) fn ancestors(&self, of: &[usize]) -> NodeSet {
        self.closure(of, |node| &self.normalized[node])
    }

    /// These nodes and their ancestors by `down_revision` alone.
    pub(crate) fn versioned_ancestors(&self, of: &[usize]) -> NodeSet {
        self.closure(of, |node| &self.edges[node].down)
    }

    /// These nodes and everything that needs them, dependencies included.
    pub(crate) fn descendants(&self, of: &[usize]) -> NodeSet {
        self.closure(of, |node| &self.all_next[node])
    }

    /// These nodes and their descendants by `down_revision` alone.
    pub(crate) fn versioned_descendants(&self, of: &[usize]) -> NodeSet {
        self.closure(of, |node| &self.next[node])
    }

    /// The shortest chain of edges from a node down to one of its ancestors, both included.
    pub(crate) fn path_down(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            if node == to {
                let mut path = vec![node];
                let mut at = node;
                while at != from {
                    at = came_from[&at];
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            for &parent in &self.normalized[node] {
                if parent != from && !came_from.contains_key(&parent) {
                    came_from.insert(parent, node);
                    queue.push_back(parent);
                }
            }
        }
        None
    }

    fn closure<'a>(&'a self, of: &[usize], edges: impl Fn(usize) -> &'a Vec<usize>) -> NodeSet {
        let mut seen = NodeSet::empty(self.len());
        let mut todo: Vec<usize> = of.to_vec();
        while let Some(node) = todo.pop() {
            if seen.insert(node) {
                todo.extend(edges(node));
            }
        }
        seen
    }

    /// Alembic drops a dependency that an ancestor by `down_revision` has declared as well: its row is gone by
    /// then (`RevisionMap._normalize_depends_on`).
    fn normalize(&self, node: usize) -> Vec<usize> {
        let edges = &self.edges[node];
        let mut normalized = edges.down.clone();
        if edges.depends.is_empty() {
            return normalized;
        }
        let mut ancestors = self.versioned_ancestors(&[node]);
        ancestors.remove(node);
        let declared_below: BTreeSet<usize> =
            ancestors.iter().flat_map(|ancestor| self.edges[ancestor].depends.iter().copied()).collect();
        for &dependency in &edges.depends {
            if !declared_below.contains(&dependency) {
                push_once(&mut normalized, dependency);
            }
        }
        normalized
    }
}

fn push_once(list: &mut Vec<usize>, node: usize) {
    if !list.contains(&node) {
        list.push(node);
    }
}
