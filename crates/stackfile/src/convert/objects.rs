//! Secrets and configs: their content and their bodies.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diagnostics::Diagnostic;
use serde_json::Value;

use super::Converter;
use super::body::{Body, texts};
use crate::model::{Content, FileObject, FileReference, Keyed};
use crate::{ExternalObject, ObjectBody, files};

/// The engine refuses secrets and configs from these sizes on (moby, `daemon/cluster`).
const SECRET_LIMIT: usize = 512_000;
const CONFIG_LIMIT: usize = 1_024_000;

impl Converter<'_> {
    pub(super) fn secrets(&mut self) -> Vec<ObjectBody> {
        self.objects("secret", &self.stack.secrets, SECRET_LIMIT)
    }

    pub(super) fn configs(&mut self) -> Vec<ObjectBody> {
        self.objects("config", &self.stack.configs, CONFIG_LIMIT)
    }

    fn objects(&mut self, what: &str, objects: &Keyed<FileObject>, limit: usize) -> Vec<ObjectBody> {
        let mut out = Vec::new();
        for (key, object) in objects {
            if object.external.external {
                continue;
            }
            let Some(data) = self.data(what, key, object, limit) else { continue };
            let name = self.scoped(key, object.name.as_deref());
            let driver = object.driver.as_deref().filter(|driver| !driver.is_empty()).map(|driver| {
                let options = object.driver_opts.as_ref().map(texts).unwrap_or_default();
                Body::new().set("Name", driver.as_str()).set_unless_empty("Options", options)
            });
            let template = object.template_driver.as_deref().filter(|driver| !driver.is_empty());
            let body = Body::new()
                .set_unless_empty("Name", name.as_str())
                .set("Labels", self.labels(&object.labels))
                .set_unless_empty("Data", STANDARD.encode(data))
                .set_if_some("Driver", driver)
                .set_if_some("Templating", template.map(|driver| Body::new().set("Name", driver.as_str())));
            out.push(ObjectBody { key: key.clone(), name, body: body.into(), place: object.place.clone() });
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        out
    }

    fn data(&mut self, what: &str, key: &str, object: &FileObject, limit: usize) -> Option<Vec<u8>> {
        let place = object.content_place.as_ref().unwrap_or(&object.place);
        let refused = |message: String| Diagnostic::error("stack-file/content", message).at(place.clone());
        let data = match &object.content {
            Content::None => Vec::new(),
            Content::Inline(text) => text.clone().into_bytes(),
            Content::Environment { value, .. } => value.0.clone().into_bytes(),
            Content::File(_) if object.content_place.is_none() => {
                let help = if what == "secret" {
                    "add `file: path`, `environment: NAME` or `external: true`"
                } else {
                    "add `file: path`, `content: text` or `external: true`"
                };
                self.report.error(refused(format!("the {what} `{key}` has no content")).help(help));
                return None;
            }
            Content::File(path) => match files::read(path, limit) {
                Ok(data) => data,
                Err(error) => {
                    let message =
                        format!("the file of the {what} `{key}` cannot be read: {}: {error}", path.display());
                    let help = "relative paths start from the folder of the first stack file";
                    self.report.error(refused(message).help(help));
                    return None;
                }
            },
        };
        if data.len() >= limit {
            let message =
                format!("the {what} `{key}` has {} bytes, the engine takes less than {limit}", data.len());
            self.report.error(refused(message).help("split it, or mount a volume instead"));
            return None;
        }
        Some(data)
    }

    /// The external secrets and configs that services use.
    pub(super) fn external_objects(&self) -> (Vec<ExternalObject>, Vec<ExternalObject>) {
        let services = || self.stack.services.values();
        let names = |references: &[FileReference]| -> Vec<String> {
            references.iter().map(|reference| reference.source.value.clone()).collect()
        };
        let secrets: BTreeSet<String> = services().flat_map(|service| names(&service.secrets)).collect();
        let configs: BTreeSet<String> = services()
            .flat_map(|service| {
                let spec = service.credential_spec.config.as_deref().cloned();
                names(&service.configs).into_iter().chain(spec)
            })
            .collect();
        (self.externals(&secrets, &self.stack.secrets), self.externals(&configs, &self.stack.configs))
    }

    fn externals(&self, used: &BTreeSet<String>, objects: &Keyed<FileObject>) -> Vec<ExternalObject> {
        let external = objects.iter().filter(|(key, object)| object.external.external && used.contains(*key));
        external
            .map(|(key, object)| ExternalObject {
                key: key.clone(),
                name: self.scoped(key, object.name.as_deref()),
                place: object.place.clone(),
            })
            .collect()
    }
}

/// The body of a secret or config with its data replaced by a hash of it.
pub(super) fn without_data(body: &Value) -> Value {
    use sha2::{Digest, Sha256};
    let mut body = body.clone();
    if let Some(data) = body.get_mut("Data") {
        let bytes = data.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let hash = Sha256::digest(bytes);
        let mut hex = String::from("sha256:");
        for byte in hash {
            for digit in [byte >> 4, byte & 0xf] {
                hex.extend(char::from_digit(digit.into(), 16));
            }
        }
        *data = hex.into();
    }
    body
}
