//! [`Preload`]: what a real engine has, so that a simulation begins with it. Reads through [`engine::Api`], writes nothing.

use std::collections::BTreeMap;

use engine::{
    Api, Distribution, Error, FileKind, FileObject, Filter, Network, Node, Service, Task, TaskFilter,
};

use crate::Behaviour;
use crate::behaviour::Start;
use crate::caller::Sim;
use crate::world::World;

/// What real managers have at one moment.
#[derive(Clone, Debug, Default)]
pub struct Preload {
    /// The nodes. None: one that takes everything.
    pub nodes: Vec<Node>,
    /// All services.
    pub services: Vec<Service>,
    /// The tasks of all services: only the last of each slot counts.
    pub tasks: Vec<Task>,
    /// All networks that the engine shows.
    pub networks: Vec<Network>,
    /// The configs, with their data.
    pub configs: Vec<FileObject>,
    /// The secrets, without.
    pub secrets: Vec<FileObject>,
    /// What the registry says of images; `None`: it has no such image. Others get made-up digests.
    pub images: BTreeMap<String, Option<Distribution>>,
}

impl Preload {
    /// Reads everything but the images from an engine.
    pub async fn read<A: Api>(api: &A) -> Result<Self, Error> {
        let all = Filter::default();
        Ok(Self {
            nodes: api.nodes().await?,
            services: api.services(&all).await?,
            tasks: api.tasks(&TaskFilter::default()).await?,
            networks: api.networks(&all).await?,
            configs: api.file_objects(FileKind::Config, &all).await?,
            secrets: api.file_objects(FileKind::Secret, &all).await?,
            images: BTreeMap::new(),
        })
    }
}

impl Sim {
    /// A caller of managers that have all this, under the ids and version indexes that it has.
    pub fn preloaded(seed: u64, preload: &Preload) -> Self {
        let mut world = World::new(seed, 1);
        world.preload(preload);
        Self::of(world, 1.0)
    }

    /// From now on this is asked at every start of a container: what it answers is what the task does; with `None` its
    /// image's behaviour counts. It must not call the simulator.
    pub fn stand_in(&self, stand_in: impl Fn(&Start) -> Option<Behaviour> + Send + Sync + 'static) {
        self.world().stand_in = Some(std::sync::Arc::new(stand_in));
    }
}
