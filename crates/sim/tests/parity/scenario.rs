//! Scenarios as data, and what is seen when one is run against an engine, simulated or real: ids and times normalised.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{Api, Error, FileKind, FileObject, Service, Task, TaskFilter, TaskState};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

/// How long nothing may change before a service counts as settled; longer than any pause inside a scenario.
const SETTLED: Duration = Duration::from_secs(6);
/// How long to wait for that at most.
const LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(250);

/// The whole file.
#[derive(Deserialize)]
pub(crate) struct Scenarios {
    pub(crate) images: BTreeMap<String, Image>,
    pub(crate) scenarios: Vec<Scenario>,
}

/// What an image does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Image {
    pub(crate) runs: bool,
    pub(crate) stops_in: Option<u64>,
    pub(crate) exits: Option<Exit>,
    pub(crate) missing: bool,
    pub(crate) unhealthy: Option<u64>,
}

/// How a container ends by itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Exit {
    pub(crate) after: u64,
    pub(crate) code: i64,
}

/// Steps under a name.
#[derive(Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    steps: Vec<Map<String, Value>>,
}

/// One run of a scenario.
pub(crate) struct Run<'a, A> {
    api: &'a A,
    /// Goes before every name, so that scenarios can run side by side on one engine.
    prefix: String,
    versions: BTreeMap<String, u64>,
    seen: Vec<Value>,
}

impl<'a, A: Api> Run<'a, A> {
    pub(crate) fn new(api: &'a A, number: usize) -> Self {
        Self { api, prefix: format!("p{number}-"), versions: BTreeMap::new(), seen: Vec::new() }
    }

    /// Runs the steps, then removes what they made. Returns what was seen.
    pub(crate) async fn play(mut self, scenario: &Scenario) -> Vec<Value> {
        for step in &scenario.steps {
            let (action, subject) = step.iter().next().unwrap();
            let seen = self.step(action, subject, step).await;
            self.seen.push(json!([action, subject, seen]));
        }
        self.clean_up().await;
        self.seen
    }

    async fn step(&mut self, action: &str, subject: &Value, step: &Map<String, Value>) -> Value {
        let name = format!("{}{}", self.prefix, subject.as_str().unwrap_or_default());
        match action {
            "create" => shown(self.api.create_service(&self.spec(&name, step), None).await.map(drop)),
            "update" => shown(self.update(&name, step).await),
            "remove" => shown(self.api.remove_service(&name).await),
            "observe" => self.observe(&name).await,
            "create_network" => {
                let body = json!({ "Name": name, "Driver": "overlay", "CheckDuplicate": true });
                shown(self.api.create_network(&body).await.map(drop))
            }
            "remove_network" => shown(self.api.remove_network(&name).await),
            "sees_network" => shown(self.api.network(&name).await.map(|network| network.is_some())),
            "create_config" => {
                let labels = labels(step);
                let spec = FileObject::spec(&name, labels, b"x");
                shown(self.api.create_file_object(FileKind::Config, &spec).await.map(drop))
            }
            "relabel" => shown(self.relabel(&name, step).await),
            "observe_config" => self.api.file_object(FileKind::Config, &name).await.map_or_else(
                |error| json!(kind(&error)),
                |config| json!(config.map(|config| json!([config.labels(), config.data()]))),
            ),
            "remove_config" => shown(self.api.remove_file_object(FileKind::Config, &name).await),
            "wait" => {
                sleep(Duration::from_secs(subject.as_u64().unwrap())).await;
                Value::Null
            }
            other => panic!("no such step: {other}"),
        }
    }

    /// The step's spec over a small one; `$x` in it is the scenario's own x.
    fn spec(&self, name: &str, step: &Map<String, Value>) -> Value {
        let container = json!({ "Image": "runs:1", "StopGracePeriod": 1_000_000_000 });
        let mut spec = json!({ "Name": name, "TaskTemplate": { "ContainerSpec": container } });
        self.apply(&mut spec, step);
        spec
    }

    fn apply(&self, spec: &mut Value, step: &Map<String, Value>) {
        if let Some(fields) = step.get("spec") {
            let fields = fields.to_string().replace('$', &self.prefix);
            merge(spec, &serde_json::from_str(&fields).unwrap());
        }
        if let Some(image) = step.get("image") {
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = image.clone();
        }
    }

    async fn update(&self, name: &str, step: &Map<String, Value>) -> Result<(), Error> {
        let Some(service) = self.api.service(name).await? else {
            return self.api.update_service(name, 1, &self.spec(name, step), None).await.map(drop);
        };
        let mut spec = Value::clone(&service.spec);
        self.apply(&mut spec, step);
        if step.get("spec").is_some_and(|fields| fields.get("Mode").is_some()) {
            spec["Mode"] = step["spec"]["Mode"].clone();
        }
        let version = step.get("version").and_then(Value::as_u64).unwrap_or(service.version);
        self.api.update_service(&service.id, version, &spec, None).await.map(drop)
    }

