//! Each kind of change on a real engine: planned, agreed to, deployed, listed, compared, and gone back from, field for
//! field.

use std::collections::BTreeMap;

use serde_json::Value;
use testbed::command::{self, Finished};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

const ONE: &str = "version: '3.8'
services:
  api:
    image: sleeper:1
    stop_grace_period: 0s
    environment: {MODE: one}
    networks: [back]
    configs: [conf]
    secrets: [pass]
    deploy: {replicas: 2, update_config: {monitor: 1s}}
  agent: {image: 'sleeper:1', stop_grace_period: 0s, networks: [back]}
  old: {image: 'sleeper:1', stop_grace_period: 0s, networks: [back]}
networks: {back: {}}
configs: {conf: {file: conf-1}}
secrets: {pass: {file: pass-1}}
";
const TWO: &str = "version: '3.8'
services:
  api:
    image: sleeper:2
    stop_grace_period: 0s
    environment: {MODE: two, MORE: x}
    networks: [back, front]
    configs: [conf]
    secrets: [pass]
    deploy: {replicas: 3, update_config: {monitor: 1s, order: start-first}}
  agent: {image: 'sleeper:1', stop_grace_period: 0s, networks: [back], deploy: {mode: global}}
  new: {image: 'sleeper:2', stop_grace_period: 0s, networks: [front]}
networks: {back: {}, front: {}}
configs: {conf: {file: conf-2}}
secrets: {pass: {file: pass-2}}
";

/// Every service's spec as the engine has it, without what says how it came about.
fn specs(engine: &Engine, stack: &Stack) -> BTreeMap<String, Value> {
    let names = stack.list("service", "{{.Name}}");
    let spec = |name: &str| {
        let shown =
            engine.docker(["service", "inspect", "--format", "{{json .Spec}}", name]).expect_success();
        let mut spec: Value = serde_json::from_str(&shown.stdout).expect("the client writes JSON");
        spec["Labels"].as_object_mut().expect("labels").remove("tidegate.release");
        spec["TaskTemplate"].as_object_mut().expect("a template").remove("ForceUpdate");
        (name.to_owned(), spec)
    };
    names.lines().map(spec).collect()
}

