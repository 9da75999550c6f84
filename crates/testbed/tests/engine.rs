//! The testbed's engine, registry and example stack, on the real thing and without Tidegate.

use std::time::{Duration, Instant};

use testbed::command;
use testbed::engine::Engine;
use testbed::registry::Registry;
use testbed::stack::{DEPLOY_LIMIT, Stack};

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
