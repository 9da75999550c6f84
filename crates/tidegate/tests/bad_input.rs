//! Bad input: a clear message with the next step, the documented exit code, and nothing changed.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fake_manager::FakeManager;
use testbed::command::{self, Finished};

#[path = "support/fake_manager.rs"]
mod fake_manager;

const GOOD: &str = "services:\n  api:\n    image: app:1\n";

fn tidegate(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).current_dir(folder).env_clear().env("HOME", folder);
    command::run(&mut command, Duration::from_mins(1))
}

/// Runs a deploy of a stack file's text; the folder holds nothing else.
fn deploy(text: &str, more: &[&str]) -> Finished {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("stack.yml"), text).expect("a stack file");
    let arguments: Vec<&str> =
        ["deploy", "-c", "stack.yml"].iter().chain(more).chain(&["shop"]).copied().collect();
    tidegate(folder.path(), &arguments)
}

#[test]
fn a_stack_file_that_is_not_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ended = tidegate(folder.path(), &["deploy", "-c", "missing.yml", "shop"]).expect_code(3);
    insta::assert_snapshot!(ended.stderr);
}

#[test]
fn yaml_that_does_not_parse() {
    insta::assert_snapshot!(
        deploy("services:\n  api:\n   image: a\n  \tdeploy: {}\n", &[]).expect_code(3).stderr
    );
}

#[test]
fn a_service_without_an_image() {
    insta::assert_snapshot!(deploy("services:\n  api:\n    command: [serve]\n", &[]).expect_code(3).stderr);
}

#[test]
fn an_unknown_key_with_the_right_one() {
    insta::assert_snapshot!(deploy("services:\n  api:\n    imgae: app\n", &[]).expect_code(3).stderr);
}

#[test]
fn a_setting_that_does_not_exist() {
    let text = format!("{GOOD}x-tidegate:\n  enviroment: staging\n  gate: {{ timeout: soon }}\n");
    let engine = FakeManager::start();
    let host = engine.host();
    insta::assert_snapshot!(deploy(&text, &["-H", &host]).expect_code(3).stderr);
}

#[test]
fn checks_that_cannot_be_made() {
    let checks = "    web: { http: shop.example/health }\n    db: { tcp: db }\n    smoke: { command: smoke, service: app }\n";
    let engine = FakeManager::start();
    let host = engine.host();
    let text = format!("{GOOD}x-tidegate:\n  checks:\n{checks}");
    insta::assert_snapshot!(deploy(&text, &["-H", &host]).expect_code(3).stderr);
}

#[test]
fn services_that_wait_for_each_other() {
    let text = "services:\n  a: { image: x, depends_on: [b] }\n  b: { image: x, depends_on: [a] }\n";
    let engine = FakeManager::start();
    let host = engine.host();
    insta::assert_snapshot!(deploy(text, &["-H", &host]).expect_code(3).stderr);
}

#[test]
fn an_engine_that_is_not_there() {
    let ended = deploy(GOOD, &["-H", "unix:///nonexistent/docker.sock"]).expect_code(4);
    insta::assert_snapshot!(ended.stderr);
}

#[test]
fn an_engine_that_does_not_answer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("silent.sock");
    // It accepts connections, and never says a word.
    let _silent = UnixListener::bind(&socket).expect("a socket");
    let begun = Instant::now();
    let ended = deploy(GOOD, &["-H", &format!("unix://{}", socket.display())]).expect_code(4);
    assert!(begun.elapsed() < Duration::from_secs(30));
    insta::with_settings!({ filters => vec![(r"unix://\S+/silent.sock", "unix://SOCKET")] }, {
        insta::assert_snapshot!(ended.stderr);
    });
}

#[test]
fn an_engine_that_is_no_manager() {
    for (name, swarm) in [
        ("worker", r#"{"NodeID":"n","LocalNodeState":"active","ControlAvailable":false}"#),
        ("inactive", r#"{"NodeID":"","LocalNodeState":"inactive","ControlAvailable":false}"#),
    ] {
        let engine = FakeManager::with(swarm);
        let host = engine.host();
        insta::assert_snapshot!(name, deploy(GOOD, &["-H", &host]).expect_code(4).stderr);
    }
}

#[test]
fn a_database_that_refuses() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir_all(folder.path().join("migrations/versions")).expect("a folder");
    std::fs::write(folder.path().join("alembic.ini"), "[alembic]\nscript_location = migrations\n")
        .expect("a file");
    // A port that nobody listens on: bound, and freed again.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["migrate", "--wait", "1s"]).current_dir(folder.path()).env_clear();
    command.env("DATABASE_URL", format!("postgresql://app:canary@127.0.0.1:{port}/app"));
    let ended = command::run(&mut command, Duration::from_secs(30)).expect_code(5);
    let text = ended.text();
    assert!(text.contains("refused") && !text.contains("canary"), "{text}");
}

#[test]
fn a_command_line_that_is_not_understood() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    tidegate(folder.path(), &["deploy", "shop"]).expect_code(2);
    tidegate(folder.path(), &["deploy", "-c", "x", "--wait-lease", "soon", "shop"]).expect_code(2);
    tidegate(folder.path(), &["--help"]).expect_code(0);
}

#[test]
fn machines_get_the_same_as_json_and_github_as_annotations() {
    let text = "services:\n  api:\n    imgae: app\n";
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("stack.yml"), text).expect("a stack file");
    let json =
        tidegate(folder.path(), &["deploy", "--output", "json", "-c", "stack.yml", "shop"]).expect_code(3);
    let last: serde_json::Value =
        serde_json::from_str(json.stdout.lines().last().unwrap_or_default()).expect("the last line is JSON");
    assert_eq!(
        (&last["event"], &last["code"], &last["diagnostics"][0]["line"]),
        (&"error".into(), &3.into(), &3.into())
    );
    let mut github = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    github.args(["deploy", "-c", "stack.yml", "shop"]).current_dir(folder.path());
    github.env_clear().env("GITHUB_ACTIONS", "true");
    let github = command::run(&mut github, Duration::from_secs(30)).expect_code(3);
    assert!(github.stderr.contains("::error file=stack.yml,line=3,col="), "{}", github.stderr);
}
