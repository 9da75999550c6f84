//! Founding failure 3: two writers touch one service, so `update out of sequence`, and the stack is left half new,
//! half old.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use testbed::command::Running;
use testbed::engine::Engine;
use testbed::registry::Registry;
use testbed::stack::{DEPLOY_LIMIT, Stack};

const OUT_OF_SEQUENCE: &str = "update out of sequence";
/// Exit code: another deploy holds the lease, or came later and went first.
const LEASE_HELD: i32 = 9;
/// Exit code: a release that was asked for later went out while this one waited.
const SUPERSEDED: i32 = 13;
/// Stock fails in nearly every round (facts: 20 of 20 and 9 to 18 of 20); this many in a row without would be news.
const ROUNDS: usize = 10;

/// Four services of one image, updated one after another with a short monitor period.
fn stack_file(stack: &Stack, prefix: &str) -> PathBuf {
    let service = format!(
        "{{image: '{prefix}sleeper:${{RELEASE}}', stop_grace_period: 0s, \
         deploy: {{replicas: 2, update_config: {{parallelism: 1, order: start-first, monitor: 2s}}}}}}"
    );
    let services: String =
        ["one", "two", "three", "four"].map(|name| format!("  {name}: {service}\n")).concat();
    stack.file("stack.yml", &format!("version: '3.8'\nservices:\n{services}"))
}

/// Starts `tidegate deploy`.
fn deploy_tidegate(stack: &Stack, release: &str, files: &[PathBuf], resolve: &str) -> Running {
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    Running::start(&mut stack.tidegate_deploy(binary, release, files, &["--resolve-image", resolve]))
}

/// The releases that the stack's services are at.
fn releases(stack: &Stack) -> BTreeSet<String> {
    let release = |image: &String| {
        let name = image.split('@').next().unwrap_or_default();
        name.rsplit(':').next().unwrap_or_default().to_owned()
    };
    stack.images().values().map(release).collect()
}

#[test]
fn two_deployers_at_the_same_moment() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2"]);
    let stack = Stack::new(&engine, "deployers");
    let file = [stack_file(&stack, "")];
    let deploy_stock = |release: &str| {
        Running::start(&mut stack.stock_deploy(release, &file, &["--resolve-image", "never"]))
    };

    // Stock: one of the two fails, and the stack ends mixed.
    deploy_stock("1").finish(DEPLOY_LIMIT).expect_success();
    let (mut failed, mut torn) = (false, false);
    for _ in 0..ROUNDS {
        let both = [deploy_stock("1"), deploy_stock("2")].map(|deploy| deploy.finish(DEPLOY_LIMIT));
        failed |= both.iter().any(|deploy| deploy.code == Some(1) && deploy.text().contains(OUT_OF_SEQUENCE));
        torn |= releases(&stack).len() > 1;
        if failed && torn {
            break;
        }
    }
    assert!(failed, "stock never failed with \"{OUT_OF_SEQUENCE}\" in {ROUNDS} rounds");
    assert!(torn, "stock never left the stack mixed in {ROUNDS} rounds");

    // Tidegate, on the stack that stock has left mixed: one waits for the other, and both releases come whole.
    for round in 0..2 {
        let both = ["1", "2"].map(|release| deploy_tidegate(&stack, release, &file, "never"));
        let both = both.map(|deploy| deploy.finish(DEPLOY_LIMIT));
        for deploy in &both {
            assert!(
                matches!(deploy.code, Some(0 | LEASE_HELD | SUPERSEDED)),
                "round {round}: {}",
                deploy.text()
            );
            assert!(!deploy.text().contains(OUT_OF_SEQUENCE), "round {round}: {}", deploy.text());
        }
        assert!(
            both.iter().any(|deploy| deploy.code == Some(0)),
            "round {round}: nobody deployed: {both:#?}"
        );
        assert_eq!(releases(&stack).len(), 1, "round {round}: {:?}", stack.images());
    }
}

#[test]
fn a_deploy_strictly_after_another_with_a_slow_registry() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2"]);
    let registry = Registry::start(&engine);
    registry.push("sleeper:1");
    registry.push("sleeper:2");
    let stack = Stack::new(&engine, "after");
    let file = [stack_file(&stack, &Registry::prefix())];
    let deploy_stock = |release: &str| {
        Running::start(&mut stack.stock_deploy(release, &file, &["--resolve-image", "always"]))
            .finish(DEPLOY_LIMIT)
    };

    // Stock: versions are read once, and the rolling update that still runs moves them on.
    deploy_stock("1").expect_success();
    registry.set_delay(Duration::from_millis(300));
    let failed = (0..ROUNDS).any(|round| {
        let release = if round % 2 == 0 { "2" } else { "1" };
        let deploy = deploy_stock(release);
        deploy.code == Some(1) && deploy.text().contains(OUT_OF_SEQUENCE) && releases(&stack).len() > 1
    });
    assert!(failed, "stock never failed with \"{OUT_OF_SEQUENCE}\" in {ROUNDS} deploys, one after another");

    // Tidegate, with the same registry: each deploy ends whole, and the next one finds nothing in its way.
    for release in ["2", "1"] {
        let deploy = deploy_tidegate(&stack, release, &file, "always").finish(DEPLOY_LIMIT).expect_success();
        assert!(!deploy.text().contains(OUT_OF_SEQUENCE), "{}", deploy.text());
        assert_eq!(releases(&stack), BTreeSet::from([release.to_owned()]), "{:?}", stack.images());
    }
}
