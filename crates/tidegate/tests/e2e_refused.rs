//! Releases that cannot work leave everything as it was: a migration that fails, an API that crashes. And one with two
//! heads, both wanted, that works.

use std::collections::BTreeMap;
use std::path::Path;

use testbed::command::{self, Finished};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

fn deploy(stack: &Stack, release: &str) -> Finished {
    let binary = Path::new(env!("CARGO_BIN_EXE_tidegate"));
    let files = [Stack::example("stack.yml")];
    let options = ["--resolve-image", "never"];
    command::run(&mut stack.tidegate_deploy(binary, release, &files, &options), DEPLOY_LIMIT)
}

/// Every service's spec, field for field; the gates' runs aside.
fn specs(stack: &Stack) -> BTreeMap<String, serde_json::Value> {
    let names = stack.list("service", "{{.Name}}");
    let own = names.lines().filter(|name| !name.contains("_migrate"));
    own.map(|name| {
        let spec =
            stack.engine.docker(["service", "inspect", "--format", "{{json .Spec}}", name]).expect_success();
        (name.to_owned(), serde_json::from_str(&spec.stdout).expect("a spec is JSON"))
    })
    .collect()
}

fn table_columns(stack: &Stack) -> String {
    let columns = "SELECT table_name, column_name, data_type FROM information_schema.columns \
                   WHERE table_schema = 'public' ORDER BY 1, 2";
    let constraints = "SELECT conname FROM pg_constraint ORDER BY 1";
    stack.sql(columns).expect_success().stdout + &stack.sql(constraints).expect_success().stdout
}

#[test]
fn what_cannot_work_is_put_back_field_for_field() {
    let engine = Engine::start();
    engine.build_images(Some(env!("CARGO_BIN_EXE_tidegate").as_ref()));
    let stack = Stack::new(&engine, "refused");

    // A first release that fails leaves nothing but its volumes.
    let failed = deploy(&stack, "v4-crash").expect_code(7);
    assert!(failed.stdout.contains("does not exist, as before"), "{}", failed.stdout);
    // What cannot be taken back is said: its revisions are in the volume.
    assert!(failed.stderr.contains("the database is not as before: 17 revisions"), "{}", failed.stderr);
    for kind in ["service", "network", "secret"] {
        assert_eq!(stack.list(kind, "{{.Name}}"), "", "{kind}");
    }

    deploy(&stack, "v2").expect_success();
    stack.wait_for_release("v2");
    let (before, rows, columns) = (specs(&stack), stack.rows(), table_columns(&stack));

    // A migration that fails half way: no application service is touched, nothing of it is committed.
    let tasks = stack.list("container", "{{.ID}} {{.Names}}");
    let load = stack.load(20, &["/zones"]);
    let refused = deploy(&stack, "v3-broken").expect_code(6);
    assert!(refused.stderr.contains("zones_population_check"), "{}", refused.stderr);
    assert!(refused.stdout.contains("was refused at its gate; stack"), "{}", refused.stdout);
    assert_eq!(load.stop().failed, 0);
    assert_eq!((specs(&stack), stack.rows(), table_columns(&stack)), (before.clone(), rows.clone(), columns));
    let applications = |list: &str| {
        list.lines().filter(|line| !line.contains("_migrate-")).map(str::to_owned).collect::<Vec<_>>()
    };
    let now = stack.list("container", "{{.ID}} {{.Names}}");
    assert_eq!(applications(&now), applications(&tasks), "a container of an application was replaced");

    // An API that exits at start: every service goes back, and no request fails.
    let load = stack.load(20, &["/zones"]);
    let crashed = deploy(&stack, "v4-crash").expect_code(7);
    assert!(crashed.stderr.contains("KeyError: 'TILE_SERVER_URL'"), "{}", crashed.stderr);
    assert_eq!(load.stop().failed, 0);
    assert_eq!((specs(&stack), stack.rows()), (before, rows));
    stack.wait_for_release("v2");

    // After all that, the release in force is still v2: deploying it again writes nothing.
    let again = deploy(&stack, "v2").expect_success();
    assert!(again.stdout.contains("nothing was changed"), "{}", again.stdout);

    // Two heads, both wanted.
    deploy(&stack, "v5-two-heads").expect_success();
    stack.wait_for_release("v5-two-heads");
    assert_eq!(stack.rows().len(), 2);
}
