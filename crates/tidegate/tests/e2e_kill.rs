//! `kill -9` of a deploy at ten named moments, and at moments that a seed decides; the same command again ends at the new
//! release. `TIDEGATE_KILLS=100` tries that many moments, `TIDEGATE_SEED` decides others.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testbed::command::{self, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

#[path = "support/moments.rs"]
mod moments;

use moments::Moments;

const STOP_LIMIT: Duration = Duration::from_secs(20);

/// When it is killed: so long after it says this for the first time.
const MOMENTS: [(&str, Duration); 10] = [
    (r#""event":"plan""#, Duration::ZERO),
    (r#""event":"lease-taken""#, Duration::ZERO),
    (r#""event":"lease-taken""#, Duration::from_millis(30)),
    (r#""service":"gate","state":"running""#, Duration::ZERO),
    (r#""service":"gate","state":"running""#, Duration::from_millis(700)),
    (r#""service":"gate","state":"completed""#, Duration::ZERO),
    (r#""service":"api","state":"converging""#, Duration::ZERO),
    (r#""service":"worker","state":"converging""#, Duration::from_millis(200)),
    (r#""service":"api","state":"converging""#, Duration::from_millis(600)),
    (r#""service":"api","state":"converging""#, Duration::from_millis(1200)),
];

const STACK: &str = "
version: '3.8'
x-service: &service
  image: sleeper:kill
  command: [sleep, '100000']
  environment: { VERSION: \"${RELEASE}\" }
  stop_signal: SIGKILL
services:
  db: { <<: *service, image: 'sleeper:kill-db', environment: { VERSION: fixed } }
  gate:
    <<: *service
    command: [sleep, '1']
    deploy: { labels: { tidegate.gate: 'true' }, restart_policy: { condition: none } }
  api:
    <<: *service
    deploy: { replicas: 2, update_config: { order: start-first, monitor: 500ms } }
  worker:
    <<: *service
    deploy: { update_config: { monitor: 500ms } }
networks: { default: { ipam: { config: [{ subnet: '${FRONT_SUBNET}' }] } } }
";

fn deploy(stack: &Stack, release: &str, file: &PathBuf) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_tidegate"));
    stack.tidegate_deploy(binary, release, std::slice::from_ref(file), &["--resolve-image", "never"])
}

/// The version in the spec of a service, and in each of its containers that runs.
fn versions(stack: &Stack, service: &str) -> Vec<String> {
    let name = format!("{}_{service}", stack.name);
    let spec = "{{range .Spec.TaskTemplate.ContainerSpec.Env}}{{println .}}{{end}}";
    let spec = stack.engine.docker(["service", "inspect", "--format", spec, &name]).expect_success();
    let filter = format!("label=com.docker.swarm.service.name={name}");
    let running = stack.engine.docker(["ps", "-q", "--filter", &filter]).expect_success().stdout;
    let containers = running.lines().map(|id| {
        let format = "{{range .Config.Env}}{{println .}}{{end}}";
        stack.engine.docker(["inspect", "--format", format, id]).stdout
    });
    let version =
        |text: String| text.lines().find_map(|line| line.strip_prefix("VERSION=").map(str::to_owned));
    [spec.stdout].into_iter().chain(containers).filter_map(version).collect()
}

/// Starts a command, and kills it some time after its output first holds a sign.
fn kill_at(command: &mut Command, sign: &str, after: Duration) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    // The pipe stays open to the end: nothing but the signal stops it.
    let mut lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
    let seen = lines.by_ref().map_while(Result::ok).any(|line| line.contains(sign));
    assert!(seen, "it ended without saying {sign}");
    std::thread::sleep(after);
    assert!(
        child.try_wait().expect("it can be asked").is_none(),
        "it was over before {after:?} after {sign}"
    );
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}

/// How many tasks the gate's run of a release has had.
fn gate_runs(stack: &Stack, number: u32) -> usize {
    stack.tasks(&format!("gate-r{number}")).len()
}

#[test]
fn a_killed_deploy_ends_at_the_new_release_when_run_again() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:kill", "sleeper:kill-db"]);
    let stack = Stack::new(&engine, "kill");
    let file = stack.file("stack.yml", STACK);
    command::run(&mut deploy(&stack, "0", &file), DEPLOY_LIMIT).expect_success();

    for (number, (sign, after)) in (2..).zip(MOMENTS) {
        let release = number.to_string();
        let moment = format!("{after:?} after {sign}");
        kill_at(deploy(&stack, &release, &file).args(["--output", "json"]), sign, after);

        ends_at(&stack, &file, number, &moment);
    }
}

#[test]
fn a_deploy_that_is_killed_anywhere_ends_at_the_new_release_when_run_again() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:kill", "sleeper:kill-db"]);
    let stack = Stack::new(&engine, "kills");
    let file = stack.file("stack.yml", STACK);
    command::run(&mut deploy(&stack, "0", &file), DEPLOY_LIMIT).expect_success();
    let begun = Instant::now();
    command::run(&mut deploy(&stack, "2", &file), DEPLOY_LIMIT).expect_success();
    let whole = begun.elapsed();

    for (number, moment) in (3..).zip(Moments::new(6, whole)) {
        let mut child = deploy(&stack, &number.to_string(), &file);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(moment);
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        ends_at(&stack, &file, number, &format!("{moment:?} after its begin"));
    }
}

/// The same command again ends at the release, whose gate has run once.
fn ends_at(stack: &Stack, file: &PathBuf, number: u32, moment: &str) {
    let release = number.to_string();
    let again = command::run(&mut deploy(stack, &release, file), DEPLOY_LIMIT).expect_success();
    for (service, tasks) in [("api", 2), ("worker", 1)] {
        let expected = vec![release.clone(); tasks + 1];
        // What was told to stop may take a moment to go on a busy machine.
        let what = format!("{service} at {expected:?}, killed {moment}: {}", again.text());
        wait_for(&what, STOP_LIMIT, || (versions(stack, service) == expected).then_some(()));
    }
    assert_eq!(versions(stack, "db"), ["fixed", "fixed"]);
    assert_eq!(gate_runs(stack, number), 1, "killed {moment}: {}", again.text());
    let status = stack.tidegate(Path::new(env!("CARGO_BIN_EXE_tidegate")), &["status"]).expect_success();
    assert!(status.stdout.contains(&format!("release {number}, since")), "{}", status.stdout);
}
