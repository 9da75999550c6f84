//! Top-level networks, volumes, secrets and configs.

use std::path::PathBuf;

use diagnostics::Place;
use serde_json::Value;

use super::{Flag, Keyed, Strings, Text, Texts};
use crate::yaml::Node;

/// A value under a key that starts with `x-`, interpolated.
#[derive(Clone, Debug)]
pub struct Extension {
    /// Where the key is.
    pub place: Place,
    pub(crate) node: Node,
}

impl Extension {
    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        self.node.to_json()
    }
}

/// Whether an entry exists outside the stack.
#[derive(Clone, Debug, Default)]
pub struct External {
    /// It does.
    pub external: bool,
    /// The older `external: {name: ...}`.
    pub name: Text,
}

/// An entry of the top-level `include`: files that are a stack of their own.
#[derive(Clone, Debug)]
pub(crate) struct Include {
    pub(crate) paths: Strings,
    /// The folder that their relative paths start from; that of the first file if there is none.
    pub(crate) project_directory: Text,
    /// Files with variables for them.
    pub(crate) env_files: Strings,
}

/// A network.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Each field is the key of the same name, which Docker documents.
pub struct Network {
    pub place: Place,
    pub name: Text,
    pub driver: Text,
    /// `None` if the key is absent: the engine gets null.
    pub driver_opts: Option<Texts>,
    pub ipam: Ipam,
    pub external: External,
    pub internal: Flag,
    pub attachable: Flag,
    pub enable_ipv4: Flag,
    pub enable_ipv6: Flag,
    pub labels: Texts,
    pub extensions: Keyed<Extension>,
}

/// `ipam`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct Ipam {
    pub driver: Text,
    pub options: Option<Texts>,
    pub config: Vec<AddressPool>,
}

/// An entry of `ipam.config`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct AddressPool {
    pub subnet: Text,
    pub gateway: Text,
    pub ip_range: Text,
    pub aux_addresses: Texts,
}

/// A volume.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // As above.
pub struct Volume {
    pub place: Place,
    pub name: Text,
    pub driver: Text,
    /// `None` if the key is absent.
    pub driver_opts: Option<Texts>,
    pub external: External,
    pub labels: Texts,
    pub extensions: Keyed<Extension>,
    pub cluster_spec: Option<ClusterSpec>,
}

/// `x-cluster-spec` of a volume, which a deploy ignores.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // As above.
pub struct ClusterSpec {
    pub group: Text,
    /// `scope` and `sharing`, if `access_mode` is there.
    pub access_mode: Option<(Text, Text)>,
    /// `fs_type` and `mount_flags` of `access_mode.mount_volume`.
    pub mount_volume: Option<(Text, Vec<String>)>,
    /// Whether `access_mode.block_volume` is there.
    pub block_volume: bool,
    /// `requisite` and `preferred`, if `accessibility_requirements` is there.
    pub accessibility: Option<(Vec<Topology>, Vec<Topology>)>,
    /// `required_bytes` and `limit_bytes`, if `capacity_range` is there.
    pub capacity: Option<(i64, i64)>,
    /// `key` and `secret` of each entry.
    pub secrets: Vec<(Text, Text)>,
    pub availability: Text,
}

/// Segments of a topology.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// The segments.
    pub segments: Texts,
}

/// Where the content of a secret or config comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file; its path is absolute.
    File(PathBuf),
    /// The text in the stack file (configs only).
    Inline(String),
    /// A variable of the environment, and its value.
    Environment {
        /// The variable.
        name: String,
        /// Its value; never shown.
        value: Secret,
    },
    /// Nowhere: it is external, or a driver has it.
    None,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret or config.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // As above.
pub struct FileObject {
    pub place: Place,
    pub name: Text,
    pub content: Content,
    /// Where `file`, `content` or `environment` is.
    pub content_place: Option<Place>,
    pub external: External,
    pub labels: Texts,
    pub driver: Text,
    pub driver_opts: Option<Texts>,
    pub template_driver: Text,
    pub extensions: Keyed<Extension>,
}
