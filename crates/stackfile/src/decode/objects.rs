//! Top-level networks, volumes, secrets and configs.

use diagnostics::Diagnostic;

use super::fields::Fields;
use super::{Decoder, extensions};
use crate::model::{
    AddressPool, ClusterSpec, Content, External, FileObject, Ipam, Network, Secret, Text, Topology, Volume,
};
use crate::paths;
use crate::yaml::{Entry, Node, Value};

impl Decoder<'_> {
    pub(super) fn network(&mut self, key: &str, entry: &Entry) -> Network {
        let fields = &Fields::of(&entry.node);
        let mut network = Network {
            place: entry.key.clone(),
            name: self.text(fields, "name"),
            driver: self.text(fields, "driver"),
            driver_opts: self.options(fields, "driver_opts"),
            ipam: fields.inside("ipam").map(|fields| self.ipam(&fields)).unwrap_or_default(),
            external: self.external(fields),
            internal: self.flag(fields, "internal"),
            attachable: self.flag(fields, "attachable"),
            enable_ipv4: self.flag(fields, "enable_ipv4"),
            enable_ipv6: self.flag(fields, "enable_ipv6"),
            labels: self.texts(fields, "labels"),
            extensions: extensions(entry.node.as_map()),
        };
        self.external_name("network", key, entry, &mut network.external, &mut network.name, 5);
        network
    }

    fn ipam(&mut self, fields: &Fields<'_>) -> Ipam {
        let pools = fields.get("config").and_then(Node::as_list).unwrap_or_default();
        let config = pools
            .iter()
            .map(|pool| {
                let fields = &Fields::of(pool);
                AddressPool {
                    subnet: self.text(fields, "subnet"),
                    gateway: self.text(fields, "gateway"),
                    ip_range: self.text(fields, "ip_range"),
                    aux_addresses: self.texts(fields, "aux_addresses"),
                }
            })
            .collect();
        Ipam { driver: self.text(fields, "driver"), options: self.options(fields, "options"), config }
    }

    pub(super) fn volume(&mut self, key: &str, entry: &Entry) -> Volume {
        let fields = &Fields::of(&entry.node);
        let mut volume = Volume {
            place: entry.key.clone(),
            name: self.text(fields, "name"),
            driver: self.text(fields, "driver"),
            driver_opts: self.options(fields, "driver_opts"),
            external: self.external(fields),
            labels: self.texts(fields, "labels"),
            extensions: extensions(entry.node.as_map()),
            cluster_spec: fields.inside("x-cluster-spec").map(|fields| self.cluster_spec(&fields)),
        };
        if volume.external.external {
            let conflict = [
                ("driver", volume.driver.as_ref().is_some_and(|driver| !driver.is_empty())),
                ("driver_opts", volume.driver_opts.as_ref().is_some_and(|options| !options.is_empty())),
                ("labels", !volume.labels.is_empty()),
            ];
            if let Some((field, _)) = conflict.into_iter().find(|(_, there)| *there) {
                let message = format!("the volume `{key}` is external and has a `{field}`");
                self.conflict(entry, message, &format!("remove `{field}`, or remove `external`"));
            }
        }
        self.external_name("volume", key, entry, &mut volume.external, &mut volume.name, 4);
        volume
    }

    fn cluster_spec(&mut self, fields: &Fields<'_>) -> ClusterSpec {
        let access = fields.inside("access_mode");
        let mount = access.as_ref().and_then(|access| access.inside("mount_volume"));
        let requirements = fields.inside("accessibility_requirements");
        ClusterSpec {
            group: self.text(fields, "group"),
            mount_volume: mount.map(|mount| {
                let flags = self.strings(&mount, "mount_flags").into_iter().map(|flag| flag.value).collect();
                (self.text(&mount, "fs_type"), flags)
            }),
            block_volume: access.as_ref().is_some_and(|access| access.get("block_volume").is_some()),
            access_mode: access.map(|access| (self.text(&access, "scope"), self.text(&access, "sharing"))),
            accessibility: requirements
                .map(|fields| (self.topologies(&fields, "requisite"), self.topologies(&fields, "preferred"))),
            capacity: fields.inside("capacity_range").map(|range| {
                let mut size = |key: &str| self.size(&range, key).map(|size| size.value).unwrap_or_default();
                (size("required_bytes"), size("limit_bytes"))
            }),
            secrets: self.volume_secrets(fields),
            availability: self.text(fields, "availability"),
        }
    }

    fn volume_secrets(&mut self, fields: &Fields<'_>) -> Vec<(Text, Text)> {
        let list = fields.get("secrets").and_then(Node::as_list).unwrap_or_default();
        let fields = list.iter().map(Fields::of);
        fields.map(|fields| (self.text(&fields, "key"), self.text(&fields, "secret"))).collect()
    }

    fn topologies(&mut self, fields: &Fields<'_>, key: &str) -> Vec<Topology> {
        let list = fields.get(key).and_then(Node::as_list).unwrap_or_default();
        list.iter().map(|item| Topology { segments: self.texts(&Fields::of(item), "segments") }).collect()
    }

    pub(super) fn secret(&mut self, key: &str, entry: &Entry) -> FileObject {
        self.file_object("secret", key, entry)
    }

    pub(super) fn config(&mut self, key: &str, entry: &Entry) -> FileObject {
        self.file_object("config", key, entry)
    }

    fn file_object(&mut self, what: &str, key: &str, entry: &Entry) -> FileObject {
        let fields = &Fields::of(&entry.node);
        let mut object = FileObject {
            place: entry.key.clone(),
            name: self.text(fields, "name"),
            content: Content::None,
            content_place: None,
            external: self.external(fields),
            labels: self.texts(fields, "labels"),
            driver: self.text(fields, "driver"),
            driver_opts: self.options(fields, "driver_opts"),
            template_driver: self.text(fields, "template_driver"),
            extensions: extensions(entry.node.as_map()),
        };
        self.external_name(what, key, entry, &mut object.external, &mut object.name, 5);
        if object.external.external {
            // Never read, and yet a part of the resolved file.
            if let Some(file) = self.text(fields, "file") {
                object.content = Content::File(file.value.into());
            }
            return object;
        }
        if object.driver.as_ref().is_some_and(|driver| !driver.is_empty()) {
            if self.text(fields, "file").is_some_and(|file| !file.is_empty()) {
                let message = format!("the {what} `{key}` has a `driver` and a `file`");
                self.conflict(entry, message, "keep one of the two");
            }
            return object;
        }
        self.content(what, key, entry, &mut object);
        object
    }

    /// `file`, `content` or `environment`; with none of them, the folder itself, as the official client has it.
    fn content(&mut self, what: &str, key: &str, entry: &Entry, object: &mut FileObject) {
        let fields = &Fields::of(&entry.node);
        let given: Vec<&str> =
            ["file", "content", "environment"].into_iter().filter(|key| fields.get(key).is_some()).collect();
        if given.len() > 1 {
            let message = format!("the {what} `{key}` has more than one of `{}`", given.join("`, `"));
            self.conflict(entry, message, "keep one of them");
        }
        let only = given.first().copied().unwrap_or("file");
        let text = self.text(fields, only);
        object.content_place = text.as_ref().map(|text| text.place.clone());
        let text = text.map(|text| text.value).unwrap_or_default();
        object.content = match only {
            "content" => Content::Inline(text),
            "environment" => self.environment_content(what, key, entry, text),
            _ => Content::File(paths::absolute(self.context.folder, &text)),
        };
    }

    fn environment_content(&mut self, what: &str, key: &str, entry: &Entry, name: String) -> Content {
        let Some(value) = self.context.environment.get(&name) else {
            let message = format!("the {what} `{key}` takes its value from `{name}`, which is not set");
            self.conflict(entry, message, &format!("run with {name}=value in the environment"));
            return Content::None;
        };
        Content::Environment { name, value: Secret(value.clone()) }
    }

    fn external(&mut self, fields: &Fields<'_>) -> External {
        match fields.get("external") {
            None => External::default(),
            Some(Node { value: Value::Bool(external), .. }) => External { external: *external, name: None },
            Some(node) => External { external: true, name: self.text(&Fields::of(node), "name") },
        }
    }

    /// The engine's name of an external entry: `name`, the older `external.name`, or its key.
    fn external_name(
        &mut self,
        what: &str,
        key: &str,
        entry: &Entry,
        external: &mut External,
        name: &mut Text,
        deprecated_since: u8,
    ) {
        if !external.external {
            return;
        }
        match external.name.take().filter(|name| !name.is_empty()) {
            Some(old) => {
                if name.as_ref().is_some_and(|name| !name.is_empty()) {
                    let message = format!("the {what} `{key}` has a `name` and an `external.name`");
                    self.conflict(entry, message, "keep `name`, and write `external: true`");
                }
                if self.context.version.0 >= deprecated_since {
                    self.report.warn(
                        Diagnostic::warning(
                            "stack-file/deprecated",
                            format!("{what} `{key}`: `external.name` is deprecated"),
                        )
                        .at(old.place.clone())
                        .help(format!("write `external: true` and `name: {}`", old.value)),
                    );
                }
                *name = Some(old);
            }
            None if name.as_ref().is_none_or(|name| name.is_empty()) => {
                *name = Some(crate::model::Located::new(key.to_owned(), entry.key.clone()));
            }
            None => {}
        }
    }

    fn conflict(&mut self, entry: &Entry, message: String, help: &str) {
        self.report.error(Diagnostic::error("stack-file/conflict", message).at(entry.key.clone()).help(help));
    }
}
