//! What is live, as far as a plan needs it. Pure data, with the names that specs refer to by id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{FileKind, FileObject};
use serde_json::{Value, json};
use stackfile::ObjectBody;

use crate::networks::{self, Networks};
use crate::release::Release;
use crate::seal::SealKey;
use crate::spec;

/// Label of secrets and configs: a fingerprint of the content, made with the stack's key (see `seal`).
pub(crate) const CONTENT_LABEL: &str = "tidegate.content";

/// What is live.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// The stack's services: full name and raw spec.
    pub services: BTreeMap<String, Arc<Value>>,
    /// What each service was before its last update, as far as the engine says: full name and raw spec. Evidence of who wrote
    /// last, and never something to go back to.
    pub before: BTreeMap<String, Arc<Value>>,
    /// The swarm's networks: id and name.
    pub networks: BTreeMap<String, String>,
    /// The stack's own networks, by id, each as the body that makes it again.
    pub own_networks: Networks,
    /// Networks that are gone: the ids that records know them by, and their names.
    pub former_networks: BTreeMap<String, String>,
    /// The swarm's secrets.
    pub secrets: Vec<FileObject>,
    /// The configs that the stack has or names.
    pub configs: Vec<FileObject>,
    /// The stack's releases, oldest first.
    pub releases: Vec<Release>,
    /// The key that the stack's services carry.
    pub key: Option<SealKey>,
    /// Secrets that the engine was asked about, and that have another content than is wanted.
    pub other_content: BTreeSet<String>,
}

/// How a secret or config that is there compares with what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    /// The same.
    Same,
    /// Other labels.
    LabelsDiffer,
    /// Another content, which cannot be changed in place.
    ContentDiffers,
}

impl Live {
    /// Whether an object exists.
    pub(crate) fn has(&self, kind: &str, name: &str) -> bool {
        match kind {
            "network" => self.networks.values().any(|network| network == name),
            "secret" => self.secrets.iter().any(|secret| secret.name() == name),
            _ => self.configs.iter().any(|config| config.name() == name),
        }
    }

    /// A network of the stack that one of its services uses: its id. A network that none uses may be one that is just
    /// going: it stays listed on a node until its last task has ended there, while the managers no longer know it.
    pub(crate) fn network_in_use(&self, name: &str) -> Option<&str> {
        let (id, _) = self.networks.iter().find(|(id, network)| {
            let joins = |spec: &Arc<Value>| networks::targets(spec).any(|target| target == *id);
            *network == name && self.services.values().any(joins)
        })?;
        Some(id)
    }

    /// The name of a network, also of one that is gone and that a record knows.
    pub(crate) fn network_name(&self, id: &str) -> Option<&str> {
        self.networks.get(id).or_else(|| self.former_networks.get(id)).map(String::as_str)
    }

    /// The id of the network of a name that is there: the stack's own, if it has one of that name.
    pub(crate) fn network_id(&self, name: &str) -> Option<&str> {
        let own = self.own_networks.iter().find(|(_, body)| networks::name(body) == name).map(|(id, _)| id);
        let any = || self.networks.iter().find(|(_, network)| *network == name).map(|(id, _)| id);
        own.or_else(any).map(String::as_str)
    }

