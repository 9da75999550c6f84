//! The main job on a real engine, of whatever version: v1, the same again, v2 under load, a foreign change, and removal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::{Client, Endpoint, Environment, Timeouts};
use testbed::canary::Canary;
use testbed::command::{self, Finished};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tidegate"))
}

fn files() -> Vec<PathBuf> {
    vec![Stack::example("stack.yml")]
}

fn deploy(stack: &Stack, release: &str, options: &[&str]) -> Finished {
    let options: Vec<&str> = ["--resolve-image", "never"].iter().chain(options).copied().collect();
    command::run(&mut stack.tidegate_deploy(binary(), release, &files(), &options), DEPLOY_LIMIT)
}

/// The version index of every object of the swarm: any write moves one, or adds or takes one away.
fn versions(stack: &Stack) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for kind in ["service", "config", "secret", "network"] {
        let format = if kind == "network" { "{{.ID}}" } else { "{{.ID}} {{.Version.Index}}" };
        for id in stack.engine.docker([kind, "ls", "-q"]).expect_success().stdout.lines() {
            let line = stack.engine.docker([kind, "inspect", "--format", format, id]);
            versions.insert(format!("{kind} {id}"), line.stdout);
        }
    }
    versions
}

/// The API version that Tidegate and engines of a version agree on.
const API_VERSIONS: [(&str, &str); 3] = [("20.10.", "1.41"), ("26.1.", "1.45"), ("28.5.", "1.51")];

/// Panics unless Tidegate speaks the API version with this engine that it should; any that both can where the table has none.
fn assert_api_version(engine: &Engine) {
    let endpoint =
        Endpoint::resolve(Some(&engine.host()), None, &Environment::default()).expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = runtime.block_on(Client::connect(endpoint, Timeouts::default())).expect("it is greeted");
    let version = engine.version();
    let expected = API_VERSIONS.iter().find(|(prefix, _)| version.starts_with(prefix));
    assert_eq!(client.api_version(), expected.map_or(client.api_version(), |(_, api)| *api), "{version}");
}

/// From nothing to the second release and away.
#[track_caller]
pub fn do_main_job(engine: &Engine) {
    assert_api_version(engine);
    engine.build_releases(Some(binary()), &["v1", "v2"]);
    let stack = Stack::new(engine, "main");
    let canary = Canary::new(stack.environment["POSTGRES_PASSWORD"].clone());
    let mut printed = String::new();

    let first = deploy(&stack, "v1", &[]).expect_success();
    printed.push_str(&first.text());
    assert!(first.stdout.contains("runs release 1"), "{}", first.stdout);
    stack.wait_for_release("v1");
    let rows = stack.rows();
    assert_eq!(rows.len(), 1);

    // The same again, and a plan: not one write, and quick.
    let before = versions(&stack);
    let begun = Instant::now();
    let again = deploy(&stack, "v1", &[]).expect_success();
    let took = begun.elapsed();
    assert!(again.stdout.contains("nothing was changed"), "{}", again.stdout);
    let mut plan = std::process::Command::new(binary());
    plan.args(["plan", "--output", "json", "--resolve-image", "never", "-c"])
        .arg(&files()[0])
        .arg(&stack.name);
    plan.env("DOCKER_HOST", engine.host()).envs(&stack.environment).env("RELEASE", "v2");
    let plan = command::run(&mut plan, DEPLOY_LIMIT).expect_success();
    assert!(plan.stdout.contains("\"action\":\"update\""), "{}", plan.stdout);
    assert_eq!(versions(&stack), before);
    assert_eq!(stack.rows(), rows);
    // Not a timed assertion of speed, but of the absence of any waiting.
    assert!(took < Duration::from_secs(20), "{took:?}");
    printed.push_str(&(again.text() + &plan.text()));

    // The second release, under load.
    let load = stack.load(20, &["/zones", "/version"]);
    let second = deploy(&stack, "v2", &["--output", "json"]).expect_success();
    let counted = load.stop();
    assert_eq!(counted.failed, 0, "{counted:?}");
    assert!(counted.requests > 20);
    printed.push_str(&second.text());
    stack.wait_for_release("v2");
    let applied = second.stdout.lines().filter(|line| line.contains("\"kind\":\"revision\"")).count();
    assert_eq!(applied, 2, "{}", second.stdout);
    assert_ne!(stack.rows(), rows);
    for service in ["postgres", "redis", "proxy"] {
        assert!(
            second.stdout.contains(&format!("\"service\":\"{service}\",\"state\":\"unchanged\"")),
            "{service}"
        );
    }

    // Status, before and after somebody scales by hand.
    let status = stack.tidegate(binary(), &["status"]).expect_success();
    assert!(status.stdout.contains("release 2") && status.stdout.contains("converged"), "{}", status.stdout);
    engine.docker(["service", "scale", "--detach", &format!("{}_worker=2", stack.name)]).expect_success();
    let refused = deploy(&stack, "v2", &[]).expect_code(10);
    assert!(refused.stderr.contains("Replicas"), "{}", refused.stderr);
    let overwritten = deploy(&stack, "v2", &["--on-drift", "overwrite"]).expect_success();
    assert!(overwritten.stdout.contains("worker: converged"), "{}", overwritten.stdout);
    let replicas = engine.docker([
        "service",
        "inspect",
        "--format",
        "{{.Spec.Mode.Replicated.Replicas}}",
        &format!("{}_worker", stack.name),
    ]);
    assert_eq!(replicas.stdout.trim(), "1");
    printed.push_str(&(status.text() + &refused.text()));

    // No secret in any output, record, argument or gate log.
    canary.assert_absent("what was printed", &printed);
    canary.assert_absent_from_arguments();
    for id in engine.docker(["config", "ls", "-q"]).expect_success().stdout.lines() {
        canary.assert_absent("a release record", &engine.docker(["config", "inspect", id]).stdout);
    }
    canary.assert_absent("the gate's log", &stack.logs("migrate-r2"));

    // Gone means gone: the next deploy of the same name needs no pause.
    let removed = stack.tidegate(binary(), &["rm"]).expect_success();
    assert!(removed.stdout.contains("is gone"), "{}", removed.stdout);
    for kind in ["service", "network", "container", "config", "secret"] {
        assert_eq!(stack.list(kind, "{{.ID}}"), "", "{kind}");
    }
    let left =
        engine.docker(["config", "ls", "-q", "--filter", &format!("label=tidegate.stack={}", stack.name)]);
    assert_eq!(left.stdout, "");
    deploy(&stack, "v2", &[]).expect_success();
    stack.wait_for_release("v2");
}
