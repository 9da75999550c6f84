//! Cycles, as strongly connected components (Tarjan, without recursion). Alembic's own test misses some cycles and
//! never ends on others.

use std::collections::{HashMap, VecDeque};

/// A strongly connected component that holds a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tangle {
    /// All its nodes, in ascending order.
    pub(crate) nodes: Vec<usize>,
    /// One of its shortest cycles, from child to parent; the last node leads back to the first. A node that is its
    /// own parent is a cycle of one.
    pub(crate) cycle: Vec<usize>,
}

/// Every component that holds a cycle.
pub(crate) fn tangles(edges: &[Vec<usize>]) -> Vec<Tangle> {
    components(edges)
        .into_iter()
        .filter(|nodes| nodes.len() > 1 || edges[nodes[0]].contains(&nodes[0]))
        .map(|nodes| Tangle { cycle: shortest_cycle(edges, &nodes), nodes })
        .collect()
}

/// Tarjan's state of one node.
#[derive(Clone, Copy)]
struct Visit {
    number: usize,
    lowest: usize,
    on_stack: bool,
}

fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut visits: Vec<Option<Visit>> = vec![None; edges.len()];
    let mut components = Vec::new();
    let mut stack = Vec::new();
    let mut count = 0;
    for root in 0..edges.len() {
        if visits[root].is_some() {
            continue;
        }
        let mut work = vec![(root, 0)];
        while let Some((node, edge)) = work.pop() {
            if edge == 0 {
                visits[node] = Some(Visit { number: count, lowest: count, on_stack: true });
                count += 1;
                stack.push(node);
            }
            if let Some(&parent) = edges[node].get(edge) {
                work.push((node, edge + 1));
                match visits[parent] {
                    None => work.push((parent, 0)),
                    Some(seen) if seen.on_stack => lower(&mut visits, node, seen.number),
                    Some(_) => {}
                }
                continue;
            }
            let Some(done) = visits[node] else { continue };
            if let Some(&(child, _)) = work.last() {
                lower(&mut visits, child, done.lowest);
            }
            if done.lowest == done.number {
                components.push(pop_component(&mut stack, &mut visits, node));
            }
        }
    }
    components
}

fn lower(visits: &mut [Option<Visit>], node: usize, to: usize) {
    if let Some(visit) = &mut visits[node] {
        visit.lowest = visit.lowest.min(to);
    }
}

fn pop_component(stack: &mut Vec<usize>, visits: &mut [Option<Visit>], root: usize) -> Vec<usize> {
    let mut component = Vec::new();
    while let Some(node) = stack.pop() {
        if let Some(visit) = &mut visits[node] {
            visit.on_stack = false;
        }
        component.push(node);
        if node == root {
            break;
        }
    }
    component.sort_unstable();
    component
}

/// The shortest way from the component's first node back to itself.
fn shortest_cycle(edges: &[Vec<usize>], component: &[usize]) -> Vec<usize> {
    let start = component[0];
    let mut came_from: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &parent in &edges[node] {
            if parent == start {
                let mut cycle = vec![node];
                while let Some(&before) = cycle.last().and_then(|last| came_from.get(last)) {
                    cycle.push(before);
                }
                cycle.reverse();
                return cycle;
            }
            if component.binary_search(&parent).is_ok() && !came_from.contains_key(&parent) {
                came_from.insert(parent, node);
                queue.push_back(parent);
            }
        }
    }
    component.to_vec()
}
