//! A service and its parts.

use diagnostics::Place;

use super::objects::Extension;
use super::{DependsOn, Deploy, Duration, Flag, Keyed, Located, Strings, Text, Texts};

/// A service, as the files describe it.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Each field is the key of the same name, which Docker documents.
pub struct Service {
    /// Its key.
    pub name: String,
    /// Where the key is (in the first file that has it).
    pub place: Place,
    pub build: Option<Build>,
    pub cap_add: Strings,
    pub cap_drop: Strings,
    pub cgroupns_mode: Text,
    pub cgroup_parent: Text,
    pub command: Option<Located<Vec<String>>>,
    pub configs: Vec<FileReference>,
    pub container_name: Text,
    pub credential_spec: CredentialSpec,
    pub depends_on: Option<DependsOn>,
    pub deploy: Deploy,
    pub devices: Strings,
    pub dns: Option<Strings>,
    pub dns_opt: Strings,
    pub dns_search: Option<Strings>,
    pub domainname: Text,
    pub entrypoint: Option<Located<Vec<String>>>,
    /// Resolved: `env_file` first, `environment` over it. `None` is a name without a value, which the container
    /// does not get.
    pub environment: Keyed<Located<Option<String>>>,
    pub env_file: Vec<EnvFile>,
    pub expose: Strings,
    /// What this service starts from; gone once a stack is loaded.
    pub(crate) extends: Option<Extends>,
    pub external_links: Strings,
    /// `host:address`.
    pub extra_hosts: Strings,
    pub group_add: Strings,
    pub hostname: Text,
    pub healthcheck: Option<Healthcheck>,
    pub image: Text,
    pub init: Flag,
    pub ipc: Text,
    pub isolation: Text,
    pub labels: Texts,
    pub links: Strings,
    pub logging: Option<Logging>,
    pub mac_address: Text,
    pub network_mode: Text,
    /// `None` is an entry without settings.
    pub networks: Keyed<Located<Option<ServiceNetwork>>>,
    pub pid: Text,
    pub platform: Text,
    pub ports: Vec<Port>,
    pub privileged: Flag,
    pub profiles: Strings,
    pub read_only: Flag,
    pub restart: Text,
    pub secrets: Vec<FileReference>,
    pub security_opt: Strings,
    pub shm_size: Text,
    pub stdin_open: Flag,
    pub stop_grace_period: Duration,
    pub stop_signal: Text,
    pub sysctls: Texts,
    pub tmpfs: Strings,
    pub tty: Flag,
    pub ulimits: Keyed<Ulimit>,
    pub user: Text,
    pub userns_mode: Text,
    pub volumes: Vec<Mount>,
    pub working_dir: Text,
    /// Keys that start with `x-`.
    pub extensions: Keyed<Extension>,
}

/// `build`, which a deploy ignores.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct Build {
    pub context: Text,
    pub dockerfile: Text,
    pub args: Keyed<Located<Option<String>>>,
    pub labels: Texts,
    pub cache_from: Strings,
    pub extra_hosts: Strings,
    pub network: Text,
    pub target: Text,
}

/// An entry of `env_file`.
#[derive(Clone, Debug)]
pub struct EnvFile {
    /// The path as written.
    pub path: Located<String>,
    /// Whether a missing file is an error.
    pub required: bool,
}

/// `extends` of a service.
#[derive(Clone, Debug)]
pub(crate) struct Extends {
    /// The service to start from.
    pub(crate) service: Located<String>,
    /// The file that has it; this one if there is none.
    pub(crate) file: Text,
}

/// A secret or config that a service mounts.
#[derive(Clone, Debug)]
pub struct FileReference {
    /// The key of the top-level entry.
    pub source: Located<String>,
    /// Where the container sees it.
    pub target: Text,
    /// The owner's number.
    pub uid: Text,
    /// The group's number.
    pub gid: Text,
    /// Permission bits.
    pub mode: Option<Located<u32>>,
}

/// `credential_spec`, for Windows.
#[derive(Clone, Debug, Default)]
pub struct CredentialSpec {
    /// The key of a config.
    pub config: Text,
    /// A file on the node.
    pub file: Text,
    /// A registry value on the node.
    pub registry: Text,
}

/// `healthcheck`.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // As above.
pub struct Healthcheck {
    pub place: Place,
    /// With `CMD-SHELL` in front where one string was written.
    pub test: Strings,
    pub timeout: Duration,
    pub interval: Duration,
    pub retries: Option<Located<u64>>,
    pub start_period: Duration,
    pub start_interval: Duration,
    pub disable: Flag,
}

/// `logging`.
#[derive(Clone, Debug)]
pub struct Logging {
    /// The driver.
    pub driver: Text,
    /// Its options.
    pub options: Texts,
}

/// A network that a service is attached to, with settings.
#[derive(Clone, Debug)]
pub struct ServiceNetwork {
    /// Further names of the service in this network.
    pub aliases: Strings,
    /// Options for the driver.
    pub driver_opts: Texts,
    /// A fixed address, which Swarm ignores.
    pub ipv4_address: Text,
    /// A fixed address, which Swarm ignores.
    pub ipv6_address: Text,
}

/// One published port.
#[derive(Clone, Debug)]
pub struct Port {
    /// Where it was written.
    pub place: Place,
    /// `ingress` or `host`.
    pub mode: String,
    /// The container's port.
    pub target: u32,
    /// The port of the nodes; 0 lets the manager choose.
    pub published: u32,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// A limit of the container's processes.
#[derive(Clone, Debug)]
pub struct Ulimit {
    /// Where it was written.
    pub place: Place,
    /// One number for both; 0 if both are given.
    pub single: i64,
    /// The soft limit.
    pub soft: i64,
    /// The hard limit.
    pub hard: i64,
}

/// A volume, path or file system that a service mounts.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // As above.
pub struct Mount {
    pub place: Place,
    pub kind: MountKind,
    /// The word that says so, for types that do not exist.
    pub kind_text: String,
    pub source: String,
    pub target: String,
    pub read_only: bool,
    pub consistency: String,
    /// `bind.propagation`, if `bind` is there.
    pub bind: Option<String>,
    /// `volume.nocopy` and `volume.subpath`, if `volume` is there.
    pub volume: Option<(bool, String)>,
    /// `tmpfs.size` in bytes, if `tmpfs` is there.
    pub tmpfs: Option<i64>,
}

/// What is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// A volume, named or anonymous.
    Volume,
    /// A path of the node.
    Bind,
    /// Memory.
    Tmpfs,
    /// A named pipe, on Windows.
    Npipe,
    /// A cluster volume.
    Cluster,
    /// The files of an image.
    Image,
    /// No type that exists.
    Unknown,
}
