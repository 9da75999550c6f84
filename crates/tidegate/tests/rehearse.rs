//! `tidegate rehearse` without an engine: the real program, a real throwaway PostgreSQL, the project's own Alembic.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testbed::canary::Canary;
use testbed::command::{self, Finished};
use testbed::postgres::Postgres;
use testbed::python;

const LIMIT: Duration = Duration::from_mins(5);

const ENV_PY: &str = r#"import os
from alembic import context
from sqlalchemy import create_engine, pool

url = os.environ.get("DATABASE_URL") or open(os.environ["DATABASE_URL_FILE"]).read().strip()
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"#;

const STACK: &str = r#"
services:
  migrate:
    image: app:1
    command: [tidegate, migrate]
    environment: { DATABASE_URL: "postgresql+psycopg://app:unknown@db.internal:6543/shop" }
    deploy: { restart_policy: { condition: none } }
  web:
    image: app:1
    command: [serve]
    depends_on: [migrate]
    environment: { DATABASE_URL: "postgresql+psycopg://app:unknown@db.internal:6543/shop" }
  cache: { image: "cache:1" }
"#;

/// A folder with a stack file and an Alembic project.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(stack: &str, revisions: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = Self { folder };
        let versions = case.project().join("migrations/versions");
        fs::create_dir_all(&versions).unwrap();
        fs::write(case.path("stack.yml"), stack).unwrap();
        fs::write(case.project().join("alembic.ini"), "[alembic]\nscript_location = migrations\n").unwrap();
        fs::write(case.project().join("migrations/env.py"), ENV_PY).unwrap();
        let mut down = "None".to_owned();
        for (id, statements) in revisions {
            let body = format!("    {}\n", statements.replace('\n', "\n    "));
            let text = format!(
                "\"\"\"Step {id}.\"\"\"\nfrom alembic import op\nrevision = {id:?}\ndown_revision = {down}\n\n\n\
                 def upgrade():\n{body}\n\ndef downgrade():\n    pass\n"
            );
            fs::write(versions.join(format!("{id}.py")), text).unwrap();
            down = format!("{id:?}");
        }
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn project(&self) -> PathBuf {
        self.path("project")
    }

    fn rehearse(&self, options: &[&str], environment: &[(&str, &str)]) -> Rehearsed {
        let mut command = rehearse(&self.path("stack.yml"), &self.project(), options);
        command.envs(environment.iter().copied());
        Rehearsed(command::run(&mut command, LIMIT))
    }
}

/// `tidegate rehearse` of the stack `shop` without an engine, in JSON.
fn rehearse(stack: &Path, project: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["rehearse", "--output", "json", "--without-engine", "--project"]).arg(project);
    command.args(options).arg("-c").arg(stack).arg("shop");
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", python::bin().display()));
    command
}

struct Rehearsed(Finished);

