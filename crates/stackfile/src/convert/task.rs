//! What is around the container: resources, restarts, placement, mode, updates, ports.

use diagnostics::Diagnostic;
use serde_json::Value;

use super::Converter;
use super::body::{Body, strings};
use crate::model::{Located, RestartPolicy, Service, Text, UpdateConfig};
use crate::notation::cpus;

type Amount<T> = Option<Located<T>>;

impl Converter<'_> {
    pub(super) fn resources(&mut self, service: &Service) -> Value {
        let resources = &service.deploy.resources;
        let amount = |amount: &Amount<i64>| amount.as_deref().copied().unwrap_or_default();
        let limits = resources.limits.as_ref().map(|limits| {
            Body::new()
                .set_unless_empty("NanoCPUs", self.cpus(&limits.cpus))
                .set_unless_empty("MemoryBytes", amount(&limits.memory))
                .set_unless_empty("Pids", amount(&limits.pids))
        });
        let reservations = resources.reservations.as_ref().map(|reservations| {
            let generic = reservations.generic_resources.iter().map(|resource| {
                let discrete = resource.discrete.as_ref().map(|(kind, value)| {
                    Body::new().set_unless_empty("Kind", kind.as_str()).set_unless_empty("Value", *value)
                });
                Value::from(Body::new().set_if_some("DiscreteResourceSpec", discrete))
            });
            Body::new()
                .set_unless_empty("NanoCPUs", self.cpus(&reservations.cpus))
                .set_unless_empty("MemoryBytes", amount(&reservations.memory))
                .set_unless_empty("GenericResources", generic.collect::<Value>())
        });
        Body::new().set_if_some("Limits", limits).set_if_some("Reservations", reservations).into()
    }

    fn cpus(&mut self, text: &Text) -> i64 {
        let Some(text) = text.as_ref().filter(|text| !text.is_empty()) else { return 0 };
        cpus::parse(text).unwrap_or_else(|message| {
            self.report.error(
                Diagnostic::error("stack-file/value", message).at(text.place.clone()).help(cpus::HELP),
            );
            0
        })
    }

    /// `restart_policy`, or else `restart`.
    pub(super) fn restart_policy(&mut self, service: &Service) -> Option<Value> {
        if let Some(policy) = &service.deploy.restart_policy {
            return Some(restart_policy(policy));
        }
        let restart = service.restart.as_ref().filter(|restart| !restart.is_empty())?;
        let (name, attempts) = restart.split_once(':').unwrap_or((restart, ""));
        let attempts = if attempts.is_empty() { Some(0) } else { attempts.parse::<i64>().ok() };
        match (name, attempts.and_then(|attempts| u64::try_from(attempts).ok())) {
            ("no", Some(_)) => None,
            ("always" | "unless-stopped", Some(_)) => Some(Body::new().set("Condition", "any").into()),
            ("on-failure", Some(attempts)) => {
                Some(Body::new().set("Condition", "on-failure").set("MaxAttempts", attempts).into())
            }
            _ => {
                self.report.error(
                    Diagnostic::error(
                        "stack-file/value",
                        format!("`{}` is no restart policy", restart.value),
                    )
                    .at(restart.place.clone())
                    .help("write \"no\", always, unless-stopped, on-failure or on-failure:3"),
                );
                None
            }
        }
    }

    pub(super) fn mode(&mut self, service: &Service) -> Value {
        let replicas = service.deploy.replicas.as_ref();
        let count = replicas.map(|replicas| replicas.value);
        let mode = service.deploy.mode.as_ref();
        let (key, body) = match mode.map_or("", |mode| mode.as_str()) {
            "" | "replicated" => ("Replicated", Body::new().set_if_some("Replicas", count)),
            "replicated-job" => (
                "ReplicatedJob",
                Body::new().set_if_some("MaxConcurrent", count).set_if_some("TotalCompletions", count),
            ),
            "global" => ("Global", Body::new()),
            "global-job" => ("GlobalJob", Body::new()),
            other => {
                if let Some(mode) = mode {
                    self.report.error(
                        Diagnostic::error("stack-file/value", format!("`{other}` is no mode of a service"))
                            .at(mode.place.clone())
                            .help("write replicated, global, replicated-job or global-job"),
                    );
                }
                return Value::Null;
            }
        };
        if let Some(replicas) = replicas.filter(|_| key.starts_with("Global")) {
            self.report.error(
                Diagnostic::error("stack-file/conflict", "a global service has no `replicas`")
                    .at(replicas.place.clone())
                    .help("remove `replicas`, or write `mode: replicated`"),
            );
        }
        Body::new().set(key, body).into()
    }
}

