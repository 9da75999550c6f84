//! The client against a real engine: what the fixed answers of `client.rs` promise, and the way through ssh.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use engine::{
    Api, Client, Endpoint, Environment, Error, EventFilter, FileKind, FileObject, Filter, LocalNodeState,
    LogOptions, LogSource, LogStream, ServiceMode, Task, TaskFilter, TaskState, Timeouts,
};
use serde_json::{Value, json};
use testbed::engine::Engine;
use tokio::time::{sleep, timeout};

const IMAGE: &str = "engine-client:1";
const SERVICE: &str = "engine-client";
const SCRIPT: &str = "echo out; echo err >&2; i=0; while [ $i -lt 5000 ]; do i=$((i+1)); line=$line.........; done; \
                      echo \"$line\"; echo last; exec sleep 1000";

async fn client(engine: &Engine) -> Client {
    let endpoint = Endpoint::resolve(Some(&engine.host()), None, &Environment::default()).unwrap();
    Client::connect(endpoint, Timeouts::default()).await.unwrap()
}

fn spec() -> Value {
    let healthcheck = json!({ "Test": ["CMD", "/bin/echo"], "Interval": 500_000_000_u64 });
    json!({
        "Name": SERVICE,
        "Labels": { "engine-client": "test" },
        "TaskTemplate": {
            "ContainerSpec": { "Image": IMAGE, "Healthcheck": healthcheck, "StopGracePeriod": 1_000_000_000 },
        },
        "UpdateConfig": { "Parallelism": 1, "Monitor": 1_000_000_000 },
    })
}

