//! `tidegate migrate` as a program: its exit codes, its two forms of output, signals. What it does to a database is
//! tested in `crates/database/tests`.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use testbed::postgres::{PASSWORD, Postgres};
use testbed::python;

const ENV_PY: &str = r#"
import os
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"#;

fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(Postgres::start)
}

/// A project whose only revision runs these statements.
fn project(upgrade: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let versions = folder.path().join("migrations/versions");
    fs::create_dir_all(&versions).unwrap();
    fs::write(folder.path().join("alembic.ini"), "[alembic]\nscript_location = %(here)s/migrations\n")
        .unwrap();
    fs::write(folder.path().join("migrations/env.py"), ENV_PY).unwrap();
    let text = format!(
        "\"\"\"add the users\"\"\"\nfrom alembic import op\nrevision = 'u1'\ndown_revision = None\n\n\ndef upgrade():\n    \
         {upgrade}\n"
    );
    fs::write(versions.join("u1.py"), text).unwrap();
    folder
}

fn tidegate(folder: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .arg("migrate")
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", python::bin().display()))
        .env("DATABASE_URL", url)
        .stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(!format!("{stdout}{stderr}").contains(PASSWORD), "the password shows:\n{stdout}{stderr}");
    (status.code().unwrap_or(-1), stdout, stderr)
}

fn events(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

#[test]
fn people_read_plain_lines() {
    let project = project("op.execute('CREATE TABLE users (id int)')");
    let url = server().url(&server().create_database());
    let (code, stdout, stderr) = run(&mut tidegate(project.path(), &url));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains("1 revision to apply from nothing: u1"), "{stdout}");
    assert!(stdout.contains("+ u1 applied ("), "{stdout}");
    assert!(stdout.contains("add the users"), "{stdout}");
    assert!(stdout.trim_end().ends_with("the database is at u1"), "{stdout}");
    let (code, stdout, _) = run(&mut tidegate(project.path(), &url));
    assert_eq!(code, 0);
    assert!(stdout.contains("the database is at u1: nothing to do"), "{stdout}");
}

#[test]
fn machines_read_json_lines_that_end_with_a_report() {
    let project = project("op.execute('CREATE TABLE users (id int)')");
    let url = server().url(&server().create_database());
    let mut command = tidegate(project.path(), &url);
    command.env("TIDEGATE_OUTPUT", "json").env("TIDEGATE_RUN", "run-7").env("TIDEGATE_RELEASE", "3");
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let events = events(&stdout);
    assert!(
        events.iter().all(|event| event["event"].is_string() && event["message"].is_string()),
        "{stdout}"
    );
    let applied: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "revision" && event["state"] == "applied").collect();
    assert_eq!(applied.len(), 1);
    assert_eq!(applied[0]["revision"], "u1");
    assert!(applied[0]["seconds"].is_f64());
    let report = events.last().unwrap();
    assert_eq!(report["event"], "report");
    assert_eq!((&report["run"], &report["release"]), (&"run-7".into(), &"3".into()));
    assert_eq!((&report["outcome"], &report["error"]), (&"migrated".into(), &Value::Null));
    assert_eq!(report["rows"], serde_json::json!(["u1"]));
    assert_eq!(report["heads"], serde_json::json!(["u1"]));
    assert_eq!(report["rows_before"], serde_json::json!([]));
}

#[test]
fn every_kind_of_failure_has_its_exit_code_and_its_report() {
    let fine = project("pass");
    let broken = project("op.execute('SELECT 1/0')");
    let bad_file = project("pass");
    fs::write(bad_file.path().join("migrations/versions/u1.py"), "revision = 'u1'\ndown_revision = 'gone'\n")
        .unwrap();
    let url = server().url(&server().create_database());
    let wrong = server().url_as("postgres", "canary-wrong", "postgres");
    let cases = [
        (&fine, "mysql://h/d", 3, "settings"),
        (&bad_file, url.as_str(), 3, "history"),
        (&fine, wrong.as_str(), 5, "database_refused"),
        (&broken, url.as_str(), 6, "alembic"),
    ];
    for (project, url, expected, kind) in cases {
        let (code, stdout, stderr) = run(tidegate(project.path(), url).args(["--output", "json"]));
        let report = events(&stdout).pop().unwrap();
        assert_eq!((code, report["error"]["kind"].as_str()), (expected, Some(kind)), "{stdout}");
        assert_eq!((report["outcome"].as_str(), stderr.as_str()), (Some("failed"), ""));
        let (code, _, stderr) = run(&mut tidegate(project.path(), url));
        assert_eq!(code, expected);
        assert!(stderr.contains("error: "), "{stderr}");
    }
    let (code, _, stderr) = run(tidegate(fine.path(), &url).args(["--wait", "soon"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("write a duration, for example 90s"), "{stderr}");
}

#[test]
fn a_bad_revision_file_is_shown_with_its_place() {
    let project = project("pass");
    fs::write(project.path().join("migrations/versions/u2.py"), "revision = 'u2'\ndown_revision = 'u11'\n")
        .unwrap();
    let (code, _, stderr) = run(&mut tidegate(project.path(), "postgresql://u@nowhere.invalid/d"));
    assert_eq!(code, 3);
    assert!(stderr.contains("u2.py:2:"), "{stderr}");
    assert!(stderr.contains("down_revision = 'u11'"), "{stderr}");
}

#[test]
fn sigterm_ends_the_run_its_processes_and_its_sessions() {
    let project = project("op.execute('SELECT pg_sleep(30)')");
    let database = server().create_database();
    let mut child = tidegate(project.path(), &server().url(&database))
        .args(["--output", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND \
                    application_name LIKE 'tidegate:%' AND state = 'active'";
    let started = Instant::now();
    while server().sql(&database, sleeping) != "1" {
        assert!(started.elapsed() < Duration::from_secs(20), "the statement did not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let signalled = Instant::now();
    let stdout = testbed::postgres::drain(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(12));
    assert!(
        signalled.elapsed() < Duration::from_secs(8),
        "Swarm would have killed it: {:?}",
        signalled.elapsed()
    );
    let report = events(&stdout).pop().unwrap();
    assert_eq!(report["error"]["kind"], "interrupted");
    assert_eq!(server().sql(&database, sleeping), "0");
}