    async fn relabel(&self, name: &str, step: &Map<String, Value>) -> Result<(), Error> {
        let config = self.api.file_object(FileKind::Config, name).await?.unwrap();
        let version = step.get("version").and_then(Value::as_u64).unwrap_or(config.version);
        let spec = config.relabelled(labels(step));
        self.api.update_file_object(FileKind::Config, &config.id, version, &spec).await
    }

    /// What a service looks like once nothing about it has changed for a while.
    async fn observe(&mut self, name: &str) -> Value {
        let begin = Instant::now();
        let (mut last, mut since) = (None, Instant::now());
        loop {
            let Ok(Some(service)) = self.api.service(name).await else { return json!("not there") };
            let tasks = self.api.tasks(&TaskFilter::service(&service.id)).await.unwrap();
            let now = Some((service.version, picture(&service, &tasks)));
            if now != last {
                (last, since) = (now, Instant::now());
            }
            let updating = service.update_state() == Some(engine::UpdateState::Updating);
            let busy = updating || tasks.iter().any(is_coming_up);
            if (since.elapsed() >= SETTLED && !busy) || begin.elapsed() >= LIMIT {
                break;
            }
            sleep(POLL).await;
        }
        let Some((version, mut picture)) = last else { return Value::Null };
        let moved = self.versions.insert(name.to_owned(), version).map(|before| before != version);
        picture["version moved"] = json!(moved);
        picture
    }

    async fn clean_up(&self) {
        let mine = |name: &str| name.starts_with(&self.prefix);
        for service in self.api.services(&engine::Filter::all()).await.unwrap() {
            if mine(service.name()) {
                self.api.remove_service(&service.id).await.unwrap();
            }
        }
        for network in self.api.networks(&engine::Filter::all()).await.unwrap() {
            if mine(network.name()) {
                // Perhaps only its node still shows it.
                drop(self.api.remove_network(network.id()).await);
            }
        }
    }
}

/// Whether a task is on its way to running on its node: how long that takes is the machine's matter.
fn is_coming_up(task: &Task) -> bool {
    use TaskState::{Accepted, Assigned, Preparing, Ready, Starting};
    let on_its_way = matches!(task.status.state, Assigned | Accepted | Preparing | Ready | Starting);
    on_its_way && task.desired_state == TaskState::Running
}

/// A service and its tasks without what no two runs have in common.
fn picture(service: &Service, tasks: &[Task]) -> Value {
    let previous = match &service.previous_spec {
        None => "none",
        Some(previous) if *previous == service.spec => "the same",
        Some(_) => "another",
    };
    let mut tasks: Vec<String> =
        tasks.iter().filter(|task| task.desired_state != TaskState::Remove).map(sketch).collect();
    tasks.sort();
    let update = service
        .update_status
        .as_ref()
        .map(|status| json!([format!("{:?}", status.state), without_ids(&status.message)]));
    let spec: Value = serde_json::from_str(&without_ids(&sorted(&service.spec).to_string())).unwrap();
    json!({ "spec": spec, "previous spec": previous, "update": update, "tasks": tasks })
}

fn sketch(task: &Task) -> String {
    let status = &task.status;
    let placed = if task.node_id.is_some() { "" } else { ", no node" };
    // How a stopped container exits is its own matter.
    let code = status.exit_code.filter(|_| matches!(status.state, TaskState::Failed | TaskState::Complete));
    let code = code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let err = if status.err.is_empty() { String::new() } else { format!(", {}", without_ids(&status.err)) };
    format!("{} {}, wanted {}{placed}{code}{err}", task.image(), status.state, task.desired_state)
}

fn shown<T: serde::Serialize>(result: Result<T, Error>) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": kind(&error), "words": without_ids(&error.to_string()) }),
    }
}

fn kind(error: &Error) -> String {
    format!("{error:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}

/// The text with `<id>` in place of Swarm's ids.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| {
        word.len() == 25 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let mut out = String::new();
    for piece in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let rest = &piece[word.len()..];
        out.push_str(if is_id(word) { "<id>" } else { word });
        out.push_str(rest);
    }
    out
}

/// The same value with the keys of its objects in order: a diff then shows only what differs.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let sorted_fields: BTreeMap<&String, Value> =
                object.iter().map(|(key, value)| (key, sorted(value))).collect();
            json!(sorted_fields)
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn labels(step: &Map<String, Value>) -> Vec<(String, String)> {
    let labels = step.get("labels").and_then(Value::as_object);
    labels
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}
