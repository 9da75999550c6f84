//! Which node takes a task (swarmkit, manager/scheduler), and the scheduler's words when none does.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;
use super::node::Node;
use super::record::{Task, list, text};

impl World {
    /// The node for a task: of those that fit, the one with the fewest tasks of the service, then of all.
    pub(super) fn place(&self, key: u64) -> Result<String, String> {
        let task = self.tasks.get(&key).ok_or("no such task")?;
        let mut refusals: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut fitting = Vec::new();
        for node in &self.nodes {
            if task.slot.node.as_ref().is_some_and(|own| *own != node.id) {
                continue;
            }
            match self.refusal(task, node) {
                Some(reason) => *refusals.entry(reason).or_default() += 1,
                None => fitting.push(node),
            }
        }
        let load = |node: &Node| {
            let here = || {
                self.tasks
                    .values()
                    .filter(|other| other.node.as_ref() == Some(&node.id) && !other.state.is_final())
            };
            (here().filter(|other| other.service == task.service).count(), here().count())
        };
        if let [node] = fitting[..] {
            return Ok(node.id.clone());
        }
        if let Some(node) = fitting.into_iter().min_by_key(|node| load(node)) {
            return Ok(node.id.clone());
        }
        let nodes = |count: usize| if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") };
        let reasons: Vec<String> =
            refusals.into_iter().map(|(reason, count)| format!("{reason} on {}", nodes(count))).collect();
        Err(if reasons.is_empty() {
            "no suitable node".into()
        } else {
            format!("no suitable node ({})", reasons.join("; "))
        })
    }

    /// The nodes that take tasks made from this template.
    pub(super) fn eligible_nodes(&self, template: &Value) -> Vec<String> {
        let fits = |node: &&Node| node.takes_tasks() && satisfies(node, template);
        self.nodes.iter().filter(fits).map(|node| node.id.clone()).collect()
    }

    fn refusal(&self, task: &Task, node: &Node) -> Option<&'static str> {
        let here = || {
            let others = self.tasks.values().filter(|other| other.id != task.id && !other.state.is_final());
            others.filter(|other| other.node.as_ref() == Some(&node.id))
        };
        let wanted = host_ports(task.endpoint());
        let most = task.template().pointer("/Placement/MaxReplicas").and_then(Value::as_u64).unwrap_or(0);
        let mine = || here().filter(|other| other.service == task.service).count() as u64;
        if !node.takes_tasks() {
            Some("node not available")
        } else if !satisfies(node, task.template()) {
            Some("scheduling constraints not satisfied")
        } else if !wanted.is_empty()
            && here().any(|other| host_ports(other.endpoint()).iter().any(|port| wanted.contains(port)))
        {
            Some("host-mode port already in use")
        } else if most > 0 && mine() >= most {
            Some("max replicas per node limit exceed")
        } else {
            None
        }
    }
}

fn host_ports(endpoint: &Value) -> Vec<(u64, &str)> {
    let host = list(endpoint, "/Ports").filter(|port| port["PublishMode"] == "host");
    host.filter_map(|port| Some((port["PublishedPort"].as_u64()?, text(port, "/Protocol")))).collect()
}

/// Whether a node satisfies a template's constraints and platforms.
fn satisfies(node: &Node, template: &Value) -> bool {
    let constraints = list(template, "/Placement/Constraints").filter_map(Value::as_str);
    let mut platforms = list(template, "/Placement/Platforms").peekable();
    let runs_here = |platform: &Value| {
        matches!(text(platform, "/OS"), "" | "linux")
            && matches!(text(platform, "/Architecture"), "" | "amd64" | "x86_64")
    };
    constraints.into_iter().all(|constraint| holds(node, constraint))
        && (platforms.peek().is_none() || platforms.any(runs_here))
}

fn holds(node: &Node, constraint: &str) -> bool {
    let (key, value, equal) = match (constraint.split_once("=="), constraint.split_once("!=")) {
        (Some((key, value)), _) => (key.trim(), value.trim(), true),
        (None, Some((key, value))) => (key.trim(), value.trim(), false),
        (None, None) => return false,
    };
    let role = if node.manager { "manager" } else { "worker" };
    let found = match key {
        "node.id" => node.id.as_str(),
        "node.hostname" => &node.hostname,
        "node.role" => role,
        "node.platform.os" => "linux",
        "node.platform.arch" => "x86_64",
        _ => match key.strip_prefix("node.labels.").and_then(|label| node.labels.get(label)) {
            Some(value) => value,
            None => return !equal,
        },
    };
    found.eq_ignore_ascii_case(value) == equal
}
