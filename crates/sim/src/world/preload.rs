//! Managers that begin with what real ones have: the same ids, names, specs and version indexes. Every wanted task is taken to
//! run its service's spec; a one-shot that has ended has ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::{FileKind, FileObject, Service, ServiceMode, TaskState};

use super::record::{self, File, Meta, Network, Slot, text};
use super::{Node, World};
use crate::behaviour::Behaviour;
use crate::preload::Preload;

/// What the tasks of the services get to come up before anybody calls.
const SETTLING: Duration = Duration::from_secs(30);

impl World {
    /// Takes over what real managers have, in place of what a new world has.
    pub(crate) fn preload(&mut self, preload: &Preload) {
        self.registry.clone_from(&preload.images);
        if !preload.nodes.is_empty() {
            self.nodes = preload.nodes.iter().map(node).collect();
        }
        if !preload.networks.is_empty() {
            self.networks = preload.networks.iter().map(network).collect();
        }
        let configs = preload.configs.iter().map(|object| file(FileKind::Config, object));
        let secrets = preload.secrets.iter().map(|object| file(FileKind::Secret, object));
        self.files = configs.chain(secrets).collect();
        let objects = preload.configs.iter().chain(&preload.secrets).map(|object| object.version);
        let versions = preload.services.iter().map(|service| service.version).chain(objects);
        self.index = versions.chain([self.index]).max().unwrap_or_default();
        let ended = ended(preload);
        for live in &preload.services {
            self.service_names.insert(live.name().to_ascii_lowercase(), live.id.clone());
            self.services.insert(live.id.clone(), service(live));
            match ended.get(live.id.as_str()) {
                Some(code) => self.ended_one_shot(live, *code),
                None => self.reconcile(&live.id),
            }
        }
        self.advance_to(self.now + SETTLING);
    }

    /// The task of a one-shot that has ended.
    fn ended_one_shot(&mut self, live: &Service, code: i64) {
        let Some(key) = self.create_task(&live.id, &Slot { number: 1, node: None }, TaskState::Running)
        else {
            return;
        };
        if let Some(task) = self.tasks.get_mut(&key) {
            task.behaviour = Behaviour::exits_after(Duration::ZERO, code);
        }
    }
}

/// The exit codes of the one-shots whose last task has ended and which nothing starts again.
fn ended(preload: &Preload) -> BTreeMap<&str, i64> {
    let mut last: BTreeMap<&str, &engine::Task> = BTreeMap::new();
    for task in &preload.tasks {
        let entry = last.entry(&task.service_id).or_insert(task);
        if task.created_at > entry.created_at {
            *entry = task;
        }
    }
    let never_again = |service: &&Service| {
        matches!(text(&service.spec, "/TaskTemplate/RestartPolicy/Condition"), "none" | "on-failure")
    };
    let one_task = |service: &&Service| matches!(service.mode(), ServiceMode::Replicated { replicas: 1 });
    preload
        .services
        .iter()
        .filter(never_again)
        .filter(one_task)
        .filter_map(|service| {
            let task = last.get(service.id.as_str()).filter(|task| task.status.state.is_final())?;
            Some((service.id.as_str(), task.status.exit_code.unwrap_or(0)))
        })
        .collect()
}

fn node(live: &engine::Node) -> Node {
    let labels = live.labels().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Node {
        id: live.id.clone(),
        hostname: live.hostname().to_owned(),
        manager: live.role() == "manager",
        ready: live.status.state == "ready",
        availability: match live.availability() {
            "pause" => "pause",
            "drain" => "drain",
            _ => "active",
        },
        labels,
        version: live.version,
    }
}

fn network(live: &engine::Network) -> (String, Network) {
    let id = live.id().to_owned();
    (id.clone(), Network { id, name: live.name().to_owned(), body: live.raw.clone(), in_store: true })
}

fn file(kind: FileKind, live: &FileObject) -> (String, File) {
    let data = text(&live.spec, "/Data").to_owned();
    let meta = Meta { version: live.version, ..Meta::default() };
    (live.id.clone(), File { id: live.id.clone(), kind, meta, spec: live.spec.clone(), data: data.into() })
}

fn service(live: &Service) -> record::Service {
    record::Service {
        id: live.id.clone(),
        meta: Meta { version: live.version, ..Meta::default() },
        spec: live.spec.clone(),
        spec_version: live.version,
        foreign: false,
        foreign_at: Duration::ZERO,
        previous: None,
        update: None,
        virtual_addresses: Arc::clone(&live.virtual_ips),
        iteration: live.version,
        restarts: BTreeMap::new(),
    }
}
