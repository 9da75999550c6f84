//! The requests of a first deploy on an empty cluster, for people and tests to read.

use serde_json::{Value, json};

use super::objects::without_data;
use crate::Desired;

/// The requests, as a JSON list: networks, secrets, configs, services, each kind sorted by name. A secret's data
/// is replaced by `sha256:<hex>`; the ids of secrets and configs are `id:<kind>:<name>`.
pub fn requests(desired: &Desired) -> Value {
    let request = |kind: &str, name: &str, body: Value| {
        json!({
            "kind": kind,
            "method": "POST",
            "path": format!("/{kind}s/create"),
            "query": {},
            "name": name,
            "body": body,
        })
    };
    let networks =
        desired.networks.iter().map(|network| request("network", &network.name, network.body.clone()));
    let secrets =
        desired.secrets.iter().map(|secret| request("secret", &secret.name, without_data(&secret.body)));
    let configs = desired.configs.iter().map(|config| request("config", &config.name, config.body.clone()));
    let services =
        desired.services.iter().map(|service| request("service", &service.name, service.body.clone()));
    networks.chain(secrets).chain(configs).chain(services).collect()
}
