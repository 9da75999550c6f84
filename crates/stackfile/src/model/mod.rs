//! The typed stack: what the files say, merged, with the place of every value. No defaults are filled in here,
//! no name is prefixed: that is what [`convert`](crate::convert()) does.
//!
//! `None` and an empty list mean that a file does not say it. Durations are nanoseconds, sizes bytes.

mod deploy;
mod located;
mod objects;
mod service;

use std::collections::{BTreeMap, BTreeSet};

pub use deploy::{
    Deploy, GenericResource, Limits, Placement, Reservations, Resources, RestartPolicy, UpdateConfig,
};
pub use located::Located;
pub(crate) use objects::Include;
pub use objects::{
    AddressPool, ClusterSpec, Content, Extension, External, FileObject, Ipam, Network, Secret, Topology,
    Volume,
};
pub(crate) use service::Extends;
pub use service::{
    Build, CredentialSpec, EnvFile, FileReference, Healthcheck, Logging, Mount, MountKind, Port, Service,
    ServiceNetwork, Ulimit,
};

use crate::Dependency;

/// A key with its value, sorted by key.
pub type Keyed<T> = BTreeMap<String, T>;
/// A string that may be absent.
pub type Text = Option<Located<String>>;
/// A boolean that may be absent.
pub type Flag = Option<Located<bool>>;
/// A number of nanoseconds that may be absent.
pub type Duration = Option<Located<i64>>;
/// A list of strings.
pub type Strings = Vec<Located<String>>;
/// Labels, options and the like.
pub type Texts = Keyed<Located<String>>;

/// Several files as one stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The version of the files' format, like `3.13`.
    pub version: String,
    /// The top-level `name`, which newer Compose files have. A deploy takes its name from the command line.
    pub name: Text,
    /// The services whose profiles are enabled.
    pub services: Keyed<Service>,
    /// The networks.
    pub networks: Keyed<Network>,
    /// The volumes.
    pub volumes: Keyed<Volume>,
    /// The secrets.
    pub secrets: Keyed<FileObject>,
    /// The configs.
    pub configs: Keyed<FileObject>,
    /// What the file includes; empty once a stack is loaded.
    pub(crate) includes: Vec<Include>,
    /// Keys that start with `x-`, by key.
    pub extensions: Keyed<Extension>,
    /// The services that are left out because none of their profiles is enabled.
    pub disabled: BTreeSet<String>,
}

/// `depends_on` of a service.
#[derive(Clone, Debug)]
pub struct DependsOn {
    /// The entries with the place of each, in the order written.
    pub entries: Vec<Located<Dependency>>,
}
