//! A stack of the stock client is taken over without a restart of what is unchanged, and given back.

use std::collections::BTreeSet;

use testbed::command::{self, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

#[test]
fn a_stack_is_taken_over_and_given_back() {
    let engine = Engine::start();
    let binary: &std::path::Path = env!("CARGO_BIN_EXE_tidegate").as_ref();
    engine.build_images(Some(binary));
    let stack = Stack::new(&engine, "adoption");
    let files = [Stack::example("stack.yml")];
    let options = ["--resolve-image", "never"];
    let official =
        |release: &str| command::run(&mut stack.stock_deploy(release, &files, &options), DEPLOY_LIMIT);
    // What runs, by container: a restart would make another one.
    let containers = || {
        let all = engine.docker(["ps", "--format", "{{.ID}} {{.Names}}"]).expect_success().stdout;
        let own = all.lines().filter(|line| line.contains(&stack.name) && !line.contains("_migrate"));
        own.map(str::to_owned).collect::<BTreeSet<String>>()
    };

    official("v1").expect_success();
    stack.wait_for_release("v1");
    wait_for("stock Alembic's success with v1", DEPLOY_LIMIT, || (!stack.rows().is_empty()).then_some(()));
    let before = containers();
    assert!(before.len() > 5, "{before:?}");

    let file = Stack::example("stack.yml").display().to_string();
    let mut plan = std::process::Command::new(binary);
    plan.env("DOCKER_HOST", engine.host()).envs(&stack.environment).env("RELEASE", "v1");
    plan.args(["plan", "-c", &file, "--resolve-image", "never", &stack.name]);
    let planned = command::run(&mut plan, DEPLOY_LIMIT).expect_success();
    let gives_way = format!("service `{}_migrate` gives way to the gate", stack.name);
    assert!(planned.stdout.contains(&gives_way), "{}", planned.stdout);
    assert!(planned.stdout.contains("was not deployed by Tidegate"), "{}", planned.stdout);

    let mut deploy = stack.tidegate_deploy(binary, "v1", &files, &options);
    command::run(&mut deploy, DEPLOY_LIMIT).expect_success();
    assert_eq!(containers(), before, "nothing was restarted");
    assert!(!stack.images().contains_key("migrate"), "{:?}", stack.images());

    // And back: the stock client deploys and removes what Tidegate has deployed.
    official("v2").expect_success();
    stack.wait_for_release("v2");
    engine.docker(["stack", "rm", &stack.name]).expect_success();
    wait_for("the end of its services", DEPLOY_LIMIT, || {
        stack.list("service", "{{.Name}}").is_empty().then_some(())
    });
}