#[test]
fn each_kind_of_change_is_gone_back_from_field_for_field() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2"]);
    let stack = Stack::new(&engine, "rollback");
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    for (name, text) in [("conf-1", "one"), ("conf-2", "two"), ("pass-1", "canary-1"), ("pass-2", "canary-2")]
    {
        stack.file(name, text);
    }
    let files = |text: &str| [stack.file("stack.yml", text)];
    let deploy = |text: &str, more: &[&str]| -> Finished {
        let options = [&["--resolve-image", "never", "--prune"], more].concat();
        command::run(&mut stack.tidegate_deploy(binary, "x", &files(text), &options), DEPLOY_LIMIT)
    };
    let plan = |text: &str, more: &[&str]| -> Finished {
        let file = files(text)[0].display().to_string();
        let options = [&["plan", "-c", &file, "--resolve-image", "never", "--prune"], more].concat();
        stack.tidegate(binary, &options)
    };
    let ask = |arguments: &[&str]| stack.tidegate(binary, arguments);

    assert_eq!(plan(ONE, &["--detailed-exitcode"]).code, Some(14));
    deploy(ONE, &[]).expect_success();
    assert_eq!(plan(ONE, &["--detailed-exitcode"]).code, Some(0));
    let first = specs(&engine, &stack);

    // The plan is looked at, kept, and carried out as it was.
    let kept = stack.file("agreed.json", "");
    let kept = kept.display().to_string();
    let planned = plan(TWO, &["--out", &kept]).expect_success();
    for words in
        ["(another mode: removed and made again)", "undo: if it fails, every service goes back to release 1"]
    {
        assert!(planned.stdout.contains(words), "{}", planned.stdout);
    }
    let moved = deploy(ONE, &["--plan", &kept]);
    assert_eq!(moved.code, Some(10), "{}", moved.text());
    deploy(TWO, &["--plan", &kept]).expect_success();
    let again = deploy(TWO, &["--plan", &kept]);
    assert_eq!(again.code, Some(10), "{}", again.text());
    assert!(again.stderr.contains("this would be release 3 and not 2"), "{}", again.stderr);
    let second = specs(&engine, &stack);
    assert_ne!(first, second);

    let dry = ask(&["rollback", "--dry-run"]).expect_success();
    assert!(dry.stdout.contains("release 3, which is release 1 again"), "{}", dry.stdout);
    assert_eq!(specs(&engine, &stack), second, "--dry-run writes nothing");
    let returned = ask(&["rollback"]).expect_success();
    assert!(returned.stdout.contains("runs release 3, which is release 1 again"), "{}", returned.stdout);
    assert_eq!(specs(&engine, &stack), first);
    let unchanged = deploy(ONE, &[]).expect_success();
    assert!(unchanged.stdout.contains("nothing was changed"), "{}", unchanged.stdout);

    // Each kind of change, as a person reads it afterwards.
    let mut diff = std::process::Command::new(binary);
    diff.env("DOCKER_HOST", engine.host()).args(["releases", "diff", &stack.name, "1", "2"]);
    let diff = command::run(&mut diff, DEPLOY_LIMIT).expect_success();
    let name = &stack.name;
    for words in [
        "TaskTemplate.ContainerSpec.Image: sleeper:1 -> sleeper:2",
        "TaskTemplate.ContainerSpec.Env[MODE]: changed",
        "TaskTemplate.ContainerSpec.Env[MORE]: (hidden) (new)",
        "TaskTemplate.Networks",
        "TaskTemplate.ContainerSpec.Secrets",
        "TaskTemplate.ContainerSpec.Configs",
        "Mode.Replicated.Replicas: 2 -> 3",
        "Mode.Replicated.Replicas: 1 (gone)",
        &format!("+ {name}_new"),
        &format!("- {name}_old"),
    ] {
        assert!(diff.stdout.contains(words), "{words}: {}", diff.stdout);
    }

    let list = ask(&["releases"]).expect_success();
    assert_eq!(list.stdout.lines().count(), 3, "{}", list.stdout);
    assert!(list.stdout.starts_with("*    3  succeeded"), "{}", list.stdout);
    let lease = ask(&["lease", "show"]).expect_success();
    assert!(lease.stdout.starts_with("nobody is deploying stack"), "{}", lease.stdout);
    for text in [&planned, &moved, &dry, &returned, &diff, &list] {
        assert!(!text.text().contains("canary"), "{}", text.text());
    }

    // What somebody else changed is kept if asked, and shown again.
    let api = format!("{}_api", stack.name);
    engine.docker(["service", "scale", "--detach", &format!("{api}=4")]).expect_success();
    assert_eq!(deploy(TWO, &[]).code, Some(10));
    deploy(TWO, &["--on-drift", "keep"]).expect_success();
    let replicas =
        engine.docker(["service", "inspect", "--format", "{{.Spec.Mode.Replicated.Replicas}}", &api]);
    assert_eq!(replicas.stdout.trim(), "4");
    assert_eq!(deploy(TWO, &[]).code, Some(10));
}

#[test]
fn the_database_goes_back_with_the_stack_if_asked() {
    let engine = Engine::start();
    let binary: &std::path::Path = env!("CARGO_BIN_EXE_tidegate").as_ref();
    engine.build_images(Some(binary));
    let stack = Stack::new(&engine, "database");
    let deploy = |release: &str| {
        let files = [Stack::example("stack.yml")];
        let mut command = stack.tidegate_deploy(binary, release, &files, &["--resolve-image", "never"]);
        command::run(&mut command, DEPLOY_LIMIT).expect_success()
    };
    deploy("v1");
    let first = stack.rows();
    deploy("v2");
    let second = stack.rows();
    assert_ne!(first, second);

    let dry = stack.tidegate(binary, &["rollback", "--dry-run"]).expect_success();
    let verdict =
        format!("the database stays at {}: release 1 was deployed with it at {}", second[0], first[0]);
    assert!(dry.stdout.contains(&verdict), "{}", dry.stdout);
    assert!(dry.stdout.contains("its code does not know"), "{}", dry.stdout);
    stack.tidegate(binary, &["rollback", "--with-migrations"]).expect_success();
    assert_eq!(stack.rows(), first);
    stack.sql("SELECT tags FROM zone_tags").code.map_or_else(
        || panic!("psql was killed"),
        |code| assert_ne!(code, 0, "the table of the newer release is gone"),
    );
    stack.wait_for_release("v1");
    // And forward again.
    deploy("v2");
    assert_eq!(stack.rows(), second);
}
