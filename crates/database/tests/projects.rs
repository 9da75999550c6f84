//! Projects of different make: drivers, async env.py, Flask-Migrate, names that only Python knows. In all of them the
//! run's sessions bear its mark, so that the fence can end them.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::process::Command;

use database::Options;
use support::{ENV_PY, Project, python_bin, table};

/// A revision that keeps what its session looks like.
const LOOK: &str = "op.execute(\"CREATE TABLE seen AS SELECT current_setting('application_name') AS name, \
                    current_setting('lock_timeout') AS patience\")";

const ASYNC_ENV_PY: &str = r#"
import asyncio
import os
from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine


def migrate(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)


asyncio.run(main())
"#;

fn marked(project: &Project) {
    let seen = project.sql("SELECT name, patience FROM seen");
    assert!(seen.starts_with("tidegate:54494447.") && seen.ends_with("|5s"), "{seen}");
}

#[test]
fn both_psycopgs_are_marked_even_where_the_url_names_the_application() {
    for (driver, query) in [
        ("psycopg2", ""),
        ("psycopg", ""),
        ("psycopg2", "?application_name=shop"),
        ("psycopg", "?application_name=shop"),
    ] {
        let mut project = Project::new().revision("a1", "None", LOOK);
        project.url = format!("{}{query}", project.url.replace("psycopg2", driver));
        let run = project.migrate().ok();
        assert_eq!(run.report().applied, ["a1"]);
        marked(&project);
    }
}

#[test]
fn an_async_env_py_with_asyncpg_is_marked_and_told_by_revision() {
    let mut project = Project::new().env_py(ASYNC_ENV_PY).revision("a1", "None", LOOK);
    project.url = project.url.replace("psycopg2", "asyncpg");
    let run = project.migrate().ok();
    marked(&project);
    assert!(run.messages("revision").iter().any(|told| told.starts_with("a1 done (")));
    project.add_revision("a2", "'a1'", "op.execute('ALTER TABLE seen ADD COLUMN shape geometry')");
    let options = Options { extensions: vec!["!postgis".to_owned()], ..project.options() };
    let run = project.run(&options);
    assert!(
        run.error().to_string().contains("at revision a2: ")
            && run.error().to_string().contains("(SQLSTATE 42704)"),
        "{}",
        run.error()
    );
}

#[test]
fn flask_migrate_is_run_as_its_own_command_and_its_swallowed_errors_are_failures() {
    let mut project = Project::new();
    let app = r#"
import os
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
Migrate(app, db)
"#;
    fs::write(project.path().join("app.py"), app).unwrap();
    fs::remove_file(project.path().join("alembic.ini")).unwrap();
    fs::remove_dir_all(project.path().join("migrations")).unwrap();
    let flask = Command::new(python_bin().join("flask"))
        .args(["db", "init"])
        .current_dir(project.path())
        .env("DATABASE_URL", &project.url)
        .output()
        .unwrap();
    assert!(flask.status.success(), "{}", support::text(&flask));
    project.add_revision("f1", "None", LOOK);
    project.add_revision("f2", "'f1'", &table("two"));
    let options = project.options();
    let run = project.run(&options).ok();
    assert_eq!(run.messages("warning"), Vec::<String>::new());
    assert_eq!(run.report().applied, ["f1", "f2"]);
    marked(&project);
    assert_eq!(project.run(&options).ok().outcome(), "Current");
    project.add_revision(
        "f3",
        "'f2'",
        "from alembic.util import CommandError\nraise CommandError('not like this')",
    );
    let run = project.run(&options);
    assert!(run.error().to_string().contains("not like this; nothing was committed"), "{}", run.error());
}

#[test]
fn a_version_table_that_only_python_knows_is_learned_from_the_run() {
    let env_py =
        ENV_PY.replace("connection=connection)", "connection=connection, version_table='v_' + 'ersions')");
    let mut project = Project::line().env_py(&env_py);
    let run = project.migrate().ok();
    assert_eq!(run.report().rows, ["r3"]);
    assert_eq!(project.sql("SELECT version_num FROM v_ersions"), "r3");
    let run = project.migrate().ok();
    assert_eq!((run.outcome().as_str(), run.report().rows.as_slice()), ("Current", &["r3".to_owned()][..]));
    project.sql("UPDATE v_ersions SET version_num = 'r1'; DROP TABLE two, three");
    assert_eq!(project.migrate().ok().report().applied, ["r2", "r3"]);
}

#[test]
fn a_log_configuration_that_hides_alembics_lines_hides_no_revision() {
    let env_py = ENV_PY.replace("import os", "import os, logging\nlogging.disable(logging.CRITICAL)");
    let mut project = Project::line().env_py(&env_py);
    let run = project.migrate().ok();
    assert!(!run.messages("output").iter().any(|line| line.contains("Running upgrade")));
    assert_eq!(run.messages("revision").len(), 9);
}

