//! What the managers refuse, in their words (swarmkit, manager/controlapi; each text measured on 20.10.24).

use engine::FileKind;
use serde_json::Value;

use super::World;
use super::record::{list, text};
use crate::refusal::Refusal;

const LONGEST_SERVICE_NAME: usize = 63;
const LONGEST_FILE_NAME: usize = 64;

impl World {
    /// Checks a service spec that is about to be kept; `own` is the service's id if it exists already.
    pub(super) fn check_service(&self, spec: &Value, own: Option<&str>) -> Result<(), Refusal> {
        let name = text(spec, "/Name");
        if name.len() > LONGEST_SERVICE_NAME {
            return Err(Refusal::invalid("name must be 63 characters or fewer"));
        }
        if !is_dns_name(name) {
            return Err(Refusal::invalid("name must be valid as a DNS name component"));
        }
        if text(spec, "/TaskTemplate/ContainerSpec/Image").is_empty() {
            return Err(Refusal::invalid("ContainerSpec: image reference must be provided"));
        }
        for (kind, pointer, id) in [
            (FileKind::Secret, "/TaskTemplate/ContainerSpec/Secrets", "SecretID"),
            (FileKind::Config, "/TaskTemplate/ContainerSpec/Configs", "ConfigID"),
        ] {
            self.check_files(spec, kind, pointer, id)?;
        }
        self.check_ports(spec, own)
    }

    fn check_files(&self, spec: &Value, kind: FileKind, pointer: &str, id: &str) -> Result<(), Refusal> {
        let exists = |reference: &&Value| {
            let file = reference[id].as_str().and_then(|id| self.files.get(id));
            file.is_some_and(|file| file.kind == kind)
        };
        let name = |reference: &Value| text(reference, &format!("/{}", id.replace("ID", "Name"))).to_owned();
        let missing: Vec<String> =
            list(spec, pointer).filter(|reference| !exists(reference)).map(name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let plural = if missing.len() == 1 { "" } else { "s" };
        Err(Refusal::invalid(&format!("{kind}{plural} not found: {}", missing.join(", "))))
    }

    fn check_ports(&self, spec: &Value, own: Option<&str>) -> Result<(), Refusal> {
        let wanted = ingress_ports(spec);
        for other in self.services.values().filter(|other| Some(other.id.as_str()) != own) {
            if let Some((port, _)) = ingress_ports(&other.spec).into_iter().find(|port| wanted.contains(port))
            {
                let (name, id) = (other.name(), &other.id);
                return Err(Refusal::invalid(&format!(
                    "port '{port}' is already in use by service '{name}' ({id}) as an ingress port"
                )));
            }
        }
        Ok(())
    }
}

/// Checks a config's or secret's name and size.
pub(super) fn check_file(kind: FileKind, name: &str, size: usize) -> Result<(), Refusal> {
    let bytes = name.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    if bytes.len() > LONGEST_FILE_NAME
        || !bytes.iter().all(inner)
        || !outer(bytes.first())
        || !outer(bytes.last())
    {
        return Err(Refusal::invalid(
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]",
        ));
    }
    let limit = match kind {
        FileKind::Config => 1_024_000,
        FileKind::Secret => 512_000,
    };
    if size == 0 || size >= limit {
        return Err(Refusal::invalid(&format!(
            "{kind} data must be larger than 0 and less than {limit} bytes"
        )));
    }
    Ok(())
}

fn is_dns_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        && outer(bytes.first())
        && outer(bytes.last())
}

fn ingress_ports(spec: &Value) -> Vec<(u64, &str)> {
    let ports = list(spec, "/EndpointSpec/Ports").filter(|port| port["PublishMode"] != "host");
    ports.filter_map(|port| Some((port["PublishedPort"].as_u64()?, text(port, "/Protocol")))).collect()
}
