//! What is wanted, ready to be compared and sent: the stack's bodies with images resolved, each with its digest, the
//! settings, and the order. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diagnostics::Diagnostic;
use engine::{Platform, Secret, at};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stackfile::{Condition, Desired, ObjectBody, ServiceBody};

use crate::order::{Need, Node, Order, OrderError, order};
use crate::settings::{KEYS_OF_MANNER, Settings, TIMEOUT_LABEL, parse_duration};
use crate::spec::{self, GATE_LABEL, SPEC_LABEL, hex};

/// How long a service may take to converge where nothing else is said.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);
/// How long a gate may take where nothing else is said.
pub(crate) const DEFAULT_GATE_TIMEOUT: Duration = Duration::from_mins(10);

/// What a release should be.
#[derive(Clone, Debug)]
pub struct Target {
    /// The stack's name.
    pub stack: String,
    /// What `x-tidegate` says.
    pub settings: Settings,
    /// The order of its services, by their names in the stack file.
    pub order: Order,
    /// Its services, by full name.
    pub services: BTreeMap<String, Wanted>,
    /// Its networks: full name and body.
    pub networks: Vec<(String, Value)>,
    /// Its secrets.
    pub secrets: Vec<ObjectBody>,
    /// Its configs.
    pub configs: Vec<ObjectBody>,
    /// Networks that must exist: full names.
    pub external_networks: Vec<String>,
    /// Secrets that must exist: full names.
    pub external_secrets: Vec<String>,
    /// Configs that must exist: full names.
    pub external_configs: Vec<String>,
    /// The digest of all of it: the same digest is the same release.
    pub digest: String,
    /// Bodies as the stack files have them, of services in which somebody else's fields are kept, by full name.
    pub kept: BTreeMap<String, Value>,
    /// The earlier release that this goes back to.
    pub returns_to: Option<u64>,
}

/// One wanted service.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name in the stack file.
    pub key: String,
    /// Its full name.
    pub name: String,
    /// Its body, image resolved, without Tidegate's labels.
    pub body: Value,
    /// The body's digest.
    pub digest: String,
    /// Whether it is a gate.
    pub gate: bool,
    /// How long it may take to converge, or to run for a gate.
    pub timeout: Duration,
    /// The image, as the stack file writes it.
    pub image: String,
    /// The registry's credentials for its image, to be sent with its spec.
    pub auth: Option<Secret>,
}

impl Wanted {
    /// The body with its digest as a label, as it is written.
    pub fn labelled(&self) -> Value {
        let mut body = self.body.clone();
        spec::set_label(&mut body, SPEC_LABEL, &self.digest);
        body
    }
}

/// An image as the registry knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedImage {
    /// `name:tag@digest`, or as written where it could not be resolved.
    pub image: String,
    /// The platforms it can run on; empty if unknown.
    pub platforms: Vec<Platform>,
}

/// What of a target does not depend on the images: the settings, the order, and of each service whether it is a gate and how
/// long it may take.
type Frame = (Settings, Order, Vec<(bool, Duration)>);

impl Target {
    /// Puts together what is wanted. `images` maps images as written to what they resolved to; an image without an
    /// entry is used as written.
    pub fn new(desired: Desired, images: &BTreeMap<String, ResolvedImage>) -> Result<Self, Vec<Diagnostic>> {
        let (settings, order, timeouts) = Self::frame(&desired)?;
        let mut services = BTreeMap::new();
        for (service, (gate, timeout)) in desired.services.iter().zip(timeouts) {
            let body = with_image(service, images);
            let digest = spec::digest(&body);
            let (key, name) = (service.key.clone(), service.name.clone());
            let image = service.image.clone();
            let wanted = Wanted { key, name, body, digest, gate, timeout, image, auth: None };
            services.insert(wanted.name.clone(), wanted);
        }
        let digest = digest_of_all(&desired, &services);
        Ok(Self {
            stack: desired.namespace,
            settings,
            order,
            services,
            networks: desired.networks.into_iter().map(|network| (network.name, network.body)).collect(),
            secrets: desired.secrets,
            configs: desired.configs,
            external_networks: desired.external_networks.into_iter().map(|network| network.name).collect(),
            external_secrets: desired.external_secrets.into_iter().map(|object| object.name).collect(),
            external_configs: desired.external_configs.into_iter().map(|object| object.name).collect(),
            digest,
            kept: BTreeMap::new(),
            returns_to: None,
        })
    }

    /// What is wrong with a stack as far as its files alone can tell.
    pub fn check(desired: &Desired) -> Result<(), Vec<Diagnostic>> {
        Self::frame(desired).map(drop)
    }

