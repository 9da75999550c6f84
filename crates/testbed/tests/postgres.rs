//! The throwaway server starts, answers, and is gone with its handle.

use std::path::Path;

use testbed::postgres::{PASSWORD, PgBouncer, Postgres, percent};
use testbed::python;

#[test]
fn a_server_starts_answers_and_ends_with_its_handle() {
    let postgres = Postgres::start();
    let database = postgres.create_database();
    postgres.sql(&database, "CREATE EXTENSION postgis");
    assert_eq!(postgres.sql(&database, "SELECT 40 + 2"), "42");
    let bouncer = PgBouncer::start(&postgres, "transaction");
    assert_ne!(bouncer.port(), postgres.port());
    let process = format!("/proc/{}", postgres.pid());
    let folder = postgres.socket_folder().to_owned();
    assert!(Path::new(&process).exists());
    drop(postgres);
    assert!(!Path::new(&process).exists(), "the server outlived its handle");
    assert!(!folder.exists(), "the folder outlived the server");
}

#[test]
fn the_shared_python_has_alembic() {
    assert!(python::bin().join("alembic").exists());
    assert_eq!(percent(PASSWORD), "canary%2Fpa55%3Aw%40rd");
}
