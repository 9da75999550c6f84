//! A rehearsal against a real stack predicts what the deploy then does, and writes nothing.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testbed::canary::Canary;
use testbed::command::{self, Finished};
use testbed::engine::{Engine, root};
use testbed::python;
use testbed::stack::{DEPLOY_LIMIT, Stack};

const LIMIT: Duration = Duration::from_mins(5);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tidegate"))
}

fn files() -> Vec<PathBuf> {
    vec![Stack::example("stack.yml")]
}

/// What a rehearsal and a deploy both say.
#[derive(Debug, PartialEq)]
struct Said {
    code: Option<i32>,
    /// Of each wave: whether it is a gate, and what is done to which service.
    waves: Vec<(bool, Vec<(String, String)>)>,
    revisions: Vec<String>,
    /// `unchanged`, `succeeded`, `refused`: the outcome, in one word.
    verdict: String,
}

fn said(finished: &Finished) -> Said {
    let events: Vec<Value> =
        finished.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let service = |one: &Value| (text(&one["service"]), text(&one["action"]));
    let wave = |wave: &Value| {
        let services = wave["services"].as_array().into_iter().flatten();
        (wave["gate"] == true, services.map(service).collect())
    };
    let plan = events.iter().find(|event| event["event"] == "plan");
    let waves = plan.and_then(|plan| plan["waves"].as_array()).into_iter().flatten().map(wave).collect();
    let revisions = events.iter().filter(|event| event["kind"] == "revision");
    let finish = events.iter().find(|event| event["event"] == "finished");
    Said {
        code: finished.code,
        waves,
        revisions: revisions.map(|event| text(&event["revision"])).collect(),
        verdict: finish.map(|event| text(&event["outcome"])).unwrap_or_default(),
    }
}

/// The example's sources, release upon release, where a checkout would have them.
struct Project(tempfile::TempDir);

impl Project {
    fn folder(&self) -> PathBuf {
        self.0.path().join("app")
    }

    fn add(&self, sources: &str) {
        let from = root().join("examples/staging").join(sources);
        command::run(Command::new("cp").arg("-rT").arg(from).arg(self.folder()), LIMIT).expect_success();
    }
}

fn rehearse(stack: &Stack, project: &Project, release: &str, program: Command, options: &[&str]) -> Finished {
    let mut command = program;
    command.args(["rehearse", "--output", "json", "--resolve-image", "never"]).args(options);
    command.arg("--project").arg(project.folder()).arg("-c").arg(&files()[0]).arg(&stack.name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", python::bin().display()));
    command.env("DOCKER_HOST", stack.engine.host()).envs(&stack.environment).env("RELEASE", release);
    command::run(&mut command, LIMIT)
}

fn deploy(stack: &Stack, release: &str) -> Finished {
    let options = ["--resolve-image", "never", "--output", "json"];
    command::run(&mut stack.tidegate_deploy(binary(), release, &files(), &options), DEPLOY_LIMIT)
}

/// The version index of every object of the swarm.
fn versions(stack: &Stack) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for kind in ["service", "config", "secret"] {
        for id in stack.engine.docker([kind, "ls", "-q"]).expect_success().stdout.lines() {
            let line = stack.engine.docker([kind, "inspect", "--format", "{{.Version.Index}}", id]);
            versions.insert(format!("{kind} {id}"), line.stdout);
        }
    }
    versions
}

#[test]
fn a_rehearsal_predicts_what_the_deploy_then_does() {
    let engine = Engine::start();
    engine.build_images(Some(binary()));
    let stack = Stack::new(&engine, "rehearse");
    let canary = Canary::new(stack.environment["POSTGRES_PASSWORD"].clone());
    let project = Project(tempfile::tempdir().unwrap());
    let own = || Command::new(binary());

    // A first release, without an engine.
    project.add("app");
    let predicted = rehearse(&stack, &project, "v1", own(), &["--without-engine"]);
    assert_eq!(said(&predicted), said(&deploy(&stack, "v1")), "{}", predicted.text());

    // The second, on what runs: the database is made from the revision files, up to where release 1 left it.
    project.add("releases/v2/app");
    let before = versions(&stack);
    let predicted_second = rehearse(&stack, &project, "v2", own(), &[]);
    assert_eq!(versions(&stack), before, "a rehearsal wrote something");
    let rows = stack.rows();
    assert!(
        predicted_second.stdout.contains(r#""basis":{"kind":"rebuilt","release":1"#),
        "{}",
        predicted_second.text()
    );
    let second = deploy(&stack, "v2");
    assert_eq!(said(&predicted_second), said(&second), "{}", predicted_second.text());
    assert_eq!(said(&second).revisions.len(), 2);
    assert_ne!(stack.rows(), rows);

    // The same again has nothing to do.
    let nothing = rehearse(&stack, &project, "v2", own(), &[]);
    assert_eq!(said(&nothing), said(&deploy(&stack, "v2")), "{}", nothing.text());
    assert!(nothing.stdout.contains(r#""database":null"#), "{}", nothing.text());

    // A bad one: a constraint that rows break, which the revisions have put there.
    project.add("releases/v3-broken/app");
    let bad = rehearse(&stack, &project, "v3-broken", own(), &[]);
    // On a copy of the live schema, which has no rows, it passes, and the report says so. The database is reached as the
    // engine's own machine reaches it.
    let container = stack.container("postgres");
    let sandbox = ["inspect", "--format", "{{.NetworkSettings.SandboxID}}", &container];
    let gateway = format!("gateway_{}", &engine.docker(sandbox).expect_success().stdout[..12]);
    let address = r#"{{range .Containers}}{{.Name}} {{.IPv4Address}}{{"\n"}}{{end}}"#;
    let listed =
        engine.docker(["network", "inspect", "--format", address, "docker_gwbridge"]).expect_success();
    let line = listed.stdout.lines().find(|line| line.starts_with(&gateway));
    let line = line.unwrap_or_else(|| panic!("{gateway} is not in docker_gwbridge:\n{}", listed.stdout));
    let host = line.split_once(' ').unwrap().1.split('/').next().unwrap().to_owned();
    let mut inside = engine.inside(binary());
    inside.env("PGHOST", host).env("PGUSER", "staging").env("PGDATABASE", "staging");
    inside.env("PGPASSWORD", &stack.environment["POSTGRES_PASSWORD"]);
    let without_rows = rehearse(&stack, &project, "v3-broken", inside, &["--live-schema"]);
    assert!(without_rows.stdout.contains(r#""basis":{"kind":"live-schema"}"#), "{}", without_rows.text());
    assert!(
        without_rows.stdout.contains("the copy of the live schema has no rows"),
        "{}",
        without_rows.text()
    );
    assert_eq!(said(&without_rows).revisions, ["285ac6a3f491"]);
    let really = deploy(&stack, "v3-broken");
    assert_eq!(said(&bad), said(&really), "{}\n{}", bad.text(), really.text());
    assert_eq!((said(&bad).code, said(&bad).verdict.as_str()), (Some(6), "refused"));

    for output in [&predicted, &predicted_second, &nothing, &bad, &without_rows] {
        canary.assert_absent("what was printed", &output.text());
    }
    canary.assert_absent_from_arguments();
}
