//! Creating, updating and removing services: the managers' own interface (swarmkit, manager/controlapi/service.go).

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use engine::{ServiceMode, TaskState};
use serde_json::{Value, json};

use super::record::{Meta, Previous, Service, list, targets, text};
use super::{World, normalise};
use crate::refusal::Refusal;

impl World {
    /// The service with this id or name.
    pub(super) fn find_service(&self, id_or_name: &str) -> Option<&Service> {
        let by_name = || {
            let id = self.service_names.get(&id_or_name.to_ascii_lowercase())?;
            self.services.get(id).filter(|service| service.name() == id_or_name)
        };
        self.services.get(id_or_name).or_else(by_name)
    }

    pub(crate) fn create_service(&mut self, spec: &Value) -> Result<String, Refusal> {
        let spec = self.with_network_ids(normalise::service(spec))?;
        self.check_service(&spec, None)?;
        let name = text(&spec, "/Name").to_owned();
        if self.service_names.contains_key(&name.to_ascii_lowercase()) {
            return Err(Refusal::new(
                409,
                format!(
                    "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service {name} already exists"
                ),
            ));
        }
        let id = self.rng.id();
        let version = self.write();
        let service = Service {
            id: id.clone(),
            meta: Meta { version, created: self.now, updated: self.now },
            virtual_addresses: Arc::default(),
            spec: Arc::new(spec),
            spec_version: version,
            foreign: false,
            foreign_at: Duration::ZERO,
            previous: None,
            update: None,
            iteration: version,
            restarts: BTreeMap::new(),
        };
        self.services.insert(id.clone(), service);
        self.service_names.insert(name.to_ascii_lowercase(), id.clone());
        self.tell("service", "create", &id, &[("name", &name)]);
        self.allocate_addresses(&id);
        self.reconcile(&id);
        Ok(id)
    }

    /// An update by a caller; one that replaces what somebody else wrote is remembered.
    pub(crate) fn update_service(
        &mut self,
        id_or_name: &str,
        version: u64,
        spec: &Value,
    ) -> Result<(), Refusal> {
        self.replace_spec(id_or_name, version, spec, false)
    }

    fn replace_spec(
        &mut self,
        id_or_name: &str,
        version: u64,
        spec: &Value,
        foreign: bool,
    ) -> Result<(), Refusal> {
        let known = self.find_service(id_or_name);
        let Some(service) = known else { return Err(Refusal::not_found("service", id_or_name)) };
        let (id, name, mode) = (service.id.clone(), service.name().to_owned(), service.mode());
        let current = service.meta.version;
        let spec = self.with_network_ids(normalise::service(spec))?;
        self.check_service(&spec, Some(&id))?;
        if text(&spec, "/Name") != name {
            return Err(Refusal::unimplemented("renaming services is not supported"));
        }
        if discriminant(&ServiceMode::of_spec(&spec)) != discriminant(&mode) {
            return Err(Refusal::unimplemented("service mode change is not allowed"));
        }
        if version != current {
            return Err(Refusal::out_of_sequence());
        }
        let (written, now) = (self.write(), self.now);
        let Some(service) = self.services.get_mut(&id) else {
            return Err(Refusal::not_found("service", &id));
        };
        let old = std::mem::replace(&mut service.spec, Arc::new(spec));
        // Whoever writes the same once more has changed nothing.
        let changed = old != service.spec;
        let before = service.foreign;
        service.previous = Some(Previous { spec: old, spec_version: service.spec_version, foreign: before });
        service.foreign = if changed { foreign } else { before };
        if changed && foreign {
            service.foreign_at = now;
        }
        if before && changed && !foreign {
            self.overwritten.push(name.clone());
        }
        service.spec_version = written;
        service.update = None;
        (service.meta.version, service.meta.updated) = (written, now);
        self.tell("service", "update", &id, &[("name", &name)]);
        self.allocate_addresses(&id);
        if mode.is_job() {
            self.begin_iteration(&id, written);
        }
        self.reconcile(&id);
        Ok(())
    }

