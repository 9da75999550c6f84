//! The swarm's machines.

use std::collections::BTreeMap;

use engine::TaskState;
use serde_json::{Value, json};

use super::World;

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) hostname: String,
    pub(crate) manager: bool,
    pub(crate) ready: bool,
    pub(crate) availability: &'static str,
    pub(crate) labels: BTreeMap<String, String>,
    pub(super) version: u64,
}

impl Node {
    pub(super) fn new(number: usize, id: String) -> Self {
        Self {
            id,
            hostname: format!("node-{number}"),
            manager: number == 1,
            ready: true,
            availability: "active",
            labels: BTreeMap::new(),
            version: 10,
        }
    }

    pub(super) fn takes_tasks(&self) -> bool {
        self.ready && self.availability == "active"
    }

    pub(super) fn answer(&self) -> Value {
        let role = if self.manager { "manager" } else { "worker" };
        let mut answer = json!({
            "ID": self.id,
            "Version": { "Index": self.version },
            "Spec": { "Labels": self.labels, "Role": role, "Availability": self.availability },
            "Description": {
                "Hostname": self.hostname,
                "Platform": { "Architecture": "x86_64", "OS": "linux" },
                "Engine": { "EngineVersion": "20.10.24" },
            },
            "Status": { "State": if self.ready { "ready" } else { "down" }, "Addr": "127.0.0.1" },
        });
        if self.manager {
            answer["ManagerStatus"] =
                json!({ "Leader": true, "Reachability": "reachable", "Addr": "127.0.0.1:2377" });
        }
        answer
    }
}

impl World {
    /// Changes a node, and moves tasks as that demands.
    pub(crate) fn change_node(&mut self, hostname: &str, change: impl FnOnce(&mut Node)) {
        let version = self.write();
        let Some(node) = self.nodes.iter_mut().find(|node| node.hostname == hostname) else { return };
        change(node);
        node.version = version;
        if !node.takes_tasks() {
            let id = node.id.clone();
            self.leave_node(&id);
        }
        let services: Vec<String> = self.services.keys().cloned().collect();
        for service in services {
            self.reconcile(&service);
        }
        self.place_again();
    }

    /// Takes the tasks off a node that takes none any more, and makes others in their place.
    fn leave_node(&mut self, node: &str) {
        let here = self.tasks.iter().filter(|(_, task)| task.node.as_deref() == Some(node));
        let here: Vec<u64> = here
            .filter(|(_, task)| task.desired <= TaskState::Running && !task.state.is_final())
            .map(|(key, _)| *key)
            .collect();
        for key in here {
            self.desire(key, TaskState::Shutdown);
            let Some((service, slot)) =
                self.tasks.get(&key).map(|task| (task.service.clone(), task.slot.clone()))
            else {
                continue;
            };
            if slot.node.is_none() {
                self.create_task(&service, &slot, TaskState::Running);
            }
        }
    }
}