impl Rehearsed {
    fn events(&self) -> Vec<Value> {
        self.0.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn report(&self) -> Value {
        let found = self.events().into_iter().find(|event| event["event"] == "rehearsal");
        found.unwrap_or_else(|| panic!("no report:\n{}", self.0.text()))
    }

    fn revisions(&self) -> Vec<String> {
        let applied = self.events().into_iter().filter(|event| event["kind"] == "revision");
        applied.map(|event| event["revision"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The services of each wave.
    fn waves(&self) -> Vec<Vec<String>> {
        let plan = self.events().into_iter().find(|event| event["event"] == "plan").unwrap();
        let services = |wave: &Value| -> Vec<String> {
            let list = wave["services"].as_array().unwrap().iter();
            list.map(|service| service["service"].as_str().unwrap().to_owned()).collect()
        };
        plan["waves"].as_array().unwrap().iter().map(services).collect()
    }
}

const GOOD: [(&str, &str); 2] = [
    ("a1", r#"op.execute("CREATE TABLE parcel (id int)")"#),
    ("b2", r#"op.execute("ALTER TABLE parcel ADD COLUMN name text")"#),
];

#[test]
fn a_first_deploy_is_rehearsed_without_an_engine() {
    let case = Case::new(STACK, &GOOD);
    let ran = case.rehearse(&[], &[]);
    let report = ran.report();
    assert_eq!(ran.0.code, Some(0), "{}", ran.0.text());
    assert_eq!(ran.waves(), [vec!["cache"], vec!["migrate"], vec!["web"]]);
    assert_eq!(ran.revisions(), ["a1", "b2"]);
    assert_eq!(report["database"]["ran"], true, "{report}");
    assert_eq!(report["database"]["basis"]["kind"], "empty");
    assert_eq!(report["live_engine"], false);

    // What is only read comes to the same.
    let read = case.rehearse(&["--without-database"], &[]);
    assert_eq!(read.0.code, Some(0), "{}", read.0.text());
    assert_eq!((read.waves(), read.revisions()), (ran.waves(), ran.revisions()));
    assert_eq!(read.report()["database"]["ran"], false);
}

#[test]
fn a_revision_that_fails_is_found_before_anything_live_is_touched() {
    let case =
        Case::new(STACK, &[GOOD[0], ("b2", r#"op.execute("ALTER TABLE nowhere ADD COLUMN name text")"#)]);
    let ran = case.rehearse(&[], &[]);
    assert_eq!(ran.0.code, Some(6), "{}", ran.0.text());
    assert_eq!(ran.report()["code"], 6);
    assert!(ran.0.stdout.contains("nowhere"), "{}", ran.0.stdout);
    assert_eq!(ran.revisions(), ["a1"]);
}

#[test]
fn two_heads_are_refused_as_the_deploy_would() {
    let case = Case::new(STACK, &GOOD);
    let other = "revision = 'c3'\ndown_revision = 'a1'\n\ndef upgrade():\n    pass\n";
    fs::write(case.project().join("migrations/versions/c3.py"), other).unwrap();
    for options in [&[][..], &["--without-database"][..]] {
        let ran = case.rehearse(options, &[]);
        assert_eq!(ran.0.code, Some(6), "{options:?}: {}", ran.0.text());
        assert!(ran.0.stdout.contains("2 heads"), "{}", ran.0.stdout);
        assert_eq!(ran.revisions(), [""; 0]);
    }
}

#[test]
fn the_sandbox_reaches_nothing_live() {
    let server = Postgres::start();
    let database = server.create_database();
    let case = Case::new(STACK, &GOOD);
    // An env.py with an address of its own, as projects have them.
    let own = format!("url = {:?}\n", server.url(&database));
    let begin = ENV_PY.find("url = ").unwrap();
    let end = begin + ENV_PY[begin..].find('\n').unwrap() + 1;
    let text = format!("{}{own}{}", &ENV_PY[..begin], &ENV_PY[end..]);
    fs::write(case.project().join("migrations/env.py"), text).unwrap();
    let ran = case.rehearse(&[], &[]);
    assert_eq!(ran.0.code, Some(6), "{}", ran.0.text());
    assert_eq!(ran.report()["database"]["ran"], true, "{}", ran.0.text());
    assert!(ran.0.stdout.contains("Connection refused"), "{}", ran.0.stdout);
    assert_eq!(
        server.sql(&database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").trim(),
        "0"
    );
}

/// What only this machine lacks is no prediction of a failure: the revision files are read instead, and the report says why.
#[test]
fn what_this_machine_cannot_run_is_only_read() {
    let case = Case::new(STACK, &GOOD);
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().display().to_string();
    let plain = |options: &[&str]| rehearse(&case.path("stack.yml"), &case.project(), options);
    let mut no_alembic = plain(&[]);
    no_alembic.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let mut no_extension = plain(&[]);
    fs::write(
        case.path("other.yml"),
        format!("x-tidegate: {{ gate: {{ extensions: [nowhere] }} }}\n{STACK}"),
    )
    .unwrap();
    no_extension.arg("-c").arg(case.path("other.yml"));
    let own = plain(&[]);
    // As root is in most containers.
    let mut no_namespaces = Command::new("setpriv");
    no_namespaces.args(["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]).arg(own.get_program());
    no_namespaces.args(own.get_args()).envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let cases = [
        (plain(&["--postgres", &empty]), "has not all of initdb, postgres and psql"),
        (no_alembic, "the project's Alembic cannot be run here"),
        (no_extension, "the throwaway server lacks an extension"),
        (no_namespaces, "does not allow namespaces"),
    ];
    for (mut command, why) in cases {
        let ended = Rehearsed(command::run(&mut command, LIMIT));
        assert_eq!(ended.0.code, Some(0), "{why}: {}", ended.0.text());
        let part = &ended.report()["database"];
        assert_eq!(part["ran"], false, "{part}");
        assert!(part["only_read_because"].as_str().unwrap().contains(why), "{part}");
        assert_eq!(ended.revisions(), ["a1", "b2"]);
    }
}

#[test]
fn with_the_live_schema_the_locks_are_told_and_nothing_is_written() {
    let server = Postgres::start();
    let database = server.create_database();
    server.sql(
        &database,
        "CREATE TABLE parcel (id int); INSERT INTO parcel SELECT generate_series(1, 5000); \
         CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('a1'); ANALYZE",
    );
    let slow = r#"op.execute("ALTER TABLE parcel ADD COLUMN name text")
op.execute("SELECT pg_sleep(0.4)")"#;
    let case = Case::new(STACK, &[GOOD[0], ("b2", slow)]);
    let canary = Canary::new(testbed::postgres::PASSWORD);
    let url = server.url(&database);
    let ran = case.rehearse(&["--live-schema"], &[("TIDEGATE_DATABASE_URL", &url)]);
    assert_eq!(ran.0.code, Some(0), "{}", ran.0.text());
    canary.assert_absent("what was printed", &ran.0.text());
    // It knows where the database is: only what is missing runs.
    assert_eq!(ran.revisions(), ["b2"]);
    let part = &ran.report()["database"];
    assert_eq!(part["basis"]["kind"], "live-schema");
    assert_eq!(part["not_copied"], serde_json::json!([]), "{part}");
    let lock = &part["locks"][0];
    assert_eq!(
        (&lock["relation"], &lock["mode"]),
        (&"parcel".into(), &"AccessExclusiveLock".into()),
        "{part}"
    );
    assert_eq!(lock["revision"], "b2");
    assert!(lock["seconds"].as_f64().unwrap() > 0.3, "{lock}");
    assert_eq!(lock["live_rows"], 5000);
    assert_eq!(server.sql(&database, "SELECT version_num FROM alembic_version").trim(), "a1");
    assert_eq!(server.sql(&database, "SELECT count(*) FROM parcel").trim(), "5000");
}

#[test]
fn a_database_url_in_a_secret_is_known_from_the_stack_file() {
    let stack = r"
services:
  migrate:
    image: app:1
    command: [tidegate, migrate]
    environment: { DATABASE_URL_FILE: /run/secrets/url }
    secrets: [url]
secrets: { url: { file: ./url } }
";
    let case = Case::new(stack, &GOOD);
    let canary = Canary::new("canary-in-a-secret");
    fs::write(case.path("url"), "postgresql+psycopg://app:canary-in-a-secret@db/shop\n").unwrap();
    let ran = case.rehearse(&[], &[]);
    assert_eq!(ran.0.code, Some(0), "{}", ran.0.text());
    assert_eq!(ran.revisions(), ["a1", "b2"]);
    canary.assert_absent("what was printed", &ran.0.text());
}

#[test]
fn the_example_is_rehearsed_release_by_release() {
    let example = testbed::engine::root().join("examples/staging");
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("app");
    let copy = |from: &Path| {
        let copied = command::run(Command::new("cp").arg("-rT").arg(from).arg(&project), LIMIT);
        copied.expect_success();
    };
    copy(&example.join("app"));
    let rehearsed = |options: &[&str]| {
        let mut command = rehearse(&example.join("stack.yml"), &project, options);
        command.env("POSTGRES_PASSWORD", "canary-password");
        Rehearsed(command::run(&mut command, LIMIT))
    };
    let first = rehearsed(&[]);
    assert_eq!(first.0.code, Some(0), "{}", first.0.text());
    assert_eq!(first.revisions().len(), 15);
    assert_eq!(first.waves().len(), 3);
    assert_eq!(rehearsed(&["--without-database"]).revisions(), first.revisions());
    copy(&example.join("releases/v2/app"));
    copy(&example.join("releases/v3-broken/app"));
    let broken = rehearsed(&[]);
    assert_eq!(broken.0.code, Some(6), "{}", broken.0.text());
    // One transaction for all, as the example's env.py has it, but for what a revision in the middle commits itself.
    assert_eq!(broken.revisions().len(), 11);
    Canary::new("canary-password").assert_absent("what was printed", &(first.0.text() + &broken.0.text()));
}
