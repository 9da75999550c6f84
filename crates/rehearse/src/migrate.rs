//! The gate's command, run in the sandbox against the throwaway server: the same program, arguments and environment as the
//! gate's container has, but for what only a container can have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::select;
use tokio::time::timeout;

use crate::locks::{Current, Size, Watch};
use crate::report::LockHeld;
use crate::throwaway::Throwaway;

/// How long the gate's command may take.
const LIMIT: Duration = Duration::from_hours(1);

/// What a container has of its own and a process here must not take over from it: they say where things are in the image.
const OF_THE_IMAGE: [&str; 8] =
    ["PATH", "HOME", "HOSTNAME", "PWD", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH"];

/// How the command ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: i64,
    /// How long it took.
    pub(crate) took: Duration,
    /// What it wrote, and when.
    pub(crate) lines: Vec<(Duration, String)>,
    /// The locks it held.
    pub(crate) locks: Vec<LockHeld>,
}

impl Ended {
    /// Why it failed, if that is this machine's doing: the project's Alembic or a package that it needs is not here, the
    /// server here has not the extensions, or not all of the live schema could be copied.
    pub(crate) fn only_here(&self, not_copied: &[String]) -> Option<String> {
        let report = self.lines.iter().rev().find_map(|(_, line)| failure(line));
        let (kind, said) = report.filter(|_| self.code != 0)?;
        let no_module = said.contains("No module named") || said.contains("ModuleNotFoundError");
        match kind.as_str() {
            "start" => Some(format!("the project's Alembic cannot be run here: {said}")),
            "alembic" if no_module => Some(format!("the project's Python packages are not all here: {said}")),
            "extension" if said.contains("is not installed on the database server") => {
                Some(format!("the throwaway server lacks an extension: {said}"))
            }
            _ => not_copied.first().map(|first| {
                format!(
                    "{said}; but the live schema could not be copied whole ({first}), which may be the reason"
                )
            }),
        }
    }
}

/// What to run.
pub(crate) struct Migration<'a> {
    /// This program.
    pub(crate) program: &'a Path,
    /// The arguments of `tidegate` in the gate's command.
    pub(crate) arguments: &'a [String],
    /// The folder that Alembic's configuration is in, as the image's working directory.
    pub(crate) project: &'a Path,
    /// The environment of the gate's container.
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// How large the live tables are.
    pub(crate) sizes: &'a [(String, Size)],
}

/// The arguments of `tidegate` in a command, if it is run directly; in a shell's line they cannot be told.
pub(crate) fn arguments(command: &[String]) -> Option<Vec<String>> {
    let is_program = |word: &String| Path::new(word).file_name().is_some_and(|name| name == "tidegate");
    let at = command.iter().position(is_program)?;
    Some(command[at + 1..].to_vec())
}

impl Migration<'_> {
    /// Runs it.
    pub(crate) async fn run(&self, server: &Throwaway) -> Result<Ended, String> {
        let current = Current::default();
        let (client, _connection) = server.connect(server.database()).await?;
        let mut watch =
            Watch::begin(client, Arc::clone(&current)).await.map_err(|error| format!("pg_locks: {error}"))?;
        let begun = Instant::now();
        let running = timeout(LIMIT, self.to_its_end(server, &current, begun));
        let (code, lines) = select! {
            ended = running => ended.map_err(|_| format!("the gate's command did not end within {LIMIT:?}"))??,
            () = watch.look() => return Err("the locks are not watched any more".to_owned()),
        };
        Ok(Ended { code, took: begun.elapsed(), lines, locks: watch.finish(self.sizes) })
    }

    /// Runs it once more than the rehearsal does, up to rows that are taken for granted.
    pub(crate) async fn rebuild(&self, server: &Throwaway, rows: &[String]) -> Result<(), String> {
        for row in rows {
            let mut environment = self.environment.clone();
            environment.insert("TIDEGATE_TARGET".to_owned(), row.clone());
            environment.insert("TIDEGATE_SEVERAL_HEADS".to_owned(), "all".to_owned());
            let step = Migration { environment: &environment, arguments: &["migrate".to_owned()], ..*self };
            let (code, lines) = step.to_its_end(server, &Current::default(), Instant::now()).await?;
            if code != 0 {
                let words = lines.iter().rev().find_map(|(_, line)| message(line));
                return Err(format!(
                    "the revision files do not lead to {row}, where the database is: {}",
                    words.unwrap_or_else(|| format!("exit code {code}"))
                ));
            }
        }
        Ok(())
    }

    async fn to_its_end(
        &self,
        server: &Throwaway,
        current: &Current,
        begun: Instant,
    ) -> Result<(i64, Vec<(Duration, String)>), String> {
        let mut command = server.sandbox().command(self.project, self.program);
        command.args(self.arguments);
        self.set_environment(&mut command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("nsenter (util-linux): {error}"))?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let keep = |line: String| {
            if let Some(revision) = running(&line) {
                *current.lock().unwrap_or_else(PoisonError::into_inner) = Some(revision);
            }
            lines.lock().unwrap_or_else(PoisonError::into_inner).push((begun.elapsed(), line));
        };
        let ((), (), status) = tokio::join!(each_line(output, &keep), each_line(errors, &keep), child.wait());
        let status = status.map_err(|error| format!("the gate's command was lost: {error}"))?;
        let lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((i64::from(status.code().unwrap_or(137)), lines))
    }

    /// The process's own environment, without what names a live database or steers Tidegate, and the container's above it.
    fn set_environment(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            let url = database::settings::URL_VARIABLES.iter().any(|url| name.starts_with(url));
            if url || name.starts_with("PG") || name.starts_with("TIDEGATE_") {
                command.env_remove(name);
            }
        }
        let of_the_stack = self.environment.iter().filter(|(name, _)| !OF_THE_IMAGE.contains(&name.as_str()));
        command.envs(of_the_stack);
        command.env("TIDEGATE_OUTPUT", "json");
        // Hooks do more than migrate, and not only in the database.
        command.env("TIDEGATE_HOOKS", "[]");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        // An image has its working directory on Python's path as often as not.
        if std::env::var_os("PYTHONPATH").is_none() {
            command.env("PYTHONPATH", self.project);
        }
    }
}

