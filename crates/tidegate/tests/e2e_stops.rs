//! Being stopped and waiting for each other, on a real engine: SIGTERM puts back or leaves, the same command continues;
//! a deploy that waited yields to a newer one; a lease is shown and broken; a paused update goes on; eight deployers at once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use testbed::command::{Finished, Running, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

/// A slow update of three services, each after the one before it. `${MONITOR}` says for how long Swarm watches a new task.
fn stack_file(stack: &Stack) -> [PathBuf; 1] {
    let service = |name: &str, needs: &str| {
        format!(
            "  {name}: {{image: 'sleeper:${{RELEASE}}', stop_grace_period: 0s, depends_on: [{needs}], \
             deploy: {{replicas: 2, update_config: {{parallelism: 1, monitor: '${{MONITOR:-2s}}'}}}}}}\n"
        )
    };
    let services = [service("one", ""), service("two", "one"), service("three", "two")].concat();
    [stack.file("stack.yml", &format!("version: '3.8'\nservices:\n{services}"))]
}

fn deploy(stack: &Stack, release: &str, more: &[&str]) -> Running {
    let options = [&["--resolve-image", "never"], more].concat();
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    Running::start(&mut stack.tidegate_deploy(binary, release, &stack_file(stack), &options))
}

fn finish(running: Running) -> Finished {
    running.finish(DEPLOY_LIMIT)
}

/// Waits until a service has the image of a release.
fn reached(stack: &Stack, service: &str, release: &str) {
    let image = format!("sleeper:{release}");
    wait_for(&format!("{service} at {image}"), DEPLOY_LIMIT, || {
        stack.images().get(service).is_some_and(|now| now.starts_with(&image)).then_some(())
    });
}

fn releases(stack: &Stack) -> BTreeSet<String> {
    stack.images().values().map(|image| image.rsplit(':').next().unwrap_or_default().to_owned()).collect()
}

fn only(release: &str) -> BTreeSet<String> {
    BTreeSet::from([release.to_owned()])
}

#[test]
fn the_first_signal_puts_back_or_leaves_and_the_second_ends_at_once() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2"]);
    let stack = Stack::new(&engine, "stops");
    finish(deploy(&stack, "1", &[])).expect_success();

    let mut running = deploy(&stack, "2", &[]);
    reached(&stack, "one", "2");
    running.terminate();
    let ended = finish(running);
    assert_eq!(ended.code, Some(12), "{}", ended.text());
    assert!(ended.stdout.contains("release 2 was stopped and put back"), "{}", ended.text());
    assert_eq!(releases(&stack), only("1"));

    let mut running = deploy(&stack, "2", &["--on-interrupt", "leave"]);
    reached(&stack, "one", "2");
    running.terminate();
    let ended = finish(running);
    assert_eq!(ended.code, Some(12), "{}", ended.text());
    assert!(ended.stderr.contains("release 3 was stopped where it was"), "{}", ended.text());
    assert_eq!(releases(&stack).len(), 2, "{:?}", stack.images());
    let continued = finish(deploy(&stack, "2", &[])).expect_success();
    assert!(continued.stdout.contains("runs release 3"), "{}", continued.text());
    assert_eq!(releases(&stack), only("2"));

    let mut running = deploy(&stack, "1", &[]);
    reached(&stack, "one", "1");
    running.terminate();
    std::thread::sleep(Duration::from_millis(200));
    running.terminate();
    let ended = finish(running);
    assert_eq!(ended.code, Some(12), "{}", ended.text());
    finish(deploy(&stack, "1", &[])).expect_success();
    assert_eq!(releases(&stack), only("1"));
}

