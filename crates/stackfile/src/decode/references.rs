//! What a service refers to: secrets, configs, networks, other services.

use super::Decoder;
use super::fields::Fields;
use crate::model::{DependsOn, Extends, FileReference, Include, Keyed, Located, ServiceNetwork};
use crate::yaml::{Node, Value};
use crate::{Condition, Dependency};

impl Decoder<'_> {
    /// `secrets` or `configs` of a service.
    pub(super) fn file_references(&mut self, fields: &Fields<'_>, key: &str) -> Vec<FileReference> {
        let list = fields.get(key).and_then(Node::as_list).unwrap_or_default();
        list.iter().filter_map(|item| self.file_reference(item)).collect()
    }

    fn file_reference(&mut self, node: &Node) -> Option<FileReference> {
        if let Some(source) = node.as_str() {
            let source = Located::new(source.to_owned(), node.place.clone());
            return Some(FileReference { source, target: None, uid: None, gid: None, mode: None });
        }
        let fields = Fields::of(node);
        let Some(source) = self.text(&fields, "source") else {
            self.refuse(node, "this entry has no `source`".into(), "name a top-level entry: `source: name`");
            return None;
        };
        Some(FileReference {
            source,
            target: self.text(&fields, "target"),
            uid: self.text(&fields, "uid"),
            gid: self.text(&fields, "gid"),
            mode: self.mode(&fields),
        })
    }

    /// Permission bits: a number, or an octal number in quotes as `docker compose config` prints it.
    fn mode(&mut self, fields: &Fields<'_>) -> Option<Located<u32>> {
        let node = fields.get("mode")?;
        let value = match node.as_str() {
            Some(text) => u32::from_str_radix(text, 8).ok(),
            None => u32::try_from(self.count(fields, "mode")?.value).ok(),
        };
        if value.is_none() {
            self.refuse(node, "this is no set of permission bits".into(), "write an octal number, like 0440");
        }
        value.map(|value| Located::new(value, node.place.clone()))
    }

    /// `networks` of a service: names, or names with settings.
    pub(super) fn service_networks(&mut self, fields: &Fields<'_>) -> Keyed<Located<Option<ServiceNetwork>>> {
        let Some(node) = fields.get("networks") else { return Keyed::new() };
        match &node.value {
            Value::List(list) => {
                let names = list.iter().filter_map(|item| self.string(item));
                names.map(|name| (name.value, Located::new(None, name.place))).collect()
            }
            Value::Map(map) => map
                .iter()
                .map(|(name, entry)| {
                    let network = (!entry.node.is_null()).then(|| self.service_network(&entry.node));
                    (name.clone(), Located::new(network, entry.key.clone()))
                })
                .collect(),
            _ => Keyed::new(),
        }
    }

    fn service_network(&mut self, node: &Node) -> ServiceNetwork {
        let fields = Fields::of(node);
        ServiceNetwork {
            aliases: self.strings(&fields, "aliases"),
            driver_opts: self.texts(&fields, "driver_opts"),
            ipv4_address: self.text(&fields, "ipv4_address"),
            ipv6_address: self.text(&fields, "ipv6_address"),
        }
    }

    /// `extends`: a service of this file, or of another one.
    pub(super) fn extends(&mut self, fields: &Fields<'_>) -> Option<Extends> {
        let node = fields.get("extends")?;
        if node.as_str().is_some() {
            return self.string(node).map(|service| Extends { service, file: None });
        }
        let fields = Fields::of(node);
        self.text(&fields, "service").map(|service| Extends { service, file: self.text(&fields, "file") })
    }

    /// The top-level `include`: paths, or paths with a folder and variables of their own.
    pub(super) fn includes(&mut self, fields: &Fields<'_>) -> Vec<Include> {
        let list = fields.get("include").and_then(Node::as_list).unwrap_or_default();
        list.iter().map(|item| self.include(item)).collect()
    }

    fn include(&mut self, node: &Node) -> Include {
        if node.as_str().is_some() {
            let paths = self.string(node).into_iter().collect();
            return Include { paths, project_directory: None, env_files: Vec::new() };
        }
        let fields = Fields::of(node);
        Include {
            paths: self.strings(&fields, "path"),
            project_directory: self.text(&fields, "project_directory"),
            env_files: self.strings(&fields, "env_file"),
        }
    }

    /// `depends_on`: names, or names with conditions.
    pub(super) fn depends_on(&mut self, fields: &Fields<'_>) -> Option<DependsOn> {
        let node = fields.get("depends_on")?;
        let started = |service: String| Dependency { service, condition: Condition::ServiceStarted };
        let entries = match &node.value {
            Value::List(list) => list
                .iter()
                .filter_map(|item| self.string(item))
                .map(|name| Located::new(started(name.value), name.place))
                .collect(),
            Value::Map(map) => map
                .iter()
                .map(|(name, entry)| {
                    let fields = Fields::of(&entry.node);
                    let condition = match self.text(&fields, "condition").as_deref().map(String::as_str) {
                        Some("service_healthy") => Condition::ServiceHealthy,
                        Some("service_completed_successfully") => Condition::ServiceCompletedSuccessfully,
                        _ => Condition::ServiceStarted,
                    };
                    Located::new(Dependency { service: name.clone(), condition }, entry.key.clone())
                })
                .collect(),
            _ => return None,
        };
        Some(DependsOn { entries })
    }
}
