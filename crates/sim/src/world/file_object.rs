//! Configs and secrets: unique names, labels that can change and data that cannot.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::FileKind;
use serde_json::{Value, json};

use super::World;
use super::check::check_file;
use super::record::{File, Meta, labels, text};
use crate::refusal::Refusal;

impl World {
    pub(super) fn find_file(&self, kind: FileKind, id_or_name: &str) -> Option<&File> {
        let same_name = |file: &&File| file.kind == kind && file.name().eq_ignore_ascii_case(id_or_name);
        self.files
            .get(id_or_name)
            .filter(|file| file.kind == kind)
            .or_else(|| self.files.values().find(same_name))
    }

    pub(super) fn files(&self, kind: FileKind) -> impl Iterator<Item = &File> {
        self.files.values().filter(move |file| file.kind == kind)
    }

    /// A label of an object.
    pub(crate) fn file_label(&self, kind: FileKind, name: &str, key: &str) -> Option<String> {
        Some(self.find_file(kind, name)?.spec.get("Labels")?.get(key)?.as_str()?.to_owned())
    }

    pub(crate) fn create_file(&mut self, kind: FileKind, spec: &Value) -> Result<String, Refusal> {
        let (name, data) = (text(spec, "/Name"), text(spec, "/Data"));
        let Ok(bytes) = BASE64_STANDARD.decode(data) else {
            return Err(Refusal::new(400, "illegal base64 data at input byte 0"));
        };
        check_file(kind, name, bytes.len())?;
        if self.files(kind).any(|file| file.name().eq_ignore_ascii_case(name)) {
            return Err(Refusal::new(
                409,
                format!("rpc error: code = AlreadyExists desc = {kind} {name} already exists"),
            ));
        }
        let id = self.rng.id();
        let meta = Meta { version: self.write(), created: self.now, updated: self.now };
        let mut kept = json!({ "Name": name, "Labels": labels(spec) });
        if kind == FileKind::Config {
            kept["Data"] = json!(data);
        }
        self.tell(kind.as_str(), "create", &id, &[("name", name)]);
        self.files
            .insert(id.clone(), File { id: id.clone(), kind, meta, spec: kept.into(), data: data.into() });
        Ok(id)
    }

    pub(crate) fn update_file(
        &mut self,
        kind: FileKind,
        id: &str,
        version: u64,
        spec: &Value,
    ) -> Result<(), Refusal> {
        let Some(file) = self.find_file(kind, id) else { return Err(Refusal::not_found(kind.as_str(), id)) };
        let id = file.id.clone();
        let data = text(spec, "/Data");
        // A preloaded secret has no data here: nobody but the real managers can compare it.
        let other_data = !data.is_empty() && !file.data.is_empty() && data != &*file.data;
        let other_name = !text(spec, "/Name").is_empty() && text(spec, "/Name") != file.name();
        if other_data || other_name {
            return Err(Refusal::invalid("only updates to Labels are allowed"));
        }
        if version != file.meta.version {
            return Err(Refusal::out_of_sequence());
        }
        let (written, now) = (self.write(), self.now);
        if let Some(file) = self.files.get_mut(&id) {
            Arc::make_mut(&mut file.spec)["Labels"] = Value::Object(labels(spec));
            (file.meta.version, file.meta.updated) = (written, now);
            let name = file.name().to_owned();
            self.tell(kind.as_str(), "update", &id, &[("name", &name)]);
        }
        Ok(())
    }

    pub(crate) fn remove_file(&mut self, kind: FileKind, id: &str) -> Result<(), Refusal> {
        let Some(file) = self.find_file(kind, id) else { return Err(Refusal::not_found(kind.as_str(), id)) };
        let (id, name) = (file.id.clone(), file.name().to_owned());
        let users = self.users_of_file(&id);
        if !users.is_empty() {
            let services = if users.len() == 1 { "service" } else { "services" };
            let users = users.join(", ");
            return Err(Refusal::invalid(&format!(
                "{kind} '{name}' is in use by the following {services}: {users}"
            )));
        }
        self.write();
        self.files.remove(&id);
        self.tell(kind.as_str(), "remove", &id, &[("name", &name)]);
        Ok(())
    }

    /// Moves a config's or secret's version index, as another writer would.
    pub(crate) fn touch_file(&mut self, kind: FileKind, id: &str) {
        let Some(id) = self.find_file(kind, id).map(|file| file.id.clone()) else { return };
        let (version, now) = (self.write(), self.now);
        if let Some(file) = self.files.get_mut(&id) {
            (file.meta.version, file.meta.updated) = (version, now);
        }
    }
}
