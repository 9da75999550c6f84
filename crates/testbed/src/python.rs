//! One Python with Alembic, Flask-Migrate, `SQLAlchemy`, `GeoAlchemy2` and the PostgreSQL drivers, shared by all tests.
//!
//! It is created once under the workspace's `build/` folder (which git ignores) and reused; a file lock keeps
//! test binaries that run at the same time from creating it twice.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed, in the form of pip.
const REQUIREMENTS: [&str; 7] = [
    "alembic",
    "flask-migrate",
    "psycopg[binary]",
    "psycopg2-binary",
    "asyncpg",
    "sqlalchemy[asyncio]",
    "geoalchemy2",
];

/// The folder of the programs `python`, `alembic` and `flask`.
pub fn bin() -> PathBuf {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build");
    fs::create_dir_all(&build).unwrap_or_else(|error| panic!("{}: {error}", build.display()));
    let build = build.canonicalize().unwrap_or(build);
    let venv = build.join("python");
    let lock = build.join("python.lock");
    let lock = File::create(&lock).unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    lock.lock().unwrap_or_else(|error| panic!("the lock of {} failed: {error}", venv.display()));
    let complete = venv.join("complete");
    let wanted = REQUIREMENTS.join("\n");
    if fs::read_to_string(&complete).ok().as_deref() != Some(wanted.as_str()) {
        create(&venv);
        fs::write(&complete, wanted).unwrap_or_else(|error| panic!("{}: {error}", complete.display()));
    }
    venv.join("bin")
}

fn create(venv: &Path) {
    let _ = fs::remove_dir_all(venv);
    run(Command::new("python3").args(["-m", "venv"]).arg(venv));
    run(Command::new(venv.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(REQUIREMENTS));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed (./test installs python3-venv):\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