async fn each_line(from: Option<impl AsyncRead + Unpin>, keep: &impl Fn(String)) {
    let Some(from) = from else { return };
    let mut lines = BufReader::new(from).split(b'\n');
    // A broken pipe is the end, like any other.
    while let Ok(Some(line)) = lines.next_segment().await {
        keep(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned());
    }
}

/// The revision that begins with this line.
fn running(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).ok()?;
    let begins = event["event"] == "revision" && event["state"] == "running";
    begins.then(|| event["revision"].as_str().unwrap_or_default().to_owned())
}

/// Of which kind a failure is, and what happened, if this line reports one.
fn failure(line: &str) -> Option<(String, String)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| Some(event["error"][key].as_str()?.to_owned());
    Some((text("kind")?, text("message")?))
}

/// What a line says in words.
fn message(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).ok()?;
    Some(event["message"].as_str()?.to_owned())
}

/// Where the programs of the newest PostgreSQL are: beside `pg_ctl` on the search path, or in Debian's place.
pub(crate) fn server_programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH");
    let on_path = on_path.iter().flat_map(std::env::split_paths).find(|folder| has_server(folder));
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((entry.ok()?.file_name().to_str()?.parse().ok()?, ())))
        .map(|(version, ())| (version, PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))))
        .filter(|(_, folder)| has_server(folder))
        .collect();
    debian.sort();
    debian.pop().map(|(_, folder)| folder).or(on_path)
}

/// Whether a folder has all programs that are needed.
pub(crate) fn has_server(folder: &Path) -> bool {
    ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ended, arguments};

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_arguments_are_what_follows_the_program() {
        assert_eq!(arguments(&words("tidegate migrate --target a")), Some(words("migrate --target a")));
        assert_eq!(arguments(&words("tini -- /usr/bin/tidegate migrate")), Some(words("migrate")));
    }

    #[test]
    fn in_a_shells_line_they_cannot_be_told() {
        let shell = ["sh", "-c", "tidegate migrate && touch done"].map(str::to_owned);
        assert_eq!(arguments(&shell), None);
    }

    fn failed(kind: &str, message: &str) -> Ended {
        let line = serde_json::json!({ "event": "report", "error": { "kind": kind, "message": message } })
            .to_string();
        Ended { code: 5, took: Duration::ZERO, lines: vec![(Duration::ZERO, line)], locks: Vec::new() }
    }

    #[test]
    fn what_only_this_machine_lacks_is_told_from_what_the_gate_would_meet() {
        let here = [
            ("start", "alembic cannot be started: No such file or directory"),
            (
                "alembic",
                "alembic upgrade heads failed (exit code 1): ModuleNotFoundError: No module named 'geoalchemy2'",
            ),
            ("extension", "the extension postgis (used in a1) is not installed on the database server"),
        ];
        for (kind, message) in here {
            assert!(failed(kind, message).only_here(&[]).is_some(), "{kind}");
        }
        let there = [
            (
                "alembic",
                "alembic upgrade heads failed (exit code 1) at revision b2: relation \"x\" does not exist",
            ),
            ("extension", "the role app may not create the extension postgis"),
            ("several_heads", "the history has 2 heads"),
        ];
        for (kind, message) in there {
            assert_eq!(failed(kind, message).only_here(&[]), None, "{kind}");
            assert!(failed(kind, message).only_here(&["type x does not exist".to_owned()]).is_some());
        }
        assert_eq!(Ended { code: 0, ..failed("start", "") }.only_here(&[]), None);
    }
}
