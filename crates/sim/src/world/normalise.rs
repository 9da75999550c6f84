//! What the engine makes of a service spec before it keeps it: defaults, and fields it does not know dropped (moby,
//! daemon/cluster/convert; measured on 20.10.24).

use serde_json::{Map, Value, json};

const SERVICE: &[&str] =
    &["Name", "Labels", "TaskTemplate", "Mode", "UpdateConfig", "RollbackConfig", "Networks", "EndpointSpec"];
const TEMPLATE: &[&str] = &[
    "ContainerSpec",
    "Resources",
    "RestartPolicy",
    "Placement",
    "Networks",
    "LogDriver",
    "ForceUpdate",
    "Runtime",
];
const CONTAINER: &[&str] = &[
    "Image",
    "Labels",
    "Command",
    "Args",
    "Hostname",
    "Env",
    "Dir",
    "User",
    "Groups",
    "Privileges",
    "Init",
    "StopSignal",
    "TTY",
    "OpenStdin",
    "ReadOnly",
    "Mounts",
    "StopGracePeriod",
    "Healthcheck",
    "Hosts",
    "DNSConfig",
    "Secrets",
    "Configs",
    "Isolation",
    "Sysctls",
    "CapabilityAdd",
    "CapabilityDrop",
    "Ulimits",
];

/// The spec as the managers keep it.
pub(super) fn service(spec: &Value) -> Value {
    let mut kept = known(spec, SERVICE);
    default(&mut kept, "Labels", json!({}));
    let mut template = known(&kept["TaskTemplate"], TEMPLATE);
    let mut container = known(&template["ContainerSpec"], CONTAINER);
    default(&mut container, "Isolation", json!("default"));
    template["ContainerSpec"] = container;
    default(&mut template, "ForceUpdate", json!(0));
    default(&mut template, "Runtime", json!("container"));
    if template["RestartPolicy"].is_object() {
        default(&mut template["RestartPolicy"], "MaxAttempts", json!(0));
    }
    kept["TaskTemplate"] = template;
    if kept.get("Mode").and_then(Value::as_object).is_none_or(Map::is_empty) {
        kept["Mode"] = json!({ "Replicated": {} });
    }
    if kept["Mode"]["Replicated"].is_object() {
        default(&mut kept["Mode"]["Replicated"], "Replicas", json!(1));
    }
    for key in ["UpdateConfig", "RollbackConfig"] {
        if kept.get(key).is_some() {
            for (field, value) in update_defaults() {
                default(&mut kept[key], field, value);
            }
        }
    }
    if kept.get("EndpointSpec").is_some() {
        endpoint(&mut kept["EndpointSpec"]);
    }
    kept
}

fn update_defaults() -> [(&'static str, Value); 4] {
    [
        ("Parallelism", json!(0)),
        ("FailureAction", json!("pause")),
        ("MaxFailureRatio", json!(0)),
        ("Order", json!("stop-first")),
    ]
}

fn endpoint(endpoint: &mut Value) {
    default(endpoint, "Mode", json!("vip"));
    for port in endpoint.get_mut("Ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(port, "Protocol", json!("tcp"));
        default(port, "PublishMode", json!("ingress"));
    }
}

/// The known fields of an object, in the engine's order, without those that are null or empty lists.
fn known(object: &Value, fields: &[&str]) -> Value {
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let kept = fields.iter().filter_map(|field| {
        let value = object.get(*field).filter(|value| !empty(value))?;
        Some(((*field).to_owned(), value.clone()))
    });
    Value::Object(kept.collect())
}

fn default(object: &mut Value, field: &str, value: Value) {
    if !object.is_object() {
        *object = json!({});
    }
    if object.get(field).is_none_or(Value::is_null) {
        object[field] = value;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::service;

    #[test]
    fn a_small_spec_becomes_what_a_real_engine_made_of_it() {
        let sent = json!({
            "Name": "min", "Bogus": 1,
            "TaskTemplate": {
                "ContainerSpec": {"Image": "tiny:1", "Command": ["sleep", "1000"], "StopGracePeriod": 0, "Env": null},
                "RestartPolicy": {"Condition": "none"},
            },
            "UpdateConfig": {"Parallelism": 2}, "RollbackConfig": {},
            "EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080}]},
        });
        let kept = json!({
            "Name": "min", "Labels": {},
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": "tiny:1", "Command": ["sleep", "1000"], "StopGracePeriod": 0, "Isolation": "default",
                },
                "RestartPolicy": {"Condition": "none", "MaxAttempts": 0},
                "ForceUpdate": 0, "Runtime": "container",
            },
            "Mode": {"Replicated": {"Replicas": 1}},
            "UpdateConfig": {"Parallelism": 2, "FailureAction": "pause", "MaxFailureRatio": 0, "Order": "stop-first"},
            "RollbackConfig": {"Parallelism": 0, "FailureAction": "pause", "MaxFailureRatio": 0, "Order": "stop-first"},
            "EndpointSpec": {
                "Mode": "vip",
                "Ports": [{"TargetPort": 80, "PublishedPort": 8080, "Protocol": "tcp", "PublishMode": "ingress"}],
            },
        });
        assert_eq!(service(&sent), kept);
        assert_eq!(service(&kept), kept, "what the engine gives back it takes as it is");
    }
}
