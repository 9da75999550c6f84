//! A stack to the bodies that the official client would send (docker/cli, `cli/compose/convert`), field by field.
//!
//! Reads the files of secrets and configs; everything else is computed from the stack.

mod body;
mod container;
mod dependencies;
mod mounts;
mod networks;
mod objects;
mod references;
mod requests;
mod service;
mod task;

use diagnostics::Diagnostic;

use crate::desired::key_places;
use crate::model::{Stack, Texts};
use crate::report::Report;
use crate::{Desired, ServiceBody};

pub use requests::requests;

/// The label that names the stack on everything it owns.
const NAMESPACE_LABEL: &str = "com.docker.stack.namespace";
/// The service label with the image as written.
const IMAGE_LABEL: &str = "com.docker.stack.image";

/// The Engine API bodies of a stack under a name.
///
/// The name becomes a part of every other name, so it must not be blank.
pub fn convert(stack: &Stack, namespace: &str) -> Result<Desired, Vec<Diagnostic>> {
    if namespace.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'').is_empty() {
        return Err(vec![
            Diagnostic::error("stack-file/stack-name", format!("`{namespace}` is no name for a stack"))
                .help("give the stack a name of letters, digits, `-` and `_`"),
        ]);
    }
    let mut converter = Converter { stack, namespace, report: Report::default() };
    let (networks, external_networks) = converter.networks();
    let secrets = converter.secrets();
    let configs = converter.configs();
    let services: Vec<ServiceBody> =
        stack.services.values().filter_map(|service| converter.service(service)).collect();
    let (external_secrets, external_configs) = converter.external_objects();
    converter.report.check()?;
    let extension = stack.extensions.get("x-tidegate");
    Ok(Desired {
        namespace: namespace.into(),
        networks,
        external_networks,
        secrets,
        configs,
        services,
        external_secrets,
        external_configs,
        warnings: converter.report.into_warnings(),
        extension: extension.map(crate::model::Extension::to_json),
        extension_place: extension.map(|extension| extension.place.clone()),
        extension_places: extension.map(|extension| key_places(&extension.node)).unwrap_or_default(),
    })
}

struct Converter<'a> {
    stack: &'a Stack,
    namespace: &'a str,
    report: Report,
}

impl Converter<'_> {
    /// The engine's name for a key: its own `name`, or the key behind the stack's name.
    fn scoped(&self, key: &str, name: Option<&String>) -> String {
        match name.filter(|name| !name.is_empty()) {
            Some(name) => name.clone(),
            None => format!("{}_{key}", self.namespace),
        }
    }

    /// Labels with the stack's own.
    fn labels(&self, labels: &Texts) -> serde_json::Value {
        let mut map = body::texts(labels);
        map.insert(NAMESPACE_LABEL.into(), self.namespace.into());
        serde_json::Value::Object(map)
    }
}
