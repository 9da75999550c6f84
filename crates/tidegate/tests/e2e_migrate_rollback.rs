//! Founding failure 4: `failure_action: rollback` on the one-shot migrate service. Swarm takes its exit for a failure and
//! runs the old image's migration again, after the new one.

use testbed::command::{self, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

/// The founding file's "prevention measure"; its monitor period was 60 s.
const PREVENTION: &str = "
version: '3.8'
services:
  migrate:
    deploy:
      update_config: {parallelism: 1, order: stop-first, failure_action: rollback, monitor: 20s}
      rollback_config: {parallelism: 1, order: stop-first, monitor: 5s}
";

/// The releases whose migrations have run, in the order of their start.
fn gates_run(stack: &Stack) -> Vec<String> {
    let label = format!("label=com.docker.stack.namespace={}", stack.name);
    let format = "{{.Actor.Attributes.image}} {{index .Actor.Attributes \"com.docker.swarm.service.name\"}}";
    let filters = ["--filter", "type=container", "--filter", "event=start", "--filter", &label];
    let events = ["events", "--since", "30m", "--until", "0s", "--format", format];
    let answer = stack.engine.docker(events.into_iter().chain(filters)).expect_success().stdout;
    let release = |line: &str| {
        let (image, service) = line.split_once(' ')?;
        service.contains("migrate").then(|| image.rsplit(':').next().unwrap_or_default().to_owned())
    };
    answer.lines().filter_map(release).collect()
}

#[test]
fn a_one_shot_service_and_failure_action_rollback() {
    let engine = Engine::start();
    engine.build_images(Some(env!("CARGO_BIN_EXE_tidegate").as_ref()));
    let stack = Stack::new(&engine, "rollback");
    let files = [
        Stack::example("stack.yml"),
        Stack::example("stack.stock.yml"),
        stack.file("prevention.yml", PREVENTION),
    ];
    let deploy = |release: &str| {
        let mut command = stack.stock_deploy(release, &files, &["--resolve-image", "never"]);
        command::run(&mut command, DEPLOY_LIMIT).expect_success();
    };

    // Stock: v2's migration succeeds, Swarm calls that a failure, and v1's runs once more, on v2's schema.
    deploy("v1");
    wait_for("the migration of v1", DEPLOY_LIMIT, || (stack.rows() == ["f52d9370c16e"]).then_some(()));
    deploy("v2");
    wait_for("the migration of v2", DEPLOY_LIMIT, || (stack.rows() == ["174fb592e380"]).then_some(()));
    wait_for("Swarm's rollback to the migration of v1", DEPLOY_LIMIT, || {
        let runs = gates_run(&stack);
        let second = runs.iter().position(|release| release == "v2")?;
        runs[second..].contains(&"v1".to_owned()).then_some(())
    });
    wait_for("the old migration's error", DEPLOY_LIMIT, || {
        stack.logs("migrate").contains("Can't locate revision identified by '174fb592e380'").then_some(())
    });
    assert_eq!(stack.images()["migrate"], "tidegate-example/app:v1");
    assert_eq!(stack.images()["api"], "tidegate-example/app:v2", "the stack is mixed");
}
