//! Networks, volumes, secrets and configs, in the order of docker/cli's types.

use super::tree::{Fields, Tree, texts};
use crate::model::{
    AddressPool, ClusterSpec, Content, External, FileObject, Network, Text, Topology, Volume,
};

pub(super) fn network(network: &Network) -> Tree {
    let mut out = Fields::new();
    out.text("name", &network.name);
    out.text("driver", &network.driver);
    out.set_unless_empty("driver_opts", network.driver_opts.as_ref().map_or(Tree::Null, texts));
    let mut ipam = Fields::new();
    ipam.text("driver", &network.ipam.driver);
    ipam.set_unless_empty("options", network.ipam.options.as_ref().map_or(Tree::Null, texts));
    ipam.set_unless_empty("config", Tree::List(network.ipam.config.iter().map(pool).collect()));
    out.set_unless_empty("ipam", ipam.into_tree());
    external(&mut out, &network.external);
    out.flag("internal", &network.internal);
    out.flag("attachable", &network.attachable);
    out.set_if_some("enable_ipv4", network.enable_ipv4.as_ref().map(|flag| Tree::Bool(flag.value)));
    out.set_if_some("enable_ipv6", network.enable_ipv6.as_ref().map(|flag| Tree::Bool(flag.value)));
    out.texts("labels", &network.labels);
    // The official client keeps these keys of external networks and volumes only.
    if network.external.external {
        out.extensions(&network.extensions);
    }
    out.into_tree()
}

fn pool(pool: &AddressPool) -> Tree {
    let mut out = Fields::new();
    out.text("subnet", &pool.subnet);
    out.text("gateway", &pool.gateway);
    out.text("ip_range", &pool.ip_range);
    out.texts("aux_addresses", &pool.aux_addresses);
    out.into_tree()
}

fn external(out: &mut Fields, external: &External) {
    out.set_unless_empty("external", Tree::Bool(external.external));
}

pub(super) fn volume(volume: &Volume) -> Tree {
    let mut out = Fields::new();
    out.text("name", &volume.name);
    out.text("driver", &volume.driver);
    out.set_unless_empty("driver_opts", volume.driver_opts.as_ref().map_or(Tree::Null, texts));
    external(&mut out, &volume.external);
    out.texts("labels", &volume.labels);
    out.set_if_some("x-cluster-spec", volume.cluster_spec.as_ref().map(cluster_spec));
    if volume.external.external {
        let mut extensions = volume.extensions.clone();
        extensions.remove("x-cluster-spec");
        out.extensions(&extensions);
    }
    out.into_tree()
}

fn cluster_spec(spec: &ClusterSpec) -> Tree {
    let mut out = Fields::new();
    out.text("group", &spec.group);
    if let Some((scope, sharing)) = &spec.access_mode {
        let mut access = Fields::new();
        access.text("scope", scope);
        access.text("sharing", sharing);
        access.set_if_some("mount_volume", spec.mount_volume.as_ref().map(mount_volume));
        access.set_if_some("block_volume", spec.block_volume.then(|| Tree::Map(Vec::new())));
        out.set("access_mode", access.into_tree());
    }
    if let Some((requisite, preferred)) = &spec.accessibility {
        let mut requirements = Fields::new();
        requirements.set_unless_empty("requisite", topologies(requisite));
        requirements.set_unless_empty("preferred", topologies(preferred));
        out.set("accessibility_requirements", requirements.into_tree());
    }
    if let Some((required, limit)) = spec.capacity {
        let mut range = Fields::new();
        range.size("required_bytes", required);
        range.size("limit_bytes", limit);
        out.set("capacity_range", range.into_tree());
    }
    let secrets = spec.secrets.iter().map(|(key, secret)| {
        let mut out = Fields::new();
        out.text("key", key);
        out.text("secret", secret);
        out.into_tree()
    });
    out.set_unless_empty("secrets", Tree::List(secrets.collect()));
    out.text("availability", &spec.availability);
    out.into_tree()
}

fn mount_volume((fs_type, flags): &(Text, Vec<String>)) -> Tree {
    let mut out = Fields::new();
    out.text("fs_type", fs_type);
    out.set_unless_empty("mount_flags", Tree::List(flags.iter().map(|flag| Tree::text(flag)).collect()));
    out.into_tree()
}

fn topologies(list: &[Topology]) -> Tree {
    let topology = |topology: &Topology| {
        let mut out = Fields::new();
        out.texts("segments", &topology.segments);
        out.into_tree()
    };
    Tree::List(list.iter().map(topology).collect())
}

pub(super) fn file_object(object: &FileObject) -> Tree {
    let mut out = Fields::new();
    out.text("name", &object.name);
    match &object.content {
        Content::File(path) => out.set("file", Tree::text(&path.to_string_lossy())),
        Content::Inline(text) => out.set("content", Tree::text(text)),
        Content::Environment { name, .. } => out.set("environment", Tree::text(name)),
        Content::None => {}
    }
    external(&mut out, &object.external);
    out.texts("labels", &object.labels);
    out.text("driver", &object.driver);
    out.set_unless_empty("driver_opts", object.driver_opts.as_ref().map_or(Tree::Null, texts));
    out.text("template_driver", &object.template_driver);
    out.extensions(&object.extensions);
    out.into_tree()
}
