//! Founding failure 4: `failure_action: rollback` on the one-shot migrate service. Swarm takes its exit for a failure and
//! runs the old image's migration again, after the new one.

use std::time::Duration;

use testbed::command::{self, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack, Starts};

/// The founding file's "prevention measure"; its monitor period was 60 s. It must be longer than the migration takes on a busy
/// machine: what ends later Swarm does not count as a failure.
const PREVENTION: &str = "
version: '3.8'
services:
  migrate:
    deploy:
      update_config: {parallelism: 1, order: stop-first, failure_action: rollback, monitor: 20s}
      rollback_config: {parallelism: 1, order: stop-first, monitor: 5s}
";

/// The monitor period in [`PREVENTION`], and some time for Swarm to act on it.
const MONITOR: Duration = Duration::from_secs(22);

/// The releases whose migrations have run, in the order of their start.
fn gates(starts: &Starts) -> Vec<String> {
    let gates = starts.so_far().into_iter().filter(|(service, _)| service.starts_with("migrate"));
    gates.map(|(_, image)| image.rsplit(':').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_one_shot_service_and_failure_action_rollback() {
    let engine = Engine::start();
    engine.build_images(Some(env!("CARGO_BIN_EXE_tidegate").as_ref()));
    let stack = Stack::new(&engine, "rollback");
    let starts = stack.watch_starts();
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
        let runs = gates(&starts);
        let second = runs.iter().position(|release| release == "v2")?;
        runs[second..].contains(&"v1".to_owned()).then_some(())
    });
    wait_for("the old migration's error", DEPLOY_LIMIT, || {
        stack.logs("migrate").contains("Can't locate revision identified by '174fb592e380'").then_some(())
    });
    assert_eq!(stack.images()["migrate"], "tidegate-example/app:v1");
    assert_eq!(stack.images()["api"], "tidegate-example/app:v2", "the stack is mixed");

    // Tidegate, with the same file: each release's gate runs once, and Swarm never runs one again.
    let stack = Stack::new(&engine, "gates");
    let starts = stack.watch_starts();
    let files = [Stack::example("stack.yml"), stack.file("prevention.yml", PREVENTION)];
    for release in ["v1", "v2"] {
        let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
        let mut deploy = stack.tidegate_deploy(binary, release, &files, &["--resolve-image", "never"]);
        command::run(&mut deploy, DEPLOY_LIMIT).expect_success();
        stack.wait_for_release(release);
    }
    // Longer than Swarm's monitor period, in which the stock way went wrong.
    std::thread::sleep(MONITOR);
    assert_eq!(gates(&starts), ["v1", "v2"]);
    assert_eq!(stack.rows(), ["174fb592e380"]);
    assert_eq!(stack.images()["api"], "tidegate-example/app:v2");
}