/// `Placement`, which is always sent.
pub(super) fn placement(service: &Service) -> Value {
    let placement = &service.deploy.placement;
    let preferences = placement.preferences.iter().map(|spread| {
        let over = Body::new().set("SpreadDescriptor", spread.as_str());
        Value::from(Body::new().set("Spread", over))
    });
    let platforms = service.platform.as_ref().filter(|platform| !platform.is_empty()).map(|platform| {
        let (os, architecture) = platform.split_once('/').unwrap_or((platform, ""));
        let architecture = architecture.split('/').next().unwrap_or_default();
        let body = Body::new().set_unless_empty("Architecture", architecture).set_unless_empty("OS", os);
        Value::from(vec![Value::from(body)])
    });
    Body::new()
        .set_unless_empty("Constraints", strings(&placement.constraints))
        .set_unless_empty("Preferences", preferences.collect::<Value>())
        .set_unless_empty(
            "MaxReplicas",
            placement.max_replicas_per_node.as_deref().copied().unwrap_or_default(),
        )
        .set_if_some("Platforms", platforms)
        .into()
}

fn restart_policy(policy: &RestartPolicy) -> Value {
    Body::new()
        .set_unless_empty("Condition", policy.condition.as_deref().cloned().unwrap_or_default())
        .set_if_some("Delay", policy.delay.as_deref().copied())
        .set_if_some("MaxAttempts", policy.max_attempts.as_deref().copied())
        .set_if_some("Window", policy.window.as_deref().copied())
        .into()
}

/// `UpdateConfig` or `RollbackConfig`. One task at a time is the default as soon as the block is there.
pub(super) fn update_config(config: &UpdateConfig) -> Value {
    let text = |text: &Text| text.as_deref().cloned().unwrap_or_default();
    let number = |number: &Amount<i64>| number.as_deref().copied().unwrap_or_default();
    let ratio = config.max_failure_ratio.as_deref().copied().unwrap_or_default();
    Body::new()
        .set("Parallelism", config.parallelism.as_deref().copied().unwrap_or(1))
        .set_unless_empty("Delay", number(&config.delay))
        .set_unless_empty("FailureAction", text(&config.failure_action))
        .set_unless_empty("Monitor", number(&config.monitor))
        .set("MaxFailureRatio", float(ratio))
        .set("Order", text(&config.order))
        .into()
}

/// The shortest number that reads back as the same 32 bit float, as Go writes it.
fn float(value: f32) -> Value {
    let text = value.to_string();
    text.parse::<i64>().map_or_else(|_| text.parse::<f64>().map_or(Value::Null, Value::from), Value::from)
}

/// `EndpointSpec`: the mode in lower case, the ports sorted by published port.
pub(super) fn endpoint(service: &Service) -> Value {
    let mut ports: Vec<_> = service.ports.iter().collect();
    ports.sort_by_key(|port| port.published);
    let ports: Value = ports
        .into_iter()
        .map(|port| {
            Value::from(
                Body::new()
                    .set_unless_empty("Protocol", port.protocol.as_str())
                    .set_unless_empty("TargetPort", port.target)
                    .set_unless_empty("PublishedPort", port.published)
                    .set_unless_empty("PublishMode", port.mode.as_str()),
            )
        })
        .collect();
    let mode = service.deploy.endpoint_mode.as_deref().map(|mode| mode.to_lowercase()).unwrap_or_default();
    Body::new().set_unless_empty("Mode", mode).set_unless_empty("Ports", ports).into()
}
