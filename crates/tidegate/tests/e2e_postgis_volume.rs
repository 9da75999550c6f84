//! Founding failure 1: the database's volume outlived the init script, so there is no `PostGIS`.

use std::time::Duration;

use testbed::command::{self, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

/// Makes the stack's database volume as an earlier life of the system left it: initialised, with data, and without
/// `PostGIS`.
fn leave_a_volume_without_postgis(stack: &Stack) {
    let docker = |arguments: &[&str]| stack.engine.docker(arguments).expect_success();
    let volume = format!("{}_postgres-data", stack.name);
    let label = format!("com.docker.stack.namespace={}", stack.name);
    docker(&["volume", "create", "--label", &label, &volume]);
    let mount = format!("{volume}:/var/lib/postgresql/data");
    let password = format!("POSTGRES_PASSWORD={}", stack.environment["POSTGRES_PASSWORD"]);
    let environment = ["-e", "POSTGRES_USER=staging", "-e", "POSTGRES_DB=staging", "-e", &password];
    let image = ["tidegate-example/services:1", "postgres-entrypoint"];
    let run = ["run", "--detach", "--network", "none", "--stop-signal", "INT", "--volume", &mount];
    let started = docker(&[&run[..], &environment, &image].concat());
    let container = started.stdout.trim();
    wait_for("the first life of the database", Duration::from_mins(1), || {
        let ready = ["exec", container, "pg_isready", "-q", "-h", "127.0.0.1"];
        (stack.engine.docker(ready).code == Some(0)).then_some(())
    });
    let keep = "CREATE TABLE keepsake AS SELECT 'still here' AS text";
    docker(&["exec", container, "psql", "-U", "staging", "-d", "staging", "-c", keep]);
    docker(&["stop", container]);
    docker(&["rm", container]);
}

#[test]
fn a_volume_without_postgis() {
    let engine = Engine::start();
    engine.build_images(Some(env!("CARGO_BIN_EXE_tidegate").as_ref()));
    let stack = Stack::new(&engine, "volume");
    leave_a_volume_without_postgis(&stack);

    // Stock: the init script that would create the extension runs on an empty volume only.
    let files = [Stack::example("stack.yml"), Stack::example("stack.stock.yml")];
    command::run(&mut stack.stock_deploy("v1", &files, &["--resolve-image", "never"]), DEPLOY_LIMIT)
        .expect_success();
    wait_for("stock Alembic's error", DEPLOY_LIMIT, || {
        stack.logs("migrate").contains("type \"geometry\" does not exist").then_some(())
    });
    assert!(stack.rows().is_empty(), "stock Alembic has migrated: {:?}", stack.rows());
    assert_eq!(engine.get(&stack.url("/zones")).0, 500, "the new code serves without its schema");
}
