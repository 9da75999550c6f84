//! Changed content of a config and of a secret: the stock client refuses, Tidegate gives it a name of its own and the
//! containers read it.

use testbed::command::{self, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

/// Shows what it reads from its config and its secret.
const READER: &str = "while true; do read -r c < /conf; read -r s < /run/secrets/pass; echo \"config $c secret $s\"; sleep 0.2; done";

fn text(config: &str) -> String {
    format!(
        "version: '3.8'
services:
  reader:
    image: reader:1
    stop_grace_period: 0s
    configs: [conf]
    secrets: [pass]
    deploy: {{ update_config: {{ monitor: 1s }} }}
  other: {{ image: 'sleeper:1', stop_grace_period: 0s }}
configs: {{ conf: {{ file: {config} }} }}
secrets: {{ pass: {{ file: pass }} }}
"
    )
}

#[test]
fn containers_read_the_new_content() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1"]);
    engine.import_scripts([("reader:1", READER)]);
    let stack = Stack::new(&engine, "contents");
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    stack.file("one", "1");
    stack.file("two", "2");
    stack.file("pass", "canary-old");
    let file = |config: &str| [stack.file("stack.yml", &text(config))];
    let official = |config: &str| {
        let mut command = stack.stock_deploy("1", &file(config), &["--resolve-image", "never"]);
        command::run(&mut command, DEPLOY_LIMIT)
    };
    let tidegate = |config: &str| {
        let mut command = stack.tidegate_deploy(binary, "1", &file(config), &["--resolve-image", "never"]);
        command::run(&mut command, DEPLOY_LIMIT).expect_success()
    };
    let reads = |words: &str| {
        wait_for(words, DEPLOY_LIMIT, || stack.logs("reader").contains(words).then_some(()));
    };

    official("one").expect_success();
    reads("config 1 secret canary-old");
    let refused = official("two");
    assert_eq!(refused.code, Some(1));
    assert!(refused.text().contains("only updates to Labels are allowed"), "{}", refused.text());

    // The stack that the stock client made is taken over: what it stored is compared, and found to be another.
    let other = engine.docker(["service", "ps", "-q", &format!("{}_other", stack.name)]).stdout;
    stack.file("pass", "canary-new");
    tidegate("two");
    reads("config 2 secret canary-new");
    assert_eq!(engine.docker(["service", "ps", "-q", &format!("{}_other", stack.name)]).stdout, other);
    let again = tidegate("two");
    assert!(again.stdout.contains("nothing was changed"), "{}", again.text());
    assert!(!again.text().contains("canary"), "{}", again.text());

    let configs = stack.list("config", "{{.Name}}");
    assert_eq!(configs.lines().filter(|name| name.starts_with(&format!("{}_conf", stack.name))).count(), 2);
    stack.tidegate(binary, &["rm"]).expect_success();
    assert_eq!(stack.list("config", "{{.Name}}") + &stack.list("secret", "{{.Name}}"), "");
}
