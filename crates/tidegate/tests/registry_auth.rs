//! `--with-registry-auth`: the docker client's credentials go to the engine, only when asked for, and nowhere else.

use std::process::Command;
use std::time::Duration;

use fake_manager::FakeManager;
use testbed::command;

#[path = "support/fake_manager.rs"]
mod fake_manager;

/// What the engine was asked about the image, headers included, and what was printed.
fn plan(options: &[&str]) -> (String, String) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let stack = home.path().join("stack.yml");
    std::fs::write(&stack, "services:\n  api:\n    image: registry.test/app:1\n").expect("a stack file");
    std::fs::create_dir(home.path().join(".docker")).expect("a folder");
    // user:canary-password
    let config = r#"{"auths":{"registry.test":{"auth":"dXNlcjpjYW5hcnktcGFzc3dvcmQ="}}}"#;
    std::fs::write(home.path().join(".docker/config.json"), config).expect("a configuration");
    let engine = FakeManager::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.env_clear().env("HOME", home.path()).args(["plan", "-H", &engine.host()]).args(options);
    command.arg("-c").arg(&stack).arg("shop");
    let ended = command::run(&mut command, Duration::from_secs(30)).expect_success();
    let asked = engine.requests().into_iter().find(|request| request.contains("/distribution/"));
    (asked.expect("the image was asked about").to_lowercase(), ended.text())
}

#[test]
fn credentials_are_sent_when_asked_for_and_never_shown() {
    let (without, _) = plan(&[]);
    assert!(!without.contains("x-registry-auth"), "{without}");
    let (with, printed) = plan(&["--with-registry-auth"]);
    assert!(with.contains("x-registry-auth: "), "{with}");
    assert!(!printed.contains("canary"), "{printed}");
}