#[test]
fn a_python_that_ignores_the_bridge_is_watched_by_its_log() {
    let project = Project::line();
    fs::write(
        project.path().join("isolated"),
        format!("#!/bin/sh\nexec {}/python -I -m alembic \"$@\"\n", python_bin().display()),
    )
    .unwrap();
    let ini = "[alembic]\nscript_location = %(here)s/migrations\n[loggers]\nkeys = root,alembic\n[handlers]\nkeys = \
               console\n[formatters]\nkeys = plain\n[logger_root]\nlevel = INFO\nhandlers = \
               console\n[logger_alembic]\nlevel = INFO\nhandlers =\nqualname = alembic\n[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\nformatter = \
               plain\n[formatter_plain]\nformat = %(message)s\n";
    fs::write(project.path().join("alembic.ini"), ini).unwrap();
    let env_py = ENV_PY.replace(
        "import os",
        "import os\nfrom logging.config import fileConfig\nfrom alembic import context\nfileConfig(context.config.config_file_name)",
    );
    let mut project = project.env_py(&env_py);
    let options = Options { alembic: Some("sh isolated".to_owned()), ..project.options() };
    let run = project.run(&options).ok();
    let told = run.messages("revision");
    assert_eq!(told[..3], ["r1 running: step r1", "r2 running: step r2", "r3 running: step r3"]);
    assert_eq!(run.report().applied, ["r1", "r2", "r3"]);
}

#[test]
fn a_migration_of_another_database_is_no_success() {
    let mut project = Project::line();
    let other = support::server().create_database();
    let url = support::server().url(&other);
    let mut project_elsewhere = Project::line()
        .env_py(&ENV_PY.replace("os.environ[\"DATABASE_URL\"]", &format!("{url:?}")))
        .revision("r4", "'r3'", "import time\ntime.sleep(1)");
    let run = project_elsewhere.migrate();
    assert_eq!(run.error().kind(), "unverified");
    let warnings = run.messages("warning");
    assert!(
        warnings.iter().any(|told| told.contains(&format!("Alembic is connected to database {other}"))),
        "{warnings:?}"
    );
    assert_eq!(project.migrate().ok().outcome(), "Migrated");
}

#[test]
fn what_a_file_computes_is_asked_of_the_projects_python() {
    let mut project = Project::new()
        .revision("e1", "None\nbranch_labels = ('expand',)", &table("e1"))
        .revision("c1", "None\ndepends_on = 'e' + str(1)", &table("c1"));
    let run = project.migrate().ok();
    assert_eq!(run.report().applied, ["e1", "c1"]);
    assert_eq!(project.rows(), "c1", "depends_on counts");
    assert_eq!(project.migrate().ok().outcome(), "Current");
    let options = Options { alembic: Some("false".to_owned()), ..project.options() };
    let run = project.run(&options);
    assert_eq!(run.error().kind(), "computed");
}

#[test]
fn a_dry_run_tells_the_steps_and_the_sql_and_writes_nothing() {
    let env_py = "from alembic import context\nif context.is_offline_mode():\n    \
                  context.configure(url='postgresql://', literal_binds=True)\n    with context.begin_transaction():\n        \
                  context.run_migrations()\nelse:\n"
        .to_owned()
        + &ENV_PY.replace('\n', "\n    ");
    let mut project = Project::line().env_py(&env_py);
    let writable = project.url.clone();
    project.url = format!("{writable}?options=-c%20default_transaction_read_only%3Don");
    let options = Options { dry_run: true, extensions: vec!["citext".to_owned()], ..project.options() };
    let run = project.run(&options).ok();
    assert_eq!(run.outcome(), "Planned");
    assert_eq!(run.messages("extension"), ["extension citext: would be created"]);
    assert_eq!(run.messages("plan"), ["3 revisions to apply from nothing: r1 → r2 → r3"]);
    assert!(
        run.messages("output").iter().any(|line| line.starts_with("CREATE TABLE three (")),
        "{:?}",
        run.messages("output")
    );

    project.url = writable;
    let env_py = env_py.replace("context.is_offline_mode()", "False");
    assert!(project.alembic(&["upgrade", "r1"]).status.success());
    let mut project = project.env_py(&env_py);
    project.sql("INSERT INTO alembic_version VALUES ('r2')");
    let options = Options { dry_run: true, ..project.options() };
    let run = project.run(&options).ok();
    assert!(run.messages("warning")[0].starts_with("would remove r1 from the version table"));
    assert_eq!((project.rows().as_str(), project.has("three")), ("r1,r2", false));
}
