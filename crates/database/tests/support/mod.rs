//! Real projects on a real server: an Alembic project in a temporary folder, a database of its own, and what a
//! migration did with them.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::format_collect, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use database::settings::Variables;
use database::{Event, MigrateError, Options, Report};
use tempfile::TempDir;
use testbed::postgres::{PASSWORD, Postgres, SUPERUSER};
use testbed::python;

/// The usual env.py: what `alembic init` writes, with the URL from the environment.
pub const ENV_PY: &str = r#"
import os
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"#;

/// The server that the tests of one binary share; each test has a database of its own.
pub fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(Postgres::start)
}

/// An Alembic project with a database.
pub struct Project {
    folder: TempDir,
    pub database: String,
    pub url: String,
    pub seen: String,
}

impl Project {
    /// A project without revisions, and an empty database.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("migrations/versions")).unwrap();
        fs::write(folder.path().join("alembic.ini"), "[alembic]\nscript_location = %(here)s/migrations\n")
            .unwrap();
        fs::write(folder.path().join("migrations/env.py"), ENV_PY).unwrap();
        let database = server().create_database();
        let url = server().url(&database);
        Self { folder, database, url, seen: String::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The same with another env.py.
    pub fn env_py(self, text: &str) -> Self {
        fs::write(self.path().join("migrations/env.py"), text).unwrap();
        self
    }

    /// Adds a revision; `down` is the value of `down_revision` in Python, `upgrade` the body of the function.
    pub fn revision(self, id: &str, down: &str, upgrade: &str) -> Self {
        self.add_revision(id, down, upgrade);
        self
    }

    /// The same, later.
    pub fn add_revision(&self, id: &str, down: &str, upgrade: &str) {
        let body = upgrade.lines().map(|line| format!("    {line}\n")).collect::<String>();
        let text = format!(
            "\"\"\"step {id}\"\"\"\nimport sqlalchemy as sa\nfrom alembic import op\nrevision = {id:?}\n\
             down_revision = {down}\n\n\ndef upgrade():\n{body}\n\ndef downgrade():\n    pass\n"
        );
        fs::write(self.path().join(format!("migrations/versions/{id}.py")), text).unwrap();
    }

    /// Three revisions in a line, each with a table.
    pub fn line() -> Self {
        Self::new().revision("r1", "None", &table("one")).revision("r2", "'r1'", &table("two")).revision(
            "r3",
            "'r2'",
            &table("three"),
        )
    }

    /// Options with bounds that fit a test.
    pub fn options(&self) -> Options {
        let variables = Variables::of_process()
            .with("PATH", &format!("{}:{}", python::bin().display(), std::env::var("PATH").unwrap()))
            .with("DATABASE_URL", &self.url);
        Options {
            wait: Duration::from_secs(10),
            lock_wait: Duration::from_secs(30),
            fence_wait: Duration::from_secs(10),
            ..Options::new(self.path(), variables)
        }
    }

    /// Migrates with these options, never stopped from outside.
    pub fn run(&mut self, options: &Options) -> Run {
        self.run_until(options, std::future::pending())
    }

    /// Migrates with the usual options.
    pub fn migrate(&mut self) -> Run {
        let options = self.options();
        self.run(&options)
    }

    /// Migrates until it is stopped from outside.
    pub fn run_until(&mut self, options: &Options, stop: impl Future<Output = ()>) -> Run {
        let mut events = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let result = runtime.block_on(database::migrate(options, stop, &mut |event| events.push(event)));
        let run = Run { result, events };
        self.seen.push_str(&run.text());
        assert!(!run.text().contains(PASSWORD), "the password shows in:\n{}", run.text());
        assert!(!run.text().contains("canary"), "a part of the password shows in:\n{}", run.text());
        run
    }

    /// The project's own Alembic, as its authors would start it.
    pub fn alembic(&self, arguments: &[&str]) -> Output {
        Command::new(python::bin().join("alembic"))
            .args(arguments)
            .current_dir(self.path())
            .env("DATABASE_URL", &self.url)
            .output()
            .unwrap()
    }

    /// SQL as the superuser.
    pub fn sql(&self, sql: &str) -> String {
        server().sql(&self.database, sql)
    }

    /// The rows of the version table.
    pub fn rows(&self) -> String {
        self.sql("SELECT string_agg(version_num, ',' ORDER BY version_num) FROM alembic_version")
    }

    /// Whether a table is there.
    pub fn has(&self, table: &str) -> bool {
        self.sql(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == "t"
    }

    /// The `tidegate` program's stand-in for tests that need a process of its own: this test binary again, running
    /// only `runner` with the given variables.
    pub fn runner(&self, test: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env("RUNNER_FOLDER", self.path())
            // What a killed runner leaves behind goes with the project.
            .env("TMPDIR", self.path())
            .env("DATABASE_URL", &self.url)
            .env("PATH", format!("{}:{}", python::bin().display(), std::env::var("PATH").unwrap()));
        command
    }
}

/// What a migration did.
pub struct Run {
    pub result: Result<Report, MigrateError>,
    pub events: Vec<Event>,
}

impl Run {
    pub fn report(&self) -> &Report {
        match self.events.last() {
            Some(Event::Report(report)) => report,
            other => panic!("the last event is no report: {other:?}"),
        }
    }

    pub fn error(&self) -> &MigrateError {
        self.result.as_ref().expect_err("it was to fail")
    }

    pub fn outcome(&self) -> String {
        format!("{:?}", self.report().outcome)
    }

    /// Everything that could be shown, in one text.
    pub fn text(&self) -> String {
        let mut text: String = self
            .events
            .iter()
            .map(|event| format!("{}\n{}\n{event:?}\n", event.message(), event.to_json()))
            .collect();
        if let Err(error) = &self.result {
            text.push_str(&format!("{error}\n{error:?}\n{:?}\n", error.hint()));
        }
        text
    }

    /// The messages of the events that machines know by this name.
    pub fn messages(&self, kind: &str) -> Vec<String> {
        self.events.iter().filter(|event| event.to_json()["event"] == kind).map(Event::message).collect()
    }

    pub fn ok(self) -> Self {
        let told: Vec<String> = self.events.iter().map(Event::message).collect();
        assert!(self.result.is_ok(), "{}\n{:?}", told.join("\n"), self.result);
        self
    }
}

/// The body of a revision that creates a table.
pub fn table(name: &str) -> String {
    format!("op.create_table('{name}', sa.Column('id', sa.Integer, primary_key=True))")
}

/// A superuser's URL for this database, for roles that a test makes.
pub fn url_as(user: &str, password: &str, database: &str) -> String {
    server().url_as(user, password, database)
}

pub fn superuser() -> (&'static str, &'static str) {
    (SUPERUSER, PASSWORD)
}

pub fn python_bin() -> PathBuf {
    python::bin()
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
