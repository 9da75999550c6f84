//! What the tests share: small specs, and short ways to look.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::time::Duration;

use engine::{Api, Service, Task, TaskFilter, TaskState, UpdateState};
use serde_json::{Value, json};

/// One second in the engine's unit.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// A service of one replica.
pub(crate) fn spec(name: &str, image: &str) -> Value {
    json!({ "Name": name, "TaskTemplate": { "ContainerSpec": { "Image": image, "StopGracePeriod": SECOND } } })
}

/// The same with these fields too.
pub(crate) fn with(mut spec: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    for (key, value) in fields {
        spec[key.as_str()] = value;
    }
    spec
}

/// The spec with another image.
pub(crate) fn image(mut spec: Value, image: &str) -> Value {
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!(image);
    spec
}

pub(crate) async fn service(api: &impl Api, name: &str) -> Service {
    api.service(name).await.unwrap().unwrap_or_else(|| panic!("no service {name}"))
}

/// Updates a service from what it is to what `edit` makes of it.
pub(crate) async fn update(api: &impl Api, name: &str, edit: impl FnOnce(Value) -> Value) {
    let service = service(api, name).await;
    api.update_service(&service.id, service.version, &edit(Value::clone(&service.spec)), None).await.unwrap();
}

pub(crate) async fn tasks(api: &impl Api, name: &str) -> Vec<Task> {
    let id = service(api, name).await.id;
    api.tasks(&TaskFilter::service(id)).await.unwrap()
}

/// The images of the tasks that run, sorted.
pub(crate) async fn running(api: &impl Api, name: &str) -> Vec<String> {
    let tasks = tasks(api, name).await.into_iter().filter(|task| task.status.state == TaskState::Running);
    let mut images: Vec<String> = tasks.map(|task| task.image().to_owned()).collect();
    images.sort();
    images
}

/// Polls until a service's updater says one of these, at most two minutes; returns what it said on the way.
pub(crate) async fn until_update(api: &impl Api, name: &str, states: &[UpdateState]) -> Vec<UpdateState> {
    let mut seen = Vec::new();
    for _ in 0..1200 {
        if let Some(state) = service(api, name).await.update_state() {
            if seen.last() != Some(&state) {
                seen.push(state);
            }
            if states.contains(&state) {
                return seen;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{name}'s update never became {states:?}: {seen:?}")
}

pub(crate) async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