#[test]
fn who_waited_yields_to_a_newer_release_and_a_lease_is_shown_and_broken() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2", "sleeper:3"]);
    let stack = Stack::new(&engine, "yields");
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    finish(deploy(&stack, "1", &[])).expect_success();
    let newer = deploy(&stack, "3", &["--commit", "c3", "--commit-time", "3000"]);
    wait_for("the newer one's lease", DEPLOY_LIMIT, || {
        let shown = stack.tidegate(binary, &["lease", "show"]).expect_success().stdout;
        (!shown.starts_with("nobody")).then(|| assert!(shown.contains("is deploying stack"), "{shown}"))
    });
    let older = finish(deploy(&stack, "2", &["--commit", "c2", "--commit-time", "2000"]));
    finish(newer).expect_success();
    assert_eq!(older.code, Some(13), "{}", older.text());
    assert!(older.stderr.contains("made from something newer"), "{}", older.text());
    assert_eq!(releases(&stack), only("3"));

    // A broken lease: its holder stops, and the next one goes at once.
    let holder = deploy(&stack, "1", &[]);
    reached(&stack, "one", "1");
    let broken = stack.tidegate(binary, &["lease", "break"]).expect_success();
    assert!(broken.stdout.contains("is broken"), "{}", broken.stdout);
    let lost = finish(holder);
    assert_eq!(lost.code, Some(9), "{}", lost.text());
    finish(deploy(&stack, "1", &[])).expect_success();
    assert_eq!(releases(&stack), only("1"));
}

/// A deploy is killed, a new task fails, and Swarm stops its update half way: the same command again lets it go on.
#[test]
fn an_update_that_swarm_has_paused_goes_on_with_the_same_command() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2"]);
    let mut stack = Stack::new(&engine, "paused");
    // Long enough to find the new container and to end it.
    stack.environment.insert("MONITOR".to_owned(), "8s".to_owned());
    finish(deploy(&stack, "1", &[])).expect_success();
    let service = format!("{}_one", stack.name);
    let own = format!("label=com.docker.swarm.service.name={service}");
    let containers = || {
        let listed = engine.docker(["ps", "--no-trunc", "--filter", &own, "--format", "{{.Image}} {{.ID}}"]);
        listed.expect_success().stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };

    let mut killed = deploy(&stack, "2", &[]);
    reached(&stack, "one", "2");
    let new = wait_for("a container of the new release", DEPLOY_LIMIT, || {
        containers().iter().find_map(|line| Some(line.strip_prefix("sleeper:2 ")?.to_owned()))
    });
    killed.kill();
    engine.docker(["kill", &new]).expect_success();
    finish(killed);
    wait_for("the pause", DEPLOY_LIMIT, || {
        let state = engine.docker(["service", "inspect", "--format", "{{.UpdateStatus.State}}", &service]);
        (state.stdout.trim() == "paused").then_some(())
    });

    let again = finish(deploy(&stack, "2", &[])).expect_success();
    assert!(again.stdout.contains("runs release 2"), "{}", again.text());
    assert_eq!(releases(&stack), only("2"));
    let running = containers();
    assert_eq!(running.len(), 2, "{running:?}");
    assert!(running.iter().all(|line| line.starts_with("sleeper:2 ")), "{running:?}");
}

/// `TIDEGATE_ROUNDS` makes more of it.
#[test]
fn eight_deployers_of_two_releases_at_once() {
    let rounds: i64 = std::env::var("TIDEGATE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2"]);
    let stack = Stack::new(&engine, "eight");
    for round in 0..rounds {
        // The commit of release 2 is the newer one in even rounds.
        let second = |release: i64| {
            (100 * round + 100 + if round % 2 == 0 { release } else { 3 - release }).to_string()
        };
        let eight: Vec<Running> = (0..8)
            .map(|number| {
                let release = 1 + number % 2;
                let (commit, time) = (format!("c{round}-{release}"), second(release));
                let more = ["--commit", &commit, "--commit-time", &time];
                deploy(&stack, &release.to_string(), &more)
            })
            .collect();
        let ended: Vec<Finished> = eight.into_iter().map(finish).collect();
        for deploy in &ended {
            assert!(matches!(deploy.code, Some(0 | 13)), "round {round}: {}", deploy.text());
            assert!(!deploy.text().contains("out of sequence"), "round {round}: {}", deploy.text());
        }
        let newest = if round % 2 == 0 { "2" } else { "1" };
        assert_eq!(releases(&stack), only(newest), "round {round}: {:?}", stack.images());
    }
}
