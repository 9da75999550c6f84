//! Networks. One that the managers have removed stays visible on a node until the last container there has left it; services
//! cannot join it any more, and its name is still taken. That is why `stack rm` followed by a deploy fails.

use engine::TaskState;
use serde_json::{Value, json};

use super::World;
use super::record::{Network, targets, text};
use crate::clock::timestamp;
use crate::refusal::Refusal;

impl World {
    pub(super) fn create_predefined_networks(&mut self) {
        for (name, scope, driver) in [
            ("ingress", "swarm", "overlay"),
            ("docker_gwbridge", "local", "bridge"),
            ("bridge", "local", "bridge"),
            ("host", "local", "host"),
            ("none", "local", "null"),
        ] {
            let id = self.rng.id();
            let body = json!({ "Name": name, "Id": id, "Scope": scope, "Driver": driver, "Labels": {} });
            self.networks
                .insert(id.clone(), Network { id, name: name.into(), body: body.into(), in_store: true });
        }
    }

    pub(super) fn find_network(&self, id_or_name: &str) -> Option<&Network> {
        let by_name = || self.networks.values().find(|network| network.name == id_or_name);
        self.networks.get(id_or_name).or_else(by_name)
    }

    /// The id of a network that services can join.
    pub(super) fn network_id(&self, id_or_name: &str) -> Option<String> {
        self.find_network(id_or_name).filter(|network| network.in_store).map(|network| network.id.clone())
    }

    pub(crate) fn create_network(&mut self, body: &Value) -> Result<String, Refusal> {
        let name = text(body, "/Name").to_owned();
        if name.is_empty() {
            return Err(Refusal::new(400, "network name cannot be blank"));
        }
        if self.find_network(&name).is_some() {
            return Err(Refusal::new(409, format!("network with name {name} already exists")));
        }
        let id = self.rng.id();
        let subnet = self.write();
        let asked =
            body.pointer("/IPAM/Config").and_then(Value::as_array).filter(|configs| !configs.is_empty());
        let given = json!([{ "Subnet": format!("10.{}.{}.0/24", subnet >> 8 & 255, subnet & 255) }]);
        let addresses = asked.cloned().map_or(given, Value::Array);
        let flag = |key: &str| body.get(key).and_then(Value::as_bool).unwrap_or(false);
        let kept = json!({
            "Name": name,
            "Id": id,
            "Created": timestamp(self.now),
            "Scope": "swarm",
            "Driver": body.get("Driver").and_then(Value::as_str).unwrap_or("overlay"),
            "EnableIPv6": flag("EnableIPv6"),
            "IPAM": { "Driver": "default", "Options": null, "Config": addresses },
            "Internal": flag("Internal"),
            "Attachable": flag("Attachable"),
            "Ingress": flag("Ingress"),
            "Options": body.get("Options").cloned().unwrap_or_default(),
            "Labels": body.get("Labels").cloned().unwrap_or_else(|| json!({})),
        });
        self.tell("network", "create", &id, &[("name", &name)]);
        self.networks.insert(id.clone(), Network { id: id.clone(), name, body: kept.into(), in_store: true });
        Ok(id)
    }

    pub(crate) fn remove_network(&mut self, id_or_name: &str) -> Result<(), Refusal> {
        let Some(network) = self.find_network(id_or_name).filter(|network| network.in_store) else {
            return Err(Refusal::not_found("network", id_or_name));
        };
        let (id, name) = (network.id.clone(), network.name.clone());
        if text(&network.body, "/Scope") != "swarm" {
            return Err(Refusal::new(403, format!("{name} is a pre-defined network and cannot be removed")));
        }
        if let Some(user) =
            self.services.values().find(|service| targets(service.template()).any(|target| target == id))
        {
            return Err(Refusal::in_use(&format!("network {id} is in use by service {}", user.id)));
        }
        let uses = |task: &&super::record::Task| {
            task.desired <= TaskState::Running && task.networks().any(|target| target == id)
        };
        if let Some(user) = self.tasks.values().find(uses) {
            return Err(Refusal::in_use(&format!("network {id} is in use by task {}", user.id)));
        }
        if let Some(user) = self.attachments.iter().find(|attachment| attachment.network == id) {
            return Err(Refusal::in_use(&format!("network {id} is in use by task {}", user.id)));
        }
        self.write();
        if let Some(network) = self.networks.get_mut(&id) {
            network.in_store = false;
        }
        self.tell("network", "remove", &id, &[("name", &name)]);
        self.forget_networks();
        Ok(())
    }

    /// Drops the networks that the managers have removed and no container uses any more.
    pub(super) fn forget_networks(&mut self) {
        let running = |network: &str| {
            let mut up = self.tasks.values().filter(|task| !task.state.is_final() && task.node.is_some());
            up.any(|task| task.networks().any(|target| target == network))
        };
        let gone: Vec<String> = self
            .networks
            .values()
            .filter(|network| !network.in_store && !running(&network.id))
            .map(|network| network.id.clone())
            .collect();
        for id in gone {
            self.networks.remove(&id);
        }
    }
}
