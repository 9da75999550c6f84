//! A checked tree to the typed model: short forms are taken apart, numbers and strings become what their field
//! wants, files of `env_file` are read, paths made absolute (docker/cli, `loader/loader.go`).

mod deploy;
mod environment;
mod fields;
mod mounts;
mod objects;
mod references;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::model::{Extension, Keyed, Stack};
use crate::report::Report;
use crate::schema::Version;
use crate::yaml::{Map, Node};
use fields::Fields;

/// What decoding needs besides the tree.
pub(crate) struct Context<'a> {
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// The folder that relative paths start from.
    pub(crate) folder: &'a Path,
    pub(crate) version: Version,
}

/// One file as a stack.
pub(crate) fn decode(root: &Node, context: &Context<'_>, report: &mut Report) -> Stack {
    let mut decoder = Decoder { context, report };
    let fields = Fields::of(root);
    Stack {
        version: context.version.to_string(),
        name: decoder.text(&fields, "name"),
        services: decoder.section(root, "services", Decoder::service),
        networks: decoder.section(root, "networks", Decoder::network),
        volumes: decoder.section(root, "volumes", Decoder::volume),
        secrets: decoder.section(root, "secrets", Decoder::secret),
        configs: decoder.section(root, "configs", Decoder::config),
        includes: decoder.includes(&fields),
        extensions: extensions(root.as_map()),
        disabled: BTreeSet::new(),
    }
}

struct Decoder<'a> {
    context: &'a Context<'a>,
    report: &'a mut Report,
}

impl Decoder<'_> {
    fn section<T>(
        &mut self,
        root: &Node,
        key: &str,
        decode: impl Fn(&mut Self, &str, &crate::yaml::Entry) -> T,
    ) -> Keyed<T> {
        let Some(map) = root.get(key).and_then(Node::as_map) else { return Keyed::new() };
        map.iter().map(|(name, entry)| (name.clone(), decode(self, name, entry))).collect()
    }
}

/// The keys that start with `x-`.
fn extensions(map: Option<&Map>) -> Keyed<Extension> {
    let entries = map.into_iter().flatten().filter(|(key, _)| key.starts_with("x-"));
    entries
        .map(|(key, entry)| (key.clone(), Extension { place: entry.key.clone(), node: entry.node.clone() }))
        .collect()
}
