//! Which lane each revision is drawn in, and where lanes part and meet.

use crate::History;

/// One revision and what happens to the lanes around it.
pub(super) struct Row {
    pub(super) node: usize,
    /// The lane it is in.
    pub(super) lane: usize,
    /// Lanes before it is drawn, the ones that meet in it included.
    pub(super) lanes_before: usize,
    /// Lanes that meet in it, from right to left.
    pub(super) joins: Vec<usize>,
    /// Lanes that open right of it, for its second parent and further ones.
    pub(super) opens: usize,
    /// Whether its lane begins here: no revision above it comes after it.
    pub(super) begins: bool,
    /// Whether its own lane ends here.
    pub(super) ends: bool,
}

/// The rows of a picture, newest first.
pub(super) fn rows(history: &History) -> Vec<Row> {
    let graph = history.graph();
    let mut lanes: Vec<usize> = Vec::new();
    let mut rows = Vec::new();
    for node in history.upgrade_order_of_all().into_iter().rev() {
        let begins = !lanes.contains(&node);
        if begins {
            lanes.push(node);
        }
        let waiting: Vec<usize> = (0..lanes.len()).filter(|&lane| lanes[lane] == node).collect();
        let lanes_before = lanes.len();
        let lane = waiting[0];
        let joins: Vec<usize> = waiting[1..].iter().rev().copied().collect();
        for &join in &joins {
            lanes.remove(join);
        }
        let parents = graph.down(node);
        match parents.split_first() {
            None => {
                lanes.remove(lane);
            }
            Some((&first, others)) => {
                lanes[lane] = first;
                for (offset, &parent) in others.iter().enumerate() {
                    lanes.insert(lane + 1 + offset, parent);
                }
            }
        }
        let opens = parents.len().saturating_sub(1);
        rows.push(Row { node, lane, lanes_before, joins, opens, begins, ends: parents.is_empty() });
    }
    rows
}