async fn until_running(client: &Client, id: &str) -> Task {
    for _ in 0..300 {
        let tasks = client.tasks(&TaskFilter::service(id)).await.unwrap();
        if let Some(task) = tasks.into_iter().find(|task| task.status.state == TaskState::Running) {
            return task;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the task did not come up within 30 s")
}

#[tokio::test]
async fn a_service_from_its_creation_to_its_removal() {
    let engine = Engine::start();
    engine.import_scripts([(IMAGE, SCRIPT)]);
    let client = client(&engine).await;
    client.remove_service(SERVICE).await.unwrap();

    let info = client.info().await.unwrap();
    assert!(info.control_available && info.local_node_state == LocalNodeState::Active, "{info:?}");
    let node = client.nodes().await.unwrap().pop().unwrap();
    assert_eq!((node.id.as_str(), node.os(), node.takes_tasks()), (info.node_id.as_str(), "linux", true));

    let id = client.create_service(&spec(), None).await.unwrap().id;
    let taken = client.create_service(&spec(), None).await.unwrap_err();
    assert!(matches!(taken, Error::NameConflict { .. }), "{taken:?}");
    let listed = client.services(&Filter::label("engine-client", "test")).await.unwrap();
    assert_eq!(listed.iter().map(|service| service.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    assert_eq!(client.service("engine-clien").await.unwrap(), None);
    let task = until_running(&client, &id).await;

    let mut events =
        client.events(&EventFilter { kinds: vec!["service".into()], labels: vec![] }).await.unwrap();
    let service = client.service(SERVICE).await.unwrap().unwrap();
    assert_eq!(service.mode(), ServiceMode::Replicated { replicas: 1 });
    let mut changed = serde_json::Value::clone(&service.spec);
    changed["Labels"]["changed"] = json!("yes");
    client.update_service(&id, service.version, &changed, None).await.unwrap();
    let stale = client.update_service(&id, service.version, &changed, None).await.unwrap_err();
    assert!(matches!(stale, Error::OutOfSequence { .. }), "{stale:?}");
    let event = timeout(Duration::from_secs(10), events.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(
        (event.kind.as_str(), event.action.as_str(), event.id.as_str()),
        ("service", "update", id.as_str())
    );

    let after = client.service(&id).await.unwrap().unwrap();
    assert_eq!(after.previous_spec.as_ref(), Some(&service.spec));
    assert_eq!(after.spec["TaskTemplate"], service.spec["TaskTemplate"], "the healthcheck is still there");
    assert!(after.spec.pointer("/TaskTemplate/ContainerSpec/Healthcheck/Test").is_some());

    logs_are_whole(&client, &id, &task).await;
    let labels = [("com.docker.swarm.service.id".to_owned(), id.clone())];
    let containers = client.containers(&labels, false).await.unwrap();
    assert_eq!(
        containers.iter().map(|container| &container.id).collect::<Vec<_>>(),
        [task.status.container_id.as_ref().unwrap()]
    );
    let health = client.health(&containers[0].id).await.unwrap().unwrap();
    assert_eq!(health.status, "healthy", "{health:?}");
    assert_eq!(client.health("no-such-container").await.unwrap(), None);

    assert!(client.remove_service(&id).await.unwrap());
    assert!(!client.remove_service(&id).await.unwrap());
    assert!(client.tasks(&TaskFilter::service(&id)).await.unwrap().is_empty());
}

async fn logs_are_whole(client: &Client, id: &str, task: &Task) {
    let mut followed = client.follow_logs(LogSource::Service(id), &LogOptions::default()).await.unwrap();
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(timeout(Duration::from_secs(10), followed.next()).await.unwrap().unwrap().unwrap());
    }
    assert!(lines.iter().all(|line| line.task_id == task.id && line.time.starts_with("20")), "{lines:?}");
    let of = |stream| lines.iter().filter(move |line| line.stream == stream).map(|line| line.text.as_str());
    assert_eq!(of(LogStream::Stderr).collect::<Vec<_>>(), ["err"]);
    let out: Vec<_> = of(LogStream::Stdout).collect();
    assert_eq!(
        (out[0], out[1].len(), out[2]),
        ("out", 45_000, "last"),
        "a line longer than a frame is one line"
    );
    let tail =
        client.logs(LogSource::Task(&task.id), &LogOptions { tail: Some(1), since: None }).await.unwrap();
    assert!(tail.iter().any(|line| line.text == "last"), "{tail:?}");
    let gone = client.logs(LogSource::Service("no-such-service"), &LogOptions::default()).await.unwrap();
    assert!(gone.is_empty());
}

#[tokio::test]
async fn a_config_is_taken_over_by_compare_and_swap() {
    let engine = Engine::start();
    let client = client(&engine).await;
    let name = "engine-client-lease";
    if let Some(old) = client.file_object(FileKind::Config, name).await.unwrap() {
        client.remove_file_object(FileKind::Config, &old.id).await.unwrap();
    }
    let made = FileObject::spec(name, [("holder", "a")], b"data \xff");
    let id = client.create_file_object(FileKind::Config, &made).await.unwrap();
    let taken = client.create_file_object(FileKind::Config, &made).await.unwrap_err();
    assert!(matches!(taken, Error::NameConflict { .. }), "{taken:?}");
    let config = client.file_object(FileKind::Config, name).await.unwrap().unwrap();
    assert_eq!(config.data().unwrap(), b"data \xff");
    client
        .update_file_object(FileKind::Config, &id, config.version, &config.relabelled([("holder", "b")]))
        .await
        .unwrap();
    let late = client
        .update_file_object(FileKind::Config, &id, config.version, &config.relabelled([("holder", "c")]))
        .await;
    assert!(matches!(late, Err(Error::OutOfSequence { .. })), "{late:?}");
    assert_eq!(client.file_object(FileKind::Config, &id).await.unwrap().unwrap().label("holder"), Some("b"));
    assert!(client.remove_file_object(FileKind::Config, &id).await.unwrap());
    assert!(!client.remove_file_object(FileKind::Config, &id).await.unwrap());
}

#[tokio::test]
async fn a_network_in_use_is_refused_and_a_registry_that_is_away_is_an_error() {
    let engine = Engine::start();
    engine.import_scripts([(IMAGE, SCRIPT)]);
    let client = client(&engine).await;
    let name = "engine-client-net";
    let network = client.create_network(&json!({ "Name": name, "Driver": "overlay" })).await.unwrap();
    let mut joined = spec();
    joined["Name"] = json!("engine-client-joined");
    joined["TaskTemplate"]["Networks"] = json!([{ "Target": name }]);
    let id = client.create_service(&joined, None).await.unwrap().id;
    let used = client.remove_network(&network).await.unwrap_err();
    assert!(matches!(used, Error::InUse { .. }), "{used:?}");
    assert_eq!(client.network(name).await.unwrap().unwrap().id(), network);
    client.remove_service(&id).await.unwrap();
    assert!(client.remove_network(&network).await.unwrap());

    let away = client.distribution("127.0.0.1:9/engine-client:1", None).await.unwrap_err();
    assert!(matches!(away, Error::Refused { .. }), "{away:?}");
}

/// `ssh` is found on PATH, which only a new process can change: this test runs [`through_ssh`] in one, with a stand-in that
/// runs the far side's command here.
#[test]
fn an_engine_is_reached_through_ssh() {
    let engine = Engine::start();
    let folder = tempfile::tempdir().unwrap();
    let ssh = folder.path().join("ssh");
    let stand_in = "#!/bin/sh\nfor word; do shift; [ \"$word\" = -- ] && break; done\n\
                    [ \"$1\" = closed ] && { echo 'closed: Permission denied (publickey).' >&2; exit 255; }\n\
                    shift; exec \"$@\"\n";
    fs::write(&ssh, stand_in).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "through_ssh", "--ignored", "--nocapture"])
        .env("PATH", path)
        .env("DOCKER_HOST", engine.host())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run by an_engine_is_reached_through_ssh"]
async fn through_ssh() {
    let endpoint = |host: &str| Endpoint::resolve(Some(host), None, &Environment::default()).unwrap();
    let client = Client::connect(endpoint("ssh://ada@box:2222"), Timeouts::default()).await.unwrap();
    for _ in 0..3 {
        assert!(client.info().await.unwrap().control_available);
    }
    let Err(error) = Client::connect(endpoint("ssh://closed"), Timeouts::default()).await else {
        panic!("connected")
    };
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("Permission denied (publickey)"), "{error}");
}
