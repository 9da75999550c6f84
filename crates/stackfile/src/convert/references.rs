//! Secrets and configs inside a service: which object, and where the container sees it.

use std::collections::BTreeMap;

use diagnostics::{Diagnostic, Place};
use serde_json::Value;

use super::Converter;
use super::body::Body;
use crate::model::{CredentialSpec, FileObject, FileReference, Keyed, Service};
use crate::schema::similar;

/// Permission bits of a reference that gives none.
const DEFAULT_MODE: u32 = 0o444;

impl Converter<'_> {
    pub(super) fn secret_references(&mut self, service: &Service) -> Value {
        let references = self.file_references("secret", service, &service.secrets, &self.stack.secrets);
        references.into_iter().map(|(_, body)| body).collect()
    }

    pub(super) fn config_references(&mut self, service: &Service) -> Value {
        let mut references = self.file_references("config", service, &service.configs, &self.stack.configs);
        if let Some(key) = service.credential_spec.config.as_ref().filter(|key| !key.is_empty())
            && let Some(name) = self.object_name("config", service, key, &key.place, &self.stack.configs)
        {
            let body = Body::new()
                .set("Runtime", Body::new())
                .set("ConfigID", format!("id:config:{name}"))
                .set("ConfigName", name.as_str());
            references.push((name, body.into()));
        }
        references.sort_by(|a, b| a.0.cmp(&b.0));
        references.into_iter().map(|(_, body)| body).collect()
    }

    /// References sorted by the engine's name.
    fn file_references(
        &mut self,
        what: &str,
        service: &Service,
        references: &[FileReference],
        objects: &Keyed<FileObject>,
    ) -> Vec<(String, Value)> {
        let (id_key, name_key) =
            if what == "secret" { ("SecretID", "SecretName") } else { ("ConfigID", "ConfigName") };
        let mut targets: BTreeMap<String, Place> = BTreeMap::new();
        let mut out = Vec::new();
        for reference in references {
            let source = &reference.source;
            let Some(name) = self.object_name(what, service, source, &source.place, objects) else {
                continue;
            };
            let given = reference.target.as_ref().filter(|target| !target.is_empty());
            let target = given.map_or(source.value.clone(), |target| target.value.clone());
            if let Some(first) = targets.insert(target.clone(), source.place.clone()) {
                self.report.error(
                    Diagnostic::error(
                        "stack-file/conflict",
                        format!("two {what}s are mounted at `{target}`"),
                    )
                    .at(source.place.clone())
                    .related(first, "the first one")
                    .help("give one of them another `target`"),
                );
                continue;
            }
            let owner = |id: &crate::model::Text| match id.as_deref() {
                Some(id) if !id.is_empty() => id.clone(),
                _ => "0".to_owned(),
            };
            let file = Body::new()
                .set("Name", target)
                .set("UID", owner(&reference.uid))
                .set("GID", owner(&reference.gid))
                .set("Mode", reference.mode.as_ref().map_or(DEFAULT_MODE, |mode| mode.value));
            let body = Body::new()
                .set("File", file)
                .set(id_key, format!("id:{what}:{name}"))
                .set(name_key, name.as_str());
            out.push((name, body.into()));
        }
        out.sort_by(|a: &(String, Value), b| a.0.cmp(&b.0));
        out
    }

    fn object_name(
        &mut self,
        what: &str,
        service: &Service,
        key: &str,
        place: &Place,
        objects: &Keyed<FileObject>,
    ) -> Option<String> {
        if let Some(object) = objects.get(key) {
            return Some(self.scoped(key, object.name.as_deref()));
        }
        let help = match similar(key, objects.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("define it at top level: `{what}s: {{{key}: ...}}`"),
        };
        let message = format!("the service `{}` uses the {what} `{key}`, which is not defined", service.name);
        self.report.error(Diagnostic::error("stack-file/undefined", message).at(place.clone()).help(help));
        None
    }

    /// `Privileges`, which is always sent: it carries the credential spec.
    pub(super) fn privileges(&mut self, service: &Service) -> Value {
        Body::new()
            .set("CredentialSpec", self.credential_spec(service, &service.credential_spec))
            .set("SELinuxContext", Value::Null)
            .set("NoNewPrivileges", false)
            .into()
    }

    fn credential_spec(&mut self, service: &Service, spec: &CredentialSpec) -> Value {
        let parts = [("config", &spec.config), ("file", &spec.file), ("registry", &spec.registry)];
        let given: Vec<_> = parts
            .into_iter()
            .filter_map(|(key, text)| text.as_ref().filter(|text| !text.is_empty()).map(|text| (key, text)))
            .collect();
        let Some((key, text)) = given.first() else { return Value::Null };
        if given.len() > 1 {
            let message = format!("the credential_spec of `{}` has more than one source", service.name);
            self.report.error(
                Diagnostic::error("stack-file/conflict", message)
                    .at(given[1].1.place.clone())
                    .related(text.place.clone(), "the first one")
                    .help("keep one of `config`, `file` and `registry`"),
            );
            return Value::Null;
        }
        let config = match self.stack.configs.get(&text.value) {
            Some(object) if *key == "config" => {
                format!("id:config:{}", self.scoped(&text.value, object.name.as_deref()))
            }
            _ => String::new(),
        };
        let only = |wanted: &str| if *key == wanted { text.value.clone() } else { String::new() };
        Body::new().set("Config", config).set("File", only("file")).set("Registry", only("registry")).into()
    }
}
