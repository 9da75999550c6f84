//! Which request is which question to the world.

use engine::{FileKind, LogOptions, LogSource, LogStream};
use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::query::Target;
use crate::Sim;
use crate::refusal::Refusal;
use crate::world::World;

type Result<T> = std::result::Result<T, Refusal>;

/// The answer to a request.
pub(super) fn answer(sim: &Sim, request: &Request) -> Answer {
    let target = Target::parse(&request.target);
    let segments: Vec<&str> = target.segments.iter().map(String::as_str).collect();
    if segments == ["_ping"] {
        return Answer { status: 200, kind: "text/plain; charset=utf-8", body: b"OK".to_vec() };
    }
    let mut world = sim.world();
    if let [kind @ ("services" | "tasks"), id, "logs"] = segments[..] {
        return match log(&world, kind, id, &target) {
            Ok(body) => Answer { status: 200, kind: "application/vnd.docker.multiplexed-stream", body },
            Err(refusal) => refused(&refusal),
        };
    }
    let result = match request.method.as_str() {
        "GET" => get(&mut world, &segments, &target).map(|value| (200, value)),
        "POST" => post(&mut world, &segments, &target, &request.body),
        "DELETE" => delete(&mut world, &segments).map(|status| (status, Value::Null)),
        _ => Err(unknown(&segments)),
    };
    drop(world);
    sim.shared.changed.notify_waiters();
    match result {
        Ok((status, value)) => json_answer(status, &value),
        Err(refusal) => refused(&refusal),
    }
}

fn json_answer(status: u16, value: &Value) -> Answer {
    let body = if value.is_null() { Vec::new() } else { value.to_string().into_bytes() };
    Answer { status, kind: "application/json", body }
}

fn refused(refusal: &Refusal) -> Answer {
    json_answer(refusal.status, &json!({ "message": refusal.message }))
}

fn unknown(segments: &[&str]) -> Refusal {
    Refusal::new(501, format!("the simulator does not know /{}", segments.join("/")))
}

fn get(world: &mut World, segments: &[&str], target: &Target) -> Result<Value> {
    match segments {
        ["version"] => Ok(version()),
        ["info"] => Ok(world.info()),
        ["nodes"] => Ok(world.node_list()),
        ["nodes", id] => world.node(id),
        ["services"] => Ok(with_ids(world.service_list(&target.filter()), target)),
        ["services", id] => world.service(id),
        ["tasks"] => Ok(with_ids(world.task_list(&target.task_filter())?, target)),
        ["tasks", id] => {
            let tasks = world.task_list(&engine::TaskFilter::default())?;
            let found = tasks.as_array().and_then(|tasks| tasks.iter().find(|task| task["ID"] == **id));
            found.cloned().ok_or_else(|| Refusal::not_found("task", id))
        }
        ["networks"] => Ok(world.network_list(&target.filter())),
        ["networks", id] => world.network(id),
        ["containers", "json"] => Ok(world.container_list(&target.labels(), target.is_set("all"))),
        ["events"] => Ok(Value::Null),
        ["distribution", image @ .., "json"] => distribution(world, &image.join("/")),
        [kind] => Ok(with_ids(world.file_list(file_kind(kind, segments)?, &target.filter()), target)),
        [kind, id] => world.file(file_kind(kind, segments)?, id),
        _ => Err(unknown(segments)),
    }
}

fn post(world: &mut World, segments: &[&str], target: &Target, body: &[u8]) -> Result<(u16, Value)> {
    let body: Value =
        serde_json::from_slice(body).map_err(|error| Refusal::new(400, format!("invalid JSON: {error}")))?;
    let version = || target.number("version").ok_or_else(|| Refusal::new(400, "invalid version"));
    match segments {
        ["services", "create"] => Ok((201, json!({ "ID": world.create_service(&body)? }))),
        ["services", _, "update"] if target.has("rollback") => {
            Err(Refusal::new(501, "the simulator does not roll back on request"))
        }
        ["services", id, "update"] => {
            world.update_service(id, version()?, &body)?;
            Ok((200, json!({ "Warnings": null })))
        }
        ["networks", "create"] => Ok((201, json!({ "Id": world.create_network(&body)?, "Warning": "" }))),
        [kind, "create"] => Ok((201, json!({ "ID": world.create_file(file_kind(kind, segments)?, &body)? }))),
        [kind, id, "update"] => {
            world.update_file(file_kind(kind, segments)?, id, version()?, &body)?;
            Ok((200, Value::Null))
        }
        _ => Err(unknown(segments)),
    }
}

fn delete(world: &mut World, segments: &[&str]) -> Result<u16> {
    match segments {
        ["services", id] => world.remove_service(id).map(|()| 200),
        ["networks", id] => world.remove_network(id).map(|()| 204),
        [kind, id] => world.remove_file(file_kind(kind, segments)?, id).map(|()| 204),
        _ => Err(unknown(segments)),
    }
}

fn file_kind(word: &str, segments: &[&str]) -> Result<FileKind> {
    match word {
        "configs" => Ok(FileKind::Config),
        "secrets" => Ok(FileKind::Secret),
        _ => Err(unknown(segments)),
    }
}

fn with_ids(mut list: Value, target: &Target) -> Value {
    if let Some(items) = list.as_array_mut() {
        items.retain(|item| target.admits_id(item["ID"].as_str().unwrap_or_default()));
    }
    list
}

fn distribution(world: &World, image: &str) -> Result<Value> {
    if !world.registry_has(image) {
        return Err(Refusal::new(404, format!("manifest for {image} not found")));
    }
    let digest = World::digest_of(image);
    Ok(json!({
        "Descriptor": { "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "digest": digest, "size": 1 },
        "Platforms": [{ "architecture": "amd64", "os": "linux" }],
    }))
}

fn version() -> Value {
    json!({
        "Platform": { "Name": "Tidegate's simulator" },
        "Version": "20.10.24",
        "ApiVersion": "1.41",
        "MinAPIVersion": "1.12",
        "GitCommit": "simulated",
        "GoVersion": "none",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": "simulated",
        "Components": [],
    })
}

/// The lines so far, in the engine's frames: `TIME DETAILS TEXT`, as far as the client asks for the first two.
fn log(world: &World, kind: &str, id: &str, target: &Target) -> Result<Vec<u8>> {
    let source = if kind == "services" { LogSource::Service(id) } else { LogSource::Task(id) };
    let tail = target.number("tail").and_then(|tail| u32::try_from(tail).ok());
    let options = LogOptions { tail, ..LogOptions::default() };
    let mut body = Vec::new();
    for (_, line) in world.log(source, &options)? {
        let mut text = String::new();
        if target.is_set("timestamps") {
            text = format!("{} ", line.time);
        }
        if target.is_set("details") {
            text = format!("{text}com.docker.swarm.task.id={} ", line.task_id);
        }
        let text = format!("{text}{}\n", line.text);
        let stream = if line.stream == LogStream::Stderr { 2 } else { 1 };
        body.extend([stream, 0, 0, 0]);
        body.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend(text.bytes());
    }
    Ok(body)
}
