//! The testbed's engine, registry and example stack, on the real thing and without Tidegate.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use testbed::command::{self, Running};
use testbed::engine::{Engine, root};
use testbed::registry::Registry;
use testbed::stack::{DEPLOY_LIMIT, Stack};

const LIMIT: Duration = Duration::from_mins(2);

#[test]
fn a_registry_that_is_slow_slows_the_stock_client_and_gives_real_digests() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1"]);
    let registry = Registry::start(&engine);
    registry.push("sleeper:1");
    registry.set_delay(Duration::from_millis(700));

    let stack = Stack::new(&engine, "slow");
    let text = format!("version: '3.8'\nservices: {{one: {{image: '{}sleeper:1'}}}}\n", Registry::prefix());
    let file = stack.file("stack.yml", &text);
    let started = Instant::now();
    command::run(&mut stack.stock_deploy("", &[file], &[]), DEPLOY_LIMIT).expect_success();
    assert!(started.elapsed() > Duration::from_millis(700), "the registry was not asked, or was not slow");
    let format = "{{.Spec.TaskTemplate.ContainerSpec.Image}}";
    let inspected = engine.docker(["service", "inspect", "--format", format, &format!("{}_one", stack.name)]);
    assert!(inspected.stdout.contains("@sha256:"), "{}", inspected.text());
}

#[test]
fn the_example_comes_up_with_the_stock_client_and_answers_through_its_proxy() {
    let engine = Engine::start();
    engine.build_images(None);
    let stack = Stack::new(&engine, "example");
    let files = [Stack::example("stack.yml"), Stack::example("stack.stock.yml")];
    let mut deploy = stack.stock_deploy("v1", &files, &["--resolve-image", "never"]);
    command::run(&mut deploy, DEPLOY_LIMIT).expect_success();
    stack.wait_for_release("v1");
    assert_eq!(stack.rows(), ["f52d9370c16e"]);
    let (code, body) = engine.get(&stack.url("/zones"));
    assert_eq!(code, 200, "{body}");
    assert!(body.contains("old-harbour-1"), "{body}");
}

/// Runs `scripts/engine COMMAND FOLDER`.
fn engine_script(command: &str, folder: &Path) -> Running {
    Running::start(Command::new(root().join("scripts/engine")).arg(command).arg(folder))
}

#[test]
fn engines_start_side_by_side_and_one_that_was_killed_starts_again_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folders = ["one", "two"].map(|name| folder.path().join(name));
    for started in folders.each_ref().map(|folder| engine_script("up", folder)) {
        started.finish(LIMIT).expect_success();
    }
    let docker = |folder: &Path, arguments: &[&str]| {
        let socket = format!("unix://{}", folder.join("docker.sock").display());
        command::run(Command::new("docker").args(["-H", &socket]).args(arguments), LIMIT)
            .expect_success()
            .stdout
    };
    let swarms =
        folders.each_ref().map(|folder| docker(folder, &["info", "--format", "{{.Swarm.Cluster.ID}}"]));
    assert_ne!(swarms[0], swarms[1], "two folders, one engine");

    // Killed, it comes back with its Swarm.
    let pid = std::fs::read_to_string(folders[0].join("docker.pid")).unwrap();
    command::run(Command::new("kill").args(["-KILL", pid.trim()]), LIMIT).expect_success();
    engine_script("status", &folders[0]).finish(LIMIT).expect_code(1);
    engine_script("up", &folders[0]).finish(LIMIT).expect_success();
    assert_eq!(docker(&folders[0], &["info", "--format", "{{.Swarm.Cluster.ID}}"]), swarms[0]);

    // And each ends without the other.
    engine_script("down", &folders[0]).finish(LIMIT).expect_success();
    assert!(!folders[0].exists());
    engine_script("status", &folders[1]).finish(LIMIT).expect_success();
    engine_script("down", &folders[1]).finish(LIMIT).expect_success();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&folder.path().display().to_string()), "a mount is left:\n{mounts}");
}
