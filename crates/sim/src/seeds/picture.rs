//! The stack at one moment, and what keeps it from being at a release.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::{Api, Error, Filter, Network, TaskFilter, TaskState};
use jiff::Timestamp;
use serde_json::Value;

use super::stack::{MONITOR, STACK, services};
use crate::Sim;
use crate::clock::moment;

/// The stack's services at one moment, without the runs of gates.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    services: BTreeMap<String, Seen>,
    now: Duration,
}

/// One service.
#[derive(Clone, Debug)]
struct Seen {
    spec: Arc<Value>,
    /// The tasks that run and are wanted: the image of each, and since when it is up.
    up: BTreeMap<String, (String, Option<Timestamp>)>,
}

impl Picture {
    pub(super) async fn take(sim: &Sim) -> Result<Self, Error> {
        let mut pictured = BTreeMap::new();
        let networks = sim.networks(&Filter::stack(STACK)).await?;
        for mut service in sim.services(&Filter::stack(STACK)).await? {
            if service.name().starts_with("shop_migrate") || service.name().starts_with("shop_recreate-r") {
                continue;
            }
            name_networks(Arc::make_mut(&mut service.spec), &networks);
            let tasks = sim.tasks(&TaskFilter::service(&service.id)).await?.into_iter();
            let up = tasks.filter(|task| task.status.state == TaskState::Running && task.is_wanted());
            let up = up.map(|task| {
                let since = task.status.timestamp.parse().ok();
                (task.id.clone(), (tag(task.image()), since))
            });
            let name = service.name().to_owned();
            pictured.insert(name, Seen { up: up.collect(), spec: service.spec });
        }
        Ok(Self { services: pictured, now: sim.now() })
    }

    /// What keeps the stack from being wholly at a release. `foreign` are the services that somebody else has changed: of
    /// those only the image counts.
    pub(super) fn not_at(&self, release: u32, foreign: &[String]) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, image, tasks) in services(release) {
            let Some(seen) = self.services.get(name) else {
                wrong.push(format!("{name} is not there"));
                continue;
            };
            let spec = tag(seen.spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap_or_default());
            if spec != image {
                wrong.push(format!("{name} is {spec} instead of {image}"));
            } else if !foreign.iter().any(|other| other == name) {
                let running = seen.up.values().filter(|(task, _)| *task == image).count();
                if running < tasks || running < seen.up.len() {
                    wrong.push(format!("{name} runs {:?} instead of {tasks} of {image}", images(&seen.up)));
                }
            }
        }
        wrong
    }

    /// In what the specs differ, field for field; services that somebody else has changed aside.
    pub(super) fn differs_from(&self, other: &Self, foreign: &[String]) -> Vec<String> {
        let names = self.services.keys().chain(other.services.keys());
        let mut names: Vec<&String> = names.filter(|name| !foreign.contains(name)).collect();
        names.sort();
        names.dedup();
        let spec = |picture: &Self, name: &str| picture.services.get(name).map(|seen| seen.spec.clone());
        let mut wrong = Vec::new();
        for name in names {
            match (spec(self, name), spec(other, name)) {
                (None, Some(_)) => wrong.push(format!("{name} is gone")),
                (Some(_), None) => wrong.push(format!("{name} is left over")),
                (Some(now), Some(then)) if now != then => wrong.push(format!("{name} is {now}, was {then}")),
                _ => {}
            }
        }
        wrong
    }

    /// The services whose tasks are others than they were.
    pub(super) fn other_tasks_than(&self, other: &Self) -> Vec<String> {
        let tasks = |picture: &Self, name: &str| {
            picture.services.get(name).map(|seen| seen.up.keys().cloned().collect::<Vec<_>>())
        };
        let names = self.services.keys();
        names.filter(|name| tasks(self, name) != tasks(other, name)).cloned().collect()
    }

    /// Tasks of the services that a release brings or changes which have not yet been up for the monitor period.
    pub(super) fn too_young(&self) -> Vec<String> {
        let now = moment(self.now);
        let young = |since: &Option<Timestamp>| {
            let up = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok());
            up.is_none_or(|up| up < MONITOR)
        };
        let changed = self.services.iter().filter(|(name, _)| name.as_str() != "shop_db");
        changed
            .filter(|(_, seen)| seen.up.values().any(|(_, since)| young(since)))
            .map(|(name, seen)| {
                format!("{name} has tasks that are up since {:?} only, at {now}", seen.up.values())
            })
            .collect()
    }
}

/// Puts names in the place of networks' ids, which are others when a network has been made again.
fn name_networks(spec: &mut Value, networks: &[Network]) {
    let list = spec.pointer_mut("/TaskTemplate/Networks").and_then(Value::as_array_mut);
    for target in list.into_iter().flatten().filter_map(|network| network.get_mut("Target")) {
        if let Some(found) = networks.iter().find(|network| Some(network.id()) == target.as_str()) {
            *target = found.name().into();
        }
    }
}

fn images(up: &BTreeMap<String, (String, Option<Timestamp>)>) -> Vec<&str> {
    up.values().map(|(image, _)| image.as_str()).collect()
}

fn tag(image: &str) -> String {
    image.split('@').next().unwrap_or_default().to_owned()
}