    /// The stack's own networks, and the names of the others that these specs join: what is recorded.
    pub(crate) fn networks_of<'s>(&self, specs: impl Iterator<Item = &'s Arc<Value>>) -> Networks {
        let joined = specs.flat_map(|spec| networks::targets(spec));
        let named = joined.filter_map(|id| Some((id.to_owned(), json!({ "Name": self.network_name(id)? }))));
        let mut networks: Networks = named.collect();
        networks.extend(self.own_networks.clone());
        networks
    }

    /// The objects of a kind.
    pub(crate) fn files(&self, kind: FileKind) -> &[FileObject] {
        match kind {
            FileKind::Secret => &self.secrets,
            FileKind::Config => &self.configs,
        }
    }

    /// How a secret or config compares with what is wanted; `None` if it is not there.
    pub(crate) fn file_state(&self, kind: FileKind, wanted: &ObjectBody) -> Option<FileState> {
        let object = self.files(kind).iter().find(|object| object.name() == wanted.name)?;
        let same_content = self.same_content(kind, object, wanted);
        let mut labels = object.spec.get("Labels").cloned().unwrap_or(Value::Null);
        if let Some(labels) = labels.as_object_mut() {
            labels.remove(CONTENT_LABEL);
        }
        let same_labels = spec::same(&labels, wanted.body.get("Labels").unwrap_or(&Value::Null));
        Some(match same_content {
            Some(false) => FileState::ContentDiffers,
            Some(true) if same_labels => FileState::Same,
            // A secret that the stock client made: only the engine can tell, by refusing an update with other data.
            _ => FileState::LabelsDiffer,
        })
    }

    /// Secrets that are there and whose content only the engine can compare: the stock client made them, or another
    /// key did.
    pub(crate) fn unknown_secrets<'w>(&self, wanted: &'w [ObjectBody]) -> Vec<(&'w ObjectBody, &FileObject)> {
        let there = |wanted: &'w ObjectBody| {
            let object = self.secrets.iter().find(|object| object.name() == wanted.name)?;
            self.same_content(FileKind::Secret, object, wanted).is_none().then_some((wanted, object))
        };
        wanted.iter().filter_map(there).collect()
    }

    fn same_content(&self, kind: FileKind, object: &FileObject, wanted: &ObjectBody) -> Option<bool> {
        if kind == FileKind::Secret && self.other_content.contains(object.name()) {
            return Some(false);
        }
        let content = content(&wanted.body);
        match (object.data(), object.label(CONTENT_LABEL), &self.key) {
            (Some(data), _, _) => Some(data == content),
            (None, Some(label), Some(key)) => Some(key.fingerprint(&content) == label),
            _ => None,
        }
    }

    /// The body of a secret or config with its fingerprint.
    pub(crate) fn with_fingerprint(wanted: &ObjectBody, key: &SealKey) -> Value {
        let mut body = wanted.body.clone();
        spec::set_label(&mut body, CONTENT_LABEL, &key.fingerprint(&content(&wanted.body)));
        body
    }

    /// A live spec with names in place of ids, as a stack file's body has them.
    pub(crate) fn localise(&self, spec: &Value) -> Value {
        let mut spec = spec.clone();
        if let Some(networks) = spec.pointer_mut("/TaskTemplate/Networks").and_then(Value::as_array_mut) {
            for network in networks {
                let name = network.get("Target").and_then(Value::as_str).and_then(|id| self.network_name(id));
                if let Some(name) = name.map(str::to_owned) {
                    network["Target"] = json!(name);
                }
            }
        }
        for kind in [FileKind::Secret, FileKind::Config] {
            for reference in references(&mut spec, kind) {
                let id_field = id_field(kind);
                let id = reference.get(id_field).and_then(Value::as_str).unwrap_or_default();
                if let Some(object) = self.files(kind).iter().find(|object| object.id == id) {
                    reference[id_field] = json!(reference_to(kind, object.name()));
                }
            }
        }
        if let Some(config) = credential_spec(&mut spec)
            && let Some(object) = self.configs.iter().find(|object| config.as_str() == Some(&object.id))
        {
            *config = json!(reference_to(FileKind::Config, object.name()));
        }
        spec
    }

    /// A wanted body with ids in place of the references by name to secrets and configs.
    pub(crate) fn resolve(&self, body: &Value) -> Value {
        let mut body = body.clone();
        for kind in [FileKind::Secret, FileKind::Config] {
            for reference in references(&mut body, kind) {
                let id_field = id_field(kind);
                let wanted = reference.get(id_field).and_then(Value::as_str).unwrap_or_default();
                let object =
                    self.files(kind).iter().find(|object| reference_to(kind, object.name()) == wanted);
                if let Some(object) = object {
                    reference[id_field] = json!(object.id);
                }
            }
        }
        if let Some(config) = credential_spec(&mut body) {
            let found = self
                .configs
                .iter()
                .find(|object| config.as_str() == Some(&reference_to(FileKind::Config, object.name())));
            if let Some(object) = found {
                *config = json!(object.id);
            }
        }
        body
    }
}

pub(crate) fn content(body: &Value) -> Vec<u8> {
    body.get("Data").and_then(Value::as_str).and_then(|data| STANDARD.decode(data).ok()).unwrap_or_default()
}

pub(crate) fn references(spec: &mut Value, kind: FileKind) -> impl Iterator<Item = &mut Value> {
    let list = match kind {
        FileKind::Secret => "/TaskTemplate/ContainerSpec/Secrets",
        FileKind::Config => "/TaskTemplate/ContainerSpec/Configs",
    };
    spec.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

/// The config that a service takes its credential spec from.
pub(crate) fn credential_spec(spec: &mut Value) -> Option<&mut Value> {
    spec.pointer_mut("/TaskTemplate/ContainerSpec/Privileges/CredentialSpec/Config")
}

fn id_field(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Secret => "SecretID",
        FileKind::Config => "ConfigID",
    }
}

/// How the crate `stackfile` writes a reference whose id only the engine knows.
pub(crate) fn reference_to(kind: FileKind, name: &str) -> String {
    format!("id:{kind}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_to_a_config_becomes_an_id_and_back() {
        let object =
            json!({ "ID": "c1", "Version": { "Index": 1 }, "Spec": { "Name": "shop_conf", "Data": "eA==" } });
        let live = Live { configs: vec![serde_json::from_value(object).unwrap()], ..Live::default() };
        let body = json!({ "TaskTemplate": { "ContainerSpec": {
            "Configs": [{ "ConfigID": "id:config:shop_conf", "ConfigName": "shop_conf" }],
            "Privileges": { "CredentialSpec": { "Config": "id:config:shop_conf" } },
        } } });
        let resolved = live.resolve(&body);
        let container = &resolved["TaskTemplate"]["ContainerSpec"];
        assert_eq!(container["Configs"][0]["ConfigID"], "c1");
        assert_eq!(container["Privileges"]["CredentialSpec"]["Config"], "c1");
        assert_eq!(live.localise(&resolved), body);
    }
}
