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
    wait_for("the new code to serve without its schema", DEPLOY_LIMIT, || {
        (engine.get(&stack.url("/zones")).0 == 500).then_some(())
    });

    // Tidegate takes the same stack over as it stands: the extension, then the schema, then the services.
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    let files = [Stack::example("stack.yml")];
    let mut deploy = stack.tidegate_deploy(binary, "v1", &files, &["--resolve-image", "never"]);
    let deployed = command::run(&mut deploy, DEPLOY_LIMIT).expect_success();
    assert!(deployed.stdout.contains("extension postgis: created"), "{}", deployed.stdout);
    stack.wait_for_release("v1");
    assert_eq!(stack.rows(), ["f52d9370c16e"]);
    assert_eq!(engine.get(&stack.url("/zones")).0, 200);
    let kept = stack.sql("SELECT text FROM keepsake").expect_success();
    assert_eq!(kept.stdout.trim(), "still here", "the volume's data is gone");
    let extensions = "SELECT extname FROM pg_extension WHERE extname LIKE 'postgis%' ORDER BY 1";
    assert_eq!(stack.sql(extensions).stdout, "postgis\npostgis_topology\n");
}
