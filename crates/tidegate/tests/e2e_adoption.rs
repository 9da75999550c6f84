//! A stack of the stock client is taken over without a restart of what is unchanged, and given back.

use testbed::command::{self, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

#[test]
fn a_stack_is_taken_over_and_given_back() {
    let engine = Engine::start();
    let binary: &std::path::Path = env!("CARGO_BIN_EXE_tidegate").as_ref();
    engine.build_images(Some(binary));
    let stack = Stack::new(&engine, "adoption");
    let stock_files = [Stack::example("stack.yml"), Stack::example("stack.stock.yml")];
    let options = ["--resolve-image", "never"];
    let stock =
        |release: &str| command::run(&mut stack.stock_deploy(release, &stock_files, &options), DEPLOY_LIMIT);

    stock("v1").expect_success();
    stack.wait_for_release("v1");
    wait_for("stock Alembic's success with v1", DEPLOY_LIMIT, || (!stack.rows().is_empty()).then_some(()));
    let starts = stack.watch_starts();
    let before = starts.so_far().len();

    let file = Stack::example("stack.yml").display().to_string();
    let mut plan = std::process::Command::new(binary);
    plan.env("DOCKER_HOST", engine.host()).envs(&stack.environment).env("RELEASE", "v1");
    plan.args(["plan", "-c", &file, "--resolve-image", "never", &stack.name]);
    let planned = command::run(&mut plan, DEPLOY_LIMIT).expect_success();
    let gives_way = format!("service `{}_migrate` gives way to the gate", stack.name);
    assert!(planned.stdout.contains(&gives_way), "{}", planned.stdout);
    assert!(planned.stdout.contains("was not deployed by Tidegate"), "{}", planned.stdout);

    let mut deploy = stack.tidegate_deploy(binary, "v1", &[Stack::example("stack.yml")], &options);
    command::run(&mut deploy, DEPLOY_LIMIT).expect_success();
    let since: Vec<(String, String)> = starts.so_far().into_iter().skip(before).collect();
    assert!(since.iter().all(|(service, _)| service.starts_with("migrate")), "restarted: {since:?}");
    assert!(!stack.images().contains_key("migrate"), "{:?}", stack.images());
    drop(starts);

    // And back: the stock client deploys and removes what Tidegate has deployed.
    stock("v2").expect_success();
    stack.wait_for_release("v2");
    engine.docker(["stack", "rm", &stack.name]).expect_success();
    wait_for("the end of its services", DEPLOY_LIMIT, || {
        stack.list("service", "{{.Name}}").is_empty().then_some(())
    });
}
