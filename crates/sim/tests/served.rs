//! The simulator on a unix socket, used by the project's own client and, where it is installed, by the stock one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use engine::{Api, Client, Endpoint, Error, FileKind, FileObject, Filter, Timeouts};
use serde_json::json;
use sim::Sim;
use support::{image, running, service, spec, update, with};
use tokio::process::Command;

/// A folder of the test's own with the socket in it, removed at the end.
struct Served {
    folder: PathBuf,
}

impl Served {
    /// Ten seconds of the simulation pass in one.
    async fn begin(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-sim-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let served = Self { folder };
        let socket = served.socket();
        tokio::spawn(async move { sim::serve::serve(&Sim::with_speed(1, 1, 10.0), &socket).await });
        while !served.socket().exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        served
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn client(socket: &Path) -> Client {
    let endpoint = Endpoint::Unix(socket.to_owned());
    Client::connect(endpoint, Timeouts::default()).await.unwrap()
}

#[tokio::test]
async fn the_projects_own_client_drives_it() {
    let served = Served::begin("own").await;
    let client = client(&served.socket()).await;
    assert_eq!(client.api_version(), "1.41");
    assert!(client.info().await.unwrap().control_available);
    let networks = json!({ "TaskTemplate": { "ContainerSpec": { "Image": "api:1" }, "Networks": [{ "Target": "back" }] } });
    client.create_network(&json!({ "Name": "back", "Driver": "overlay" })).await.unwrap();
    client.create_service(&with(spec("api", "api:1"), networks), None).await.unwrap();
    let taken = client.create_service(&spec("api", "api:1"), None).await.unwrap_err();
    assert!(matches!(taken, Error::NameConflict { .. }), "{taken:?}");
    let before = service(&client, "api").await;
    update(&client, "api", |spec| image(spec, "api:2")).await;
    let late = client.update_service(&before.id, before.version, &before.spec, None).await.unwrap_err();
    assert!(matches!(late, Error::OutOfSequence { .. }), "{late:?}");
    for _ in 0..200 {
        if running(&client, "api").await == ["api:2"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(running(&client, "api").await, ["api:2"]);
    let config = FileObject::spec("app", [("k", "v")], b"content");
    let id = client.create_file_object(FileKind::Config, &config).await.unwrap();
    assert_eq!(client.file_objects(FileKind::Config, &Filter::label("k", "v")).await.unwrap()[0].id, id);
    assert!(client.remove_file_object(FileKind::Config, &id).await.unwrap());
    assert!(client.remove_service(&before.id).await.unwrap());
    assert!(!client.remove_service(&before.id).await.unwrap());
}

async fn docker(served: &Served, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("docker");
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command.env("DOCKER_HOST", format!("unix://{}", served.socket().display()));
    command.env("DOCKER_CONFIG", &served.folder).env_remove("DOCKER_CONTEXT");
    let output = tokio::time::timeout(Duration::from_mins(1), command.output()).await.unwrap().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {text}{error}");
    Some(text)
}

const STACK: &str = "version: '3.8'
services:
  web: { image: 'web:1', networks: [front], deploy: { replicas: 2 }, configs: [page] }
configs: { page: { file: page.txt } }
networks: { front: {} }
";

#[tokio::test]
async fn the_stock_client_deploys_and_removes_a_stack() {
    let served = Served::begin("stock").await;
    std::fs::write(served.folder.join("page.txt"), "hello").unwrap();
    let file = served.folder.join("stack.yml");
    std::fs::write(&file, STACK).unwrap();
    // Where there is no stock client there is nothing to test.
    let Some(version) = docker(&served, &["version", "--format", "{{.Server.Version}}"]).await else {
        return;
    };
    assert_eq!(version.trim(), "20.10.24");
    let file = file.to_str().unwrap();
    docker(&served, &["stack", "deploy", "--compose-file", file, "shop"]).await;
    let services = docker(&served, &["service", "ls", "--format", "{{.Name}} {{.Image}}"]).await.unwrap();
    assert!(services.trim().starts_with("shop_web web:1"), "{services}");
    docker(&served, &["service", "update", "--detach", "--image", "web:2", "shop_web"]).await;
    let image = docker(
        &served,
        &["service", "inspect", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Image}}", "shop_web"],
    )
    .await;
    assert!(image.unwrap().starts_with("web:2"));
    let tasks = docker(&served, &["stack", "ps", "--format", "{{.Name}}", "shop"]).await.unwrap();
    assert!(tasks.contains("shop_web.1") && tasks.contains("shop_web.2"), "{tasks}");
    docker(&served, &["stack", "rm", "shop"]).await;
    assert_eq!(docker(&served, &["stack", "ls", "--format", "{{.Name}}"]).await.unwrap().trim(), "");
}