    pub(crate) fn remove_service(&mut self, id_or_name: &str) -> Result<(), Refusal> {
        let known = self.find_service(id_or_name);
        let Some(service) = known else { return Err(Refusal::not_found("service", id_or_name)) };
        let (id, name) = (service.id.clone(), service.name().to_owned());
        // A removal carries no version index: what somebody wrote while it was on its way nobody could have spared.
        if service.foreign && service.foreign_at <= self.sent_at {
            self.overwritten.push(name.clone());
        }
        self.write();
        self.services.remove(&id);
        self.service_names.remove(&name.to_ascii_lowercase());
        self.updaters.remove(&id);
        let tasks: Vec<u64> = self.tasks_of(&id).map(|(key, _)| key).collect();
        for key in tasks {
            self.desire(key, TaskState::Remove);
        }
        self.tell("service", "remove", &id, &[("name", &name)]);
        Ok(())
    }

    /// A status write of the managers' own: the version index moves and the spec does not.
    pub(crate) fn touch_service(&mut self, id_or_name: &str) {
        let Some(id) = self.find_service(id_or_name).map(|service| service.id.clone()) else { return };
        let (version, now) = (self.write(), self.now);
        if let Some(service) = self.services.get_mut(&id) {
            (service.meta.version, service.meta.updated) = (version, now);
        }
    }

    /// A change by somebody else. Returns whether there is such a service and the change is allowed.
    pub(crate) fn edit_service(&mut self, id_or_name: &str, edit: impl FnOnce(&mut Value)) -> bool {
        let known = self.find_service(id_or_name);
        let Some(service) = known else { return false };
        let (id, version, mut spec) = (service.id.clone(), service.meta.version, Value::clone(&service.spec));
        edit(&mut spec);
        self.replace_spec(&id, version, &spec, true).is_ok()
    }

    /// The services whose spec somebody else than a caller wrote.
    pub(crate) fn foreign_services(&self) -> Vec<String> {
        let foreign = self.services.values().filter(|service| service.foreign);
        foreign.map(|service| service.name().to_owned()).collect()
    }

    /// The spec with the ids of its networks in place of their names. A network that the managers have removed is not found,
    /// though a node may still show it.
    fn with_network_ids(&self, mut spec: Value) -> Result<Value, Refusal> {
        let networks = spec.pointer_mut("/TaskTemplate/Networks").and_then(Value::as_array_mut);
        for network in networks.into_iter().flatten() {
            let target = text(network, "/Target").to_owned();
            let Some(id) = self.network_id(&target) else {
                return Err(Refusal::new(500, format!("network {target} not found")));
            };
            network["Target"] = json!(id);
        }
        Ok(spec)
    }

    /// The addresses of a service in its networks, if it has virtual ones. The allocator's write moves the version index.
    fn allocate_addresses(&mut self, id: &str) {
        let Some(service) = self.services.get(id) else { return };
        if text(&service.spec, "/EndpointSpec/Mode") == "dnsrr" || service.mode().is_job() {
            return;
        }
        let wanted: Vec<String> = targets(service.template()).map(str::to_owned).collect();
        let has = |network: &String| {
            service.virtual_addresses.iter().any(|address| text(address, "/NetworkID") == network)
        };
        if wanted.len() == service.virtual_addresses.len() && wanted.iter().all(has) {
            return;
        }
        let host = service.meta.version % 250 + 2;
        let addresses = wanted
            .iter()
            .map(|network| json!({ "NetworkID": network, "Addr": format!("10.0.1.{host}/24") }))
            .collect();
        let (version, now) = (self.write(), self.now);
        if let Some(service) = self.services.get_mut(id) {
            service.virtual_addresses = Arc::new(addresses);
            (service.meta.version, service.meta.updated) = (version, now);
        }
    }

    /// The names of the services that refer to a config or secret.
    pub(super) fn users_of_file(&self, id: &str) -> Vec<&str> {
        let refers = |service: &&Service| {
            let container = &service.template()["ContainerSpec"];
            let mut references = list(container, "/Configs").chain(list(container, "/Secrets"));
            references
                .any(|reference| text(reference, "/ConfigID") == id || text(reference, "/SecretID") == id)
        };
        self.services.values().filter(refers).map(Service::name).collect()
    }

    /// Whether an object's labels have all of these.
    pub(super) fn has_labels(spec: &Value, wanted: &[(String, String)]) -> bool {
        let label = |key: &str| spec.get("Labels")?.get(key)?.as_str();
        wanted.iter().all(|(key, value)| label(key) == Some(value))
    }
}