    /// What does not depend on the images: the settings, the order, and how long each service may take.
    fn frame(desired: &Desired) -> Result<Frame, Vec<Diagnostic>> {
        let settings = Settings::read(desired)?;
        let nodes: Vec<Node> = desired.services.iter().map(node).collect();
        let order = order(&nodes, settings.gate.service.as_deref())
            .map_err(|error| vec![order_problem(&error, desired)])?;
        let gates: BTreeSet<&String> =
            order.waves.iter().filter(|wave| wave.gate).flat_map(|wave| &wave.services).collect();
        let (mut timeouts, mut problems) = (Vec::new(), Vec::new());
        for service in &desired.services {
            let gate = gates.contains(&service.key);
            match timeout(service, gate, &settings) {
                Ok(timeout) => timeouts.push((gate, timeout)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok((settings, order, timeouts)) } else { Err(problems) }
    }

    /// The same, with credentials for images, by the image as the stack file writes it.
    #[must_use]
    pub fn with_auth(mut self, auth: &BTreeMap<String, Secret>) -> Self {
        for wanted in self.services.values_mut() {
            wanted.auth = auth.get(&wanted.image).cloned();
        }
        self
    }

    /// A service by its name in the stack file.
    pub fn by_key(&self, key: &str) -> Option<&Wanted> {
        self.services.values().find(|wanted| wanted.key == key)
    }
}

fn node(service: &ServiceBody) -> Node {
    let words = |name: &str| {
        let list =
            at(&service.body, &format!("/TaskTemplate/ContainerSpec/{name}")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let condition = at(&service.body, "/TaskTemplate/RestartPolicy/Condition").and_then(Value::as_str);
    Node {
        name: service.key.clone(),
        image: service.image.clone(),
        labelled_gate: spec::label(&service.body, GATE_LABEL) == Some("true"),
        command: [words("Command"), words("Args")].concat(),
        one_shot: matches!(condition, Some("none" | "on-failure")),
        depends_on: service
            .depends_on
            .iter()
            .map(|dependency| Need {
                service: dependency.service.clone(),
                completed: dependency.condition == Condition::ServiceCompletedSuccessfully,
            })
            .collect(),
    }
}

fn order_problem(error: &OrderError, desired: &Desired) -> Diagnostic {
    let (place, help) = match error {
        OrderError::Cycle { path } => (
            desired
                .services
                .iter()
                .find(|service| Some(&service.key) == path.first())
                .map(|s| s.place.clone()),
            "take one depends_on entry of the circle away",
        ),
        OrderError::UnknownGate { .. } => (desired.extension_place.clone(), "name one of the services"),
    };
    let diagnostic = Diagnostic::error("stack-file/order", error.to_string()).help(help);
    match place {
        Some(place) => diagnostic.at(place),
        None => diagnostic,
    }
}

fn timeout(service: &ServiceBody, gate: bool, settings: &Settings) -> Result<Duration, Diagnostic> {
    if let Some(text) = spec::label(&service.body, TIMEOUT_LABEL) {
        return parse_duration(text).ok_or_else(|| {
            Diagnostic::error(
                "stack-file/timeout",
                format!(
                    "the label {TIMEOUT_LABEL} of service `{}` is `{text}`, which is not a duration",
                    service.key
                ),
            )
            .at(service.place.clone())
            .help("write, for example, 90s, 5m or 1h30m")
        });
    }
    Ok(if gate { settings.gate.timeout.unwrap_or(DEFAULT_GATE_TIMEOUT) } else { DEFAULT_TIMEOUT })
}

fn with_image(service: &ServiceBody, images: &BTreeMap<String, ResolvedImage>) -> Value {
    let mut body = service.body.clone();
    if let Some(resolved) = images.get(&service.image) {
        if let Some(image) = body.pointer_mut("/TaskTemplate/ContainerSpec/Image") {
            *image = json!(resolved.image);
        }
        if !resolved.platforms.is_empty()
            && let Some(task) = spec::object_at(&mut body, "TaskTemplate")
        {
            let platforms: Vec<Value> = resolved
                .platforms
                .iter()
                .map(|platform| json!({ "Architecture": platform.architecture, "OS": platform.os }))
                .collect();
            let placement = task.entry("Placement").or_insert(Value::Null);
            if placement.is_null() {
                *placement = json!({});
            }
            placement["Platforms"] = json!(platforms);
        }
    }
    body
}

fn digest_of_all(desired: &Desired, services: &BTreeMap<String, Wanted>) -> String {
    let mut hash = Sha256::new();
    let mut add = |kind: &str, name: &str, body: &Value| {
        for part in [kind, name, &spec::canonical_text(body)] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
    };
    for network in &desired.networks {
        add("network", &network.name, &network.body);
    }
    for object in &desired.secrets {
        // Not its data: a plain hash of a short secret can be guessed. Changed data is found by its fingerprint.
        add("secret", &object.name, object.body.get("Labels").unwrap_or(&Value::Null));
    }
    for object in &desired.configs {
        add("config", &object.name, &object.body);
    }
    for wanted in services.values() {
        add("service", &wanted.name, &json!(wanted.digest));
    }
    let mut settings = desired.extension.clone().unwrap_or_default();
    if let Some(settings) = settings.as_object_mut() {
        settings.retain(|key, _| !KEYS_OF_MANNER.contains(&key.as_str()));
    }
    let settings = Some(settings).filter(|settings| *settings != json!({})).unwrap_or_default();
    add("settings", "x-tidegate", &settings);
    hex(&hash.finalize())
}
