//! A Python with the real Alembic, to compare with.

#![allow(dead_code, unreachable_pub)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The release that the oracle's data came from.
pub const ALEMBIC: &str = "1.20.1";

/// Another one in every run; a failure names it.
pub fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    std::env::var("TIDEGATE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now.as_secs())
}

/// Gives a script of `tests/alembic` a JSON document and returns the one that it prints.
pub fn ask(python: &Path, script: &str, questions: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alembic").join(script);
    let mut child = Command::new(python)
        .arg(script)
        .env("PYTHONHASHSEED", "0")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The script reads everything before it writes, so neither side can wait for the other.
    stdin.write_all(&serde_json::to_vec(questions).unwrap()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A Python that has the Alembic to compare with: made once, in the project's build folder.
pub fn python_with_alembic() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(find).clone()
}

fn find() -> Option<PathBuf> {
    let environment =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build").join(format!("alembic-{ALEMBIC}"));
    let python = environment.join("bin/python");
    let has_alembic = || {
        let check = format!("import alembic; assert alembic.__version__ == '{ALEMBIC}'");
        run(Command::new(&python).args(["-c", &check]))
    };
    if has_alembic() {
        return Some(python);
    }
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(&environment))
        && run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            &format!("alembic=={ALEMBIC}"),
        ]));
    if made && has_alembic() {
        return Some(python);
    }
    println!("skipped: Alembic {ALEMBIC} could not be installed, so nothing was compared with it");
    None
}

fn run(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
