//! `kill -9` of `tidegate migrate` at moments that a seed decides, on a real PostgreSQL: the same command again leaves the database
//! that a run without a kill leaves. `TIDEGATE_KILLS=100` tries that many moments, `TIDEGATE_SEED` decides others.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testbed::command::{self, Finished};
use testbed::postgres::Postgres;
use testbed::python;

#[path = "support/moments.rs"]
mod moments;

use moments::Moments;

const LIMIT: Duration = Duration::from_mins(2);

const ENV_PY: &str = r#"import os
from alembic import context
from sqlalchemy import create_engine, pool

with create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"#;

/// Revisions that leave a line each time they run, so that one that runs twice is seen.
fn project(folder: &Path) {
    let versions = folder.join("migrations/versions");
    fs::create_dir_all(&versions).unwrap();
    fs::write(folder.join("alembic.ini"), "[alembic]\nscript_location = migrations\n").unwrap();
    fs::write(folder.join("migrations/env.py"), ENV_PY).unwrap();
    let mut down = "None".to_owned();
    for number in 1..=5 {
        let first = if number == 1 { "    op.execute('CREATE TABLE done (revision text)')\n" } else { "" };
        let text = format!(
            "from alembic import op\nrevision = 'r{number}'\ndown_revision = {down}\n\n\ndef upgrade():\n{first}    \
             op.execute('CREATE TABLE t{number} (id int)')\n    op.execute('SELECT pg_sleep(0.1)')\n    \
             op.execute(\"INSERT INTO done VALUES ('r{number}')\")\n"
        );
        fs::write(versions.join(format!("r{number}.py")), text).unwrap();
        down = format!("'r{number}'");
    }
}

fn migrate(folder: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", python::bin().display()));
    command.current_dir(folder).env("DATABASE_URL", url).arg("migrate");
    command
}

/// What is in the database: its schema but for Tidegate's own, the version table's rows, and which revisions have run.
fn state(server: &Postgres, database: &str) -> String {
    let tables = "SELECT string_agg(format('%s.%s %s', table_name, column_name, data_type), E'\\n' ORDER BY 1) \
                  FROM information_schema.columns WHERE table_schema = 'public'";
    let tables = server.sql(database, &tables.replace("ORDER BY 1", "ORDER BY table_name, column_name"));
    let rows = server.sql(database, "SELECT version_num FROM alembic_version");
    let done = server.sql(database, "SELECT string_agg(revision, ' ' ORDER BY revision) FROM done");
    format!("{tables}\nrows {rows}\ndone {done}")
}

#[test]
fn a_migration_that_is_killed_anywhere_ends_the_same_when_run_again() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path());
    let server = Postgres::start();
    let database = server.create_database();
    let begun = Instant::now();
    command::run(&mut migrate(folder.path(), &server.url(&database)), LIMIT).expect_success();
    let whole = begun.elapsed();
    let expected = state(&server, &database);
    assert!(expected.ends_with("rows r5\ndone r1 r2 r3 r4 r5"), "{expected}");

    let (mut interrupted, mut number) = (0, 0);
    for moment in Moments::new(12, whole) {
        number += 1;
        let database = server.create_database();
        let mut command = migrate(folder.path(), &server.url(&database));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        interrupted += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let again: Finished = command::run(&mut migrate(folder.path(), &server.url(&database)), LIMIT);
        assert_eq!(again.code, Some(0), "killed after {moment:?}: {}", again.text());
        assert_eq!(state(&server, &database), expected, "killed after {moment:?}: {}", again.text());
    }
    // A run that is over cannot be killed: most must not be.
    assert!(interrupted * 2 > number, "{interrupted} of {number}");
}
