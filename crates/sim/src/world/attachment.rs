//! Containers that belong to no service and are attached to a network (`docker run --network`): each has a task of its own at
//! the managers, of the runtime `attachment`, which they list only when asked for it, and keeps its network from being removed
//! (measured on 20.10.24).

use engine::TaskFilter;
use serde_json::{Value, json};

use super::World;
use super::record::{Meta, text};
use crate::clock::timestamp;

/// One attached container, on the first node.
#[derive(Clone, Debug)]
pub(super) struct Attachment {
    pub(super) id: String,
    meta: Meta,
    container: String,
    name: String,
    pub(super) network: String,
}

impl World {
    /// Somebody runs a container on a network. Returns whether there is such a network and containers can be attached to it.
    pub(crate) fn attach(&mut self, network: &str, name: &str) -> bool {
        let found = self.find_network(network).filter(|found| found.in_store);
        let Some(found) = found.filter(|found| found.body["Attachable"] == true) else { return false };
        let network = found.id.clone();
        let meta = Meta { version: self.write(), created: self.now, updated: self.now };
        let (id, container) = (self.rng.id(), self.rng.hex(64));
        self.attachments.push(Attachment { id, meta, container, name: name.to_owned(), network });
        true
    }

    /// Somebody removes such a container.
    pub(crate) fn detach(&mut self, name: &str) {
        self.attachments.retain(|attachment| attachment.name != name);
        self.forget_networks();
    }

    /// The attachments as tasks.
    pub(super) fn attachment_list(&self, filter: &TaskFilter) -> Value {
        let wanted = |_: &&Attachment| filter.services.is_empty() && filter.labels.is_empty();
        let attachments = self.attachments.iter().filter(wanted);
        attachments.map(|attachment| attachment.answer(&self.nodes[0].id)).collect()
    }

    /// The containers of the first node that are in a network, as its inspection shows them.
    pub(super) fn containers_in(&self, network: &str) -> Value {
        let here = Some(&self.nodes[0].id);
        let tasks = self.tasks.values().filter(|task| {
            task.node.as_ref() == here
                && !task.state.is_final()
                && task.networks().any(|target| target == network)
        });
        let of_tasks = tasks.filter_map(|task| {
            let name = format!("{}.{}.{}", task.service_name, task.slot.number, task.id);
            Some((task.container.clone()?, json!({ "Name": name })))
        });
        let attached = self.attachments.iter().filter(|attachment| attachment.network == network);
        let attached = attached.map(|a| (a.container.clone(), json!({ "Name": a.name })));
        let mut containers: serde_json::Map<String, Value> = of_tasks.chain(attached).collect();
        if !containers.is_empty() {
            let name = self.find_network(network).map_or("", |network| text(&network.body, "/Name"));
            containers.insert(format!("lb-{name}"), json!({ "Name": format!("{name}-endpoint") }));
        }
        Value::Object(containers)
    }
}

impl Attachment {
    fn answer(&self, node: &str) -> Value {
        json!({
            "ID": self.id,
            "Version": { "Index": self.meta.version },
            "CreatedAt": timestamp(self.meta.created),
            "UpdatedAt": timestamp(self.meta.updated),
            "Labels": {},
            "Spec": {
                "NetworkAttachmentSpec": { "ContainerID": self.container },
                "Networks": [{ "Target": self.network }],
                "ForceUpdate": 0,
                "Runtime": "attachment",
            },
            "NodeID": node,
            "Status": { "Timestamp": timestamp(self.meta.updated), "State": "running", "Message": "started" },
            "DesiredState": "running",
        })
    }
}
