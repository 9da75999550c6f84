//! `tidegate migrate` with its secrets in each place where they can be, and a project that prints all it knows and fails: no
//! output holds one. That is looked for by [`testbed::command`], which knows every [`Canary`].

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use testbed::canary::Canary;
use testbed::command;
use testbed::postgres::{PASSWORD, Postgres, SUPERUSER, percent};
use testbed::python;

const LIMIT: Duration = Duration::from_mins(2);

const ENV_PY: &str = r#"
import os
from alembic import context
from sqlalchemy import create_engine, pool

url = context.config.get_main_option("sqlalchemy.url") or os.environ.get("DATABASE_URL", "postgresql+psycopg://")
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"#;

/// Prints its environment, the file with passwords and the configuration, and fails with the same in its words.
const REVISION: &str = r#"
"""tell"""
import os
from alembic import op, context
revision = "u1"
down_revision = None


def upgrade():
    told = [f"{name}={value}" for name, value in sorted(os.environ.items())]
    told += [open(path).read() for path in [os.environ.get("PGPASSFILE", "alembic.ini"), "alembic.ini"]]
    told.append(context.config.get_main_option("sqlalchemy.url") or "")
    for line in told:
        print(line)
    op.execute("SELECT 1/0 -- " + " ".join(told).replace("\n", " ").replace("%", "%%").replace(":", r"\:"))
"#;

fn project(ini: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let versions = folder.path().join("migrations/versions");
    fs::create_dir_all(&versions).unwrap();
    let ini = format!("[alembic]\nscript_location = %(here)s/migrations\n{ini}");
    fs::write(folder.path().join("alembic.ini"), ini).unwrap();
    fs::write(folder.path().join("migrations/env.py"), ENV_PY).unwrap();
    fs::write(versions.join("u1.py"), REVISION).unwrap();
    folder
}

fn migrate(folder: &Path, environment: &[(&str, &str)]) {
    for output in ["text", "json"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["migrate", "--output", output]).current_dir(folder).env_clear();
        command.env("PATH", format!("{}:/usr/bin:/bin", python::bin().display()));
        command.envs(environment.iter().copied());
        let ended = command::run(&mut command, LIMIT);
        // It did get as far as to print and to fail.
        assert_eq!(ended.code, Some(6), "{}", ended.text());
        assert!(ended.text().contains("********"), "{}", ended.text());
    }
}

#[test]
fn no_secret_of_the_gate_is_in_what_its_project_prints() {
    let server = Postgres::start();
    let (port, database) = (server.port().to_string(), server.create_database());
    let (token, other) =
        (Canary::new("canary-in-a-token-variable"), Canary::new("canary-of-another-address"));
    let other = format!("amqp://u:{}@queue/", other.text());
    let more = [("API_TOKEN", token.text()), ("BROKER", &other)];
    let place =
        [("PGHOST", "127.0.0.1"), ("PGPORT", &port), ("PGUSER", SUPERUSER), ("PGDATABASE", &database)];
    let url = format!("postgresql+psycopg://{SUPERUSER}:{}@127.0.0.1:{port}/{database}", percent(PASSWORD));

    migrate(project("").path(), &[&more[..], &[("DATABASE_URL", &url)]].concat());
    migrate(project("").path(), &[&more[..], &place, &[("PGPASSWORD", PASSWORD)]].concat());
    let ini = project(&format!("sqlalchemy.url = {}\n", url.replace('%', "%%")));
    migrate(ini.path(), &more);

    let folder = project("");
    let file = folder.path().join("passwords");
    let escaped = PASSWORD.replace('\\', r"\\").replace(':', r"\:");
    fs::write(&file, format!("*:*:*:*:{escaped}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.display().to_string();
    migrate(folder.path(), &[&more[..], &place, &[("PGPASSFILE", &file)]].concat());
}
