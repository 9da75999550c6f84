//! The managers' state and its one clock: every object, one version index for all of them, and an agenda of what happens when.
//! Time passes only in [`World::advance_to`]. Knows nothing of callers, faults or tokio.
//!
//! What the parts model is swarmkit's: `slots.rs` and `job.rs` are its orchestrators, `updater.rs` its updater,
//! `restart.rs` its restart supervisor, `lifecycle.rs` its agents, `placement.rs` its scheduler.

pub(crate) mod answer;
mod attachment;
mod check;
mod control;
mod file_object;
mod job;
mod lifecycle;
mod logs;
mod network;
mod node;
mod normalise;
mod placement;
mod preload;
mod record;
mod restart;
mod slots;
mod typed;
mod updater;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::Event;

use crate::behaviour::{Behaviour, StandIn, without_digest};
use crate::clock::moment;
use crate::rng::Rng;
use attachment::Attachment;
use lifecycle::Step;
pub(crate) use node::Node;
use record::{File, Network, Service, Task};
use updater::{Tick, Updater};

/// The managers' state.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) behaviours: BTreeMap<String, Behaviour>,
    /// What stands in for containers, before the behaviours are asked.
    pub(crate) stand_in: Option<StandIn>,
    /// What the registry says of images, beside the digests that are made up.
    pub(crate) registry: BTreeMap<String, Option<engine::Distribution>>,
    pub(crate) nodes: Vec<Node>,
    /// Whether there is an address left for a service that publishes ports through the ingress network.
    pub(crate) ingress_addresses: bool,
    /// Everything that happened, oldest first.
    pub(crate) events: Vec<Event>,
    /// The services on which a caller replaced or removed what somebody else had written, in order.
    pub(crate) overwritten: Vec<String>,
    /// When the call that is carried out now was sent.
    pub(crate) sent_at: Duration,
    /// How often the managers wrote anything.
    pub(crate) store_writes: u64,
    rng: Rng,
    index: u64,
    order: u64,
    services: BTreeMap<String, Service>,
    /// The services' ids by their names in lower case: two names that differ in case only are one to the managers.
    service_names: BTreeMap<String, String>,
    updaters: BTreeMap<String, Updater>,
    tasks: BTreeMap<u64, Task>,
    tasks_of: BTreeMap<String, BTreeSet<u64>>,
    /// Tasks that no node could take so far.
    unplaced: BTreeSet<u64>,
    networks: BTreeMap<String, Network>,
    attachments: Vec<Attachment>,
    files: BTreeMap<String, File>,
    agenda: BTreeMap<(Duration, u64), Due>,
}

/// Something that happens at its time.
#[derive(Clone, Debug)]
enum Due {
    /// A task goes on, unless it has been told something else since (`stage`).
    Task { task: u64, stage: u64, step: Step },
    /// An updater goes on, unless another has taken its place since (`run`).
    Updater { service: String, run: u64, tick: Tick },
}

impl World {
    pub(crate) fn new(seed: u64, nodes: usize) -> Self {
        let mut rng = Rng::fork(seed, "ids");
        let nodes = (1..=nodes).map(|number| Node::new(number, rng.id())).collect();
        let mut world = Self {
            now: Duration::ZERO,
            behaviours: BTreeMap::new(),
            stand_in: None,
            registry: BTreeMap::new(),
            nodes,
            ingress_addresses: true,
            events: Vec::new(),
            overwritten: Vec::new(),
            sent_at: Duration::ZERO,
            store_writes: 0,
            rng,
            index: 10,
            order: 0,
            services: BTreeMap::new(),
            service_names: BTreeMap::new(),
            updaters: BTreeMap::new(),
            tasks: BTreeMap::new(),
            tasks_of: BTreeMap::new(),
            unplaced: BTreeSet::new(),
            networks: BTreeMap::new(),
            attachments: Vec::new(),
            files: BTreeMap::new(),
            agenda: BTreeMap::new(),
        };
        world.create_predefined_networks();
        world
    }

    /// From here on another seed decides the ids; what happened before is forgotten.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.events.clear();
        self.rng = Rng::fork(seed, "ids");
    }

    /// Lets time pass until `now`, and everything happen that is due by then, in order.
    pub(crate) fn advance_to(&mut self, now: Duration) {
        while let Some(entry) = self.agenda.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            let due = entry.remove();
            self.now = at;
            self.happen(due);
        }
        self.now = self.now.max(now);
    }

    /// When something happens next, if nobody calls.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Task { task, stage, step } => self.step(task, stage, step),
            Due::Updater { service, run, tick } => self.tick(&service, run, tick),
        }
    }

    fn plan(&mut self, after: Duration, due: Due) {
        let order = self.next_order();
        self.agenda.insert((self.now + after, order), due);
    }

    /// A number larger than all before: the order in which things were planned or made.
    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// The version index of a write that happens now.
    fn write(&mut self) -> u64 {
        self.index += 1;
        self.store_writes += 1;
        self.index
    }

    fn behaviour(&self, image: &str) -> Behaviour {
        self.behaviours.get(without_digest(image)).cloned().unwrap_or_default()
    }

    /// Whether the registry has this image.
    pub(crate) fn registry_has(&self, image: &str) -> bool {
        !self.behaviour(image).missing
    }

    fn tell(&mut self, kind: &str, action: &str, id: &str, attributes: &[(&str, &str)]) {
        let attributes =
            attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let time_nano = i64::try_from(moment(self.now).as_nanosecond()).unwrap_or(i64::MAX);
        self.events.push(Event {
            kind: kind.into(),
            action: action.into(),
            id: id.into(),
            attributes,
            time_nano,
        });
    }

    fn tasks_of(&self, service: &str) -> impl Iterator<Item = (u64, &Task)> {
        self.tasks_of.get(service).into_iter().flatten().filter_map(|key| Some((*key, self.tasks.get(key)?)))
    }
}
