//! A database that is not ready is waited for; one that never will be is refused at once, with what to do.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::{Duration, Instant};

use database::Category;
use database::settings::Variables;
use support::{Project, server, url_as};
use testbed::postgres::{PASSWORD, Prepared, SUPERUSER, free_port, percent};

/// Migrates with another URL and gives the error's text and how long it took.
fn refused(url: &str, wait: Duration) -> (String, String, Duration, Category) {
    let mut project = Project::line();
    let mut options = project.options();
    options.variables = options.variables.with("DATABASE_URL", url);
    options.wait = wait;
    let started = Instant::now();
    let run = project.run(&options);
    let took = started.elapsed();
    let error = run.error();
    (error.to_string(), error.hint().unwrap_or_default(), took, error.category())
}

#[test]
fn a_wrong_password_fails_at_once_and_says_that_the_volume_keeps_its_first() {
    let url = url_as(SUPERUSER, "canary-wrong", "postgres");
    let (message, hint, took, category) = refused(&url, Duration::from_mins(1));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(category, Category::Database);
    assert!(
        message.contains("password authentication failed for user \"postgres\" (SQLSTATE 28P01)"),
        "{message}"
    );
    assert!(hint.contains("A database volume keeps the password of its first start"), "{hint}");
}

#[test]
fn a_missing_database_fails_at_once_and_says_how_to_create_it() {
    let (message, hint, took, _) = refused(&server().url("nowhere"), Duration::from_mins(1));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(message.contains("database \"nowhere\" does not exist (SQLSTATE 3D000)"), "{message}");
    assert!(hint.contains("CREATE DATABASE \"nowhere\""), "{hint}");
}

#[test]
fn a_role_that_may_not_log_in_fails_at_once() {
    server().sql("postgres", "CREATE ROLE locked_out NOLOGIN PASSWORD 'canary-x'");
    let (message, _, took, _) =
        refused(&url_as("locked_out", "canary-x", "postgres"), Duration::from_mins(1));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(message.contains("is not permitted to log in (SQLSTATE 28000)"), "{message}");
}

#[test]
fn a_server_without_encryption_fails_at_once_where_encryption_is_demanded() {
    let url = format!("{}?sslmode=verify-full", server().url("postgres"));
    let (message, hint, took, _) = refused(&url, Duration::from_mins(1));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(message.contains("server does not support TLS"), "{message}");
    assert!(hint.contains("sslmode=disable"), "{hint}");
}

#[test]
fn a_server_that_never_comes_is_waited_for_as_long_as_allowed() {
    let url = format!("postgresql://u:canary-x@127.0.0.1:{}/d", free_port());
    let (message, _, took, category) = refused(&url, Duration::from_millis(700));
    assert!(took > Duration::from_millis(650) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!(category, Category::Database);
    assert!(message.contains("was not ready within 0.7 s"), "{message}");
    assert!(message.contains("Connection refused"), "{message}");
}

#[test]
fn a_name_that_is_not_there_yet_is_waited_for() {
    let (message, _, took, _) =
        refused("postgresql://u:canary-x@nowhere.invalid/d", Duration::from_millis(600));
    assert!(took >= Duration::from_millis(550), "{took:?}");
    assert!(message.contains("was not ready within 0.6 s"), "{message}");
}

#[test]
fn a_server_that_starts_late_is_met_when_it_is_ready() {
    let prepared = Prepared::new();
    let mut project = Project::line();
    project.url = format!(
        "postgresql+psycopg2://{SUPERUSER}:{}@127.0.0.1:{}/postgres",
        percent(PASSWORD),
        prepared.port()
    );
    let starter = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(600));
        prepared.run(&[])
    });
    let run = project.migrate().ok();
    let postgres = starter.join().unwrap();
    assert!(run.messages("waiting")[0].contains("Connection refused"), "{:?}", run.messages("waiting"));
    assert_eq!(postgres.sql("postgres", "SELECT version_num FROM alembic_version"), "r3");
}

#[test]
fn libpq_variables_and_a_secret_file_are_enough() {
    let mut project = Project::line().env_py(
        &support::ENV_PY.replace("os.environ[\"DATABASE_URL\"]", "\"postgresql+psycopg2://\"").replace(
            "engine =",
            "os.environ['PGPASSWORD'] = open(os.environ['PGPASSWORD_FILE']).read()\nengine =",
        ),
    );
    let secret = project.path().join("secret");
    std::fs::write(&secret, PASSWORD).unwrap();
    let mut options = project.options();
    options.variables = Variables::of([
        ("PATH", options.variables.get("PATH").unwrap()),
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", &server().port().to_string()),
        ("PGUSER", SUPERUSER),
        ("PGPASSWORD_FILE", secret.to_str().unwrap()),
        ("PGDATABASE", &project.database),
    ]);
    project.run(&options).ok();
    assert_eq!(project.rows(), "r3");
}

#[test]
fn a_broken_history_is_refused_before_anything_connects() {
    let mut project = Project::line().revision("r9", "'missing'", "pass");
    let mut options = project.options();
    options.variables = options.variables.with("DATABASE_URL", "postgresql://u:p@nowhere.invalid/d");
    let started = Instant::now();
    let run = project.run(&options);
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!((run.error().kind(), run.error().category()), ("history", Category::Input));
    assert!(run.error().to_string().contains("missing"), "{}", run.error());
}
