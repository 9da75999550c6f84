//! What stack files come to, in a form that can be compared: the requests, what waits for what, what must be there
//! already. Two files with equal snapshots deploy the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stackfile::Desired;

/// The stack's name in the requests: any will do.
pub(crate) const NAME: &str = "x";

/// All that a deploy asks for.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// By kind and name.
    requests: BTreeMap<(String, String), Value>,
    rest: Value,
}

impl Snapshot {
    pub(crate) fn of(desired: &Desired) -> Self {
        let mut requests = BTreeMap::new();
        if let Value::Array(list) = stackfile::requests(desired) {
            for request in list {
                let text = |key: &str| request[key].as_str().unwrap_or_default().to_owned();
                requests.insert((text("kind"), text("name")), request);
            }
        }
        let external_networks = desired.external_networks.iter().map(|network| network.name.as_str());
        let external_secrets = desired.external_secrets.iter().map(|secret| secret.name.as_str());
        let external_configs = desired.external_configs.iter().map(|config| config.name.as_str());
        let rest = json!({
            "waits": waits(desired),
            "networks": external_networks.collect::<Vec<_>>(),
            "secrets": external_secrets.collect::<Vec<_>>(),
            "configs": external_configs.collect::<Vec<_>>(),
            "extension": desired.extension,
        });
        Self { requests, rest }
    }

    /// Whether the other one is the same but for the `UpdateConfig` of a service.
    pub(crate) fn same_but(&self, other: &Self, service: &str) -> bool {
        let this = ("service".to_owned(), format!("{NAME}_{service}"));
        let same = |key: &(String, String), request: &Value| match other.requests.get(key) {
            None => false,
            Some(now) if *key == this => same_without_update_config(request, now),
            Some(now) => now == request,
        };
        self.rest == other.rest
            && self.requests.len() == other.requests.len()
            && self.requests.iter().all(|(key, request)| same(key, request))
    }
}

/// Whether two requests for a service are the same but for the `UpdateConfig` in their bodies.
fn same_without_update_config(before: &Value, after: &Value) -> bool {
    parts(before) == parts(after)
}

/// What a request consists of, its body taken apart, without the `UpdateConfig`.
fn parts(request: &Value) -> BTreeMap<(bool, &str), &Value> {
    let top = request.as_object().into_iter().flatten().filter(|(key, _)| *key != "body");
    let body = request["body"].as_object().into_iter().flatten().filter(|(key, _)| *key != "UpdateConfig");
    let top = top.map(|(key, value)| ((false, key.as_str()), value));
    top.chain(body.map(|(key, value)| ((true, key.as_str()), value))).collect()
}

fn waits(desired: &Desired) -> Value {
    let entry = |entry: &stackfile::Dependency| json!([entry.service, entry.condition.as_str()]);
    let services = desired.services.iter();
    services
        .map(|service| json!([service.key, service.depends_on.iter().map(entry).collect::<Vec<_>>()]))
        .collect()
}
