//! What keeps a service from coming up, each on a real engine: the deploy fails with its exit code, the stack is as before, and
//! a person reads what happened, why, and what to do next.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use testbed::command::{self, Finished};
use testbed::engine::Engine;
use testbed::registry::Registry;
use testbed::stack::{DEPLOY_LIMIT, Stack};

/// One way to fail.
struct Failure {
    /// The snapshot's name.
    name: &'static str,
    /// What the second release gives the service `api` instead of what the first one did.
    api: &'static str,
    /// What it adds to the stack: another service.
    more: &'static str,
    /// Flags of the second deploy.
    flags: &'static [&'static str],
}

const GOOD: &str = "image: 'failures:good'";
/// The same with a port of its node.
const WITH_PORT: &str =
    "image: 'failures:good', ports: [{ target: 80, published: '${API_PORT}', mode: host }]";

static FAILURES: [Failure; 10] = [
    Failure { name: "image_missing", api: "image: '${REGISTRY}failures:gone'", more: "", flags: &[] },
    Failure {
        name: "no_node_fits_the_constraint",
        api: "image: 'failures:good', deploy: { placement: { constraints: [node.labels.disk == ssd] } }",
        more: "",
        flags: &["--timeout", "6s"],
    },
    Failure {
        name: "no_node_has_the_memory",
        api: "image: 'failures:good', deploy: { resources: { reservations: { memory: 9000G } } }",
        more: "",
        flags: &["--timeout", "6s"],
    },
    Failure { name: "host_port_taken", api: WITH_PORT, more: "", flags: &["--timeout", "6s"] },
    Failure {
        name: "no_address_left",
        api: "image: 'failures:good', deploy: { replicas: 2 }",
        more: "",
        flags: &["--timeout", "10s"],
    },
    Failure {
        name: "crash_loop_of_a_new_service",
        api: GOOD,
        more: "  worker: { <<: *base, image: 'failures:crash', deploy: { restart_policy: { delay: 200ms } } }\n",
        flags: &[],
    },
    Failure {
        name: "crash_loop_under_failure_action_continue",
        api: "image: 'failures:crash',
          deploy: { restart_policy: { delay: 200ms }, update_config: { failure_action: continue } }",
        more: "",
        flags: &[],
    },
    Failure {
        name: "swarm_pauses",
        api: "image: 'failures:crash', deploy: { update_config: { failure_action: pause } }",
        more: "",
        flags: &[],
    },
    Failure {
        name: "swarm_rolls_back",
        api: "image: 'failures:crash', deploy: { update_config: { failure_action: rollback } }",
        more: "",
        flags: &[],
    },
    Failure {
        name: "unhealthy",
        api: "image: 'failures:good',
          healthcheck: { test: 'echo connection refused; exit 4', interval: 500ms, retries: 2 }",
        more: "",
        flags: &[],
    },
];

/// `holder` is the neighbour whose port the service `api` wants in one of the cases.
fn stack_file(holder: &str, api: &str, more: &str) -> String {
    format!(
        "version: '3.8'
x-base: &base
  stop_signal: SIGKILL
  networks: [small]
services:
  holder: {{ <<: *base, {holder} }}
  api: {{ <<: *base, {api} }}
{more}networks: {{ small: {{ ipam: {{ config: [{{ subnet: '${{SMALL_SUBNET}}' }}] }} }} }}
"
    )
}

fn deploy(stack: &Stack, text: &str, flags: &[&str]) -> Finished {
    let file = stack.file("stack.yml", text);
    let flags: Vec<&str> = ["--resolve-image", "never"].iter().chain(flags).copied().collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_tidegate"));
    let mut command = stack.tidegate_deploy(binary, "", &[file], &flags);
    // An annotation for GitHub would be one line more.
    command.env_remove("GITHUB_ACTIONS");
    command::run(&mut command, DEPLOY_LIMIT)
}

/// The spec of every service of the stack.
fn specs(stack: &Stack) -> BTreeMap<String, String> {
    let names = stack.list("service", "{{.Name}}");
    let spec = |name: &str| {
        let inspected = stack.engine.docker(["service", "inspect", "--format", "{{json .Spec}}", name]);
        (name.to_owned(), inspected.expect_success().stdout)
    };
    names.lines().map(spec).collect()
}

/// Deploys a release that works and one that fails, and returns what is said of the second.
fn fail(engine: &Engine, failure: &Failure) -> String {
    let mut stack = Stack::new(engine, "failures");
    // Of 8 addresses the network, the gateway, the node's load balancer and the broadcast take 4, and two services with a task
    // each the rest.
    let size = if failure.name == "no_address_left" { "/29" } else { "/28" };
    let small = stack.environment["FRONT_SUBNET"].replace("/24", size);
    stack.environment.insert("SMALL_SUBNET".to_owned(), small);
    stack.environment.insert("REGISTRY".to_owned(), Registry::prefix());
    let holder = if failure.api == WITH_PORT { WITH_PORT } else { GOOD };
    deploy(&stack, &stack_file(holder, GOOD, ""), &[]).expect_success();
    let before = specs(&stack);
    let failed = deploy(&stack, &stack_file(holder, failure.api, failure.more), failure.flags).expect_code(7);
    assert_eq!(specs(&stack), before, "{}", failed.text());
    let as_before = format!("stack {} runs release 1 as before", stack.name);
    assert!(failed.stdout.contains(&as_before), "{}", failed.text());
    // No more than what runs: nothing of the second release is left.
    let images = stack.images();
    assert_eq!(images.into_values().collect::<Vec<_>>(), ["failures:good"; 2], "{}", failed.text());
    failed.stderr
}

#[test]
fn every_failure_is_put_back_and_explained() {
    let engine = Engine::start();
    engine.import_scripts([
        ("failures:good", "sleep 100000"),
        ("failures:crash", "echo no database url; sleep 0.1; exit 3"),
    ]);
    // They mostly wait, so they wait together.
    let said: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = FAILURES.iter().map(|failure| scope.spawn(|| fail(&engine, failure))).collect();
        let end = |(failure, handle): (&Failure, thread::ScopedJoinHandle<'_, String>)| {
            handle.join().unwrap_or_else(|_| panic!("{} went wrong, see above", failure.name))
        };
        FAILURES.iter().zip(running).map(end).collect()
    });
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"failures-\d+", "[stack]");
    settings.add_filter(r"port \d{5}", "port [port]");
    settings.add_filter(r"\b[0-9a-z]{25}\b", "[id]");
    settings.bind(|| {
        for (failure, said) in FAILURES.iter().zip(said) {
            insta::assert_snapshot!(failure.name, said);
        }
    });
}
