//! A sandbox for processes that must not reach anything live: a network namespace with nothing but loopback, an empty `/run`
//! (no socket of a local engine or server is there), the names of the database's hosts leading to loopback, and a pid
//! namespace, so that everything ends with it. Needs util-linux and iproute2, and a kernel that allows namespaces.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

const SCRIPT: &str = include_str!("sandbox.sh");
/// How long a sandbox may take to open; it takes some milliseconds.
const OPENS_WITHIN: Duration = Duration::from_secs(10);
/// The user that a server runs as where there is no `postgres`.
const NOBODY: &str = "65534";

/// A sandbox. Dropping it ends every process in it, and removes its folder.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// Closing it ends the sandbox.
    _input: ChildStdin,
    _keeper: Child,
    pid: String,
    folder: TempDir,
    root: bool,
}

impl Sandbox {
    /// Opens one in which these names are loopback's, and these files are in `/run/secrets`. The error says why there is
    /// none.
    pub(crate) async fn open(names: &[String], secrets: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let folder = prepare(names, secrets).map_err(|error| format!("no folder for it: {error}"))?;
        let root = is_root();
        let mut command = Command::new("unshare");
        // It lives as long as the sandbox, and has no use for the deployer's secrets.
        command.env_clear();
        if !root {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "sandbox"]);
        command.arg(folder.path()).env("PATH", search_path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut keeper = command.spawn().map_err(|error| format!("unshare (util-linux): {error}"))?;
        let (input, output) = (keeper.stdin.take(), keeper.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err("no pipe to it".to_owned()) };
        let mut line = String::new();
        let read = timeout(OPENS_WITHIN, BufReader::new(output).read_line(&mut line)).await;
        let pid = line.trim().to_owned();
        if !matches!(read, Ok(Ok(_))) || pid.is_empty() {
            drop(input);
            return Err(why(&mut keeper).await);
        }
        Ok(Self { _input: input, _keeper: keeper, pid, folder, root })
    }

    /// Its folder, seen from inside and outside under the same name.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command that will run inside, in this folder, with the environment that it is given.
    pub(crate) fn command(&self, directory: &Path, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid]);
        if !self.root {
            command.args(["--user", "--preserve-credentials"]);
        }
        // Entering a mount namespace leads to its root folder.
        command.args(["--net", "--mount", "--pid", "sh", "-c", r#"cd "$1" && shift && exec "$@""#, "inside"]);
        command.arg(directory).arg(program);
        command.stdin(Stdio::null()).kill_on_drop(true).env("PATH", search_path());
        command
    }

    /// The same as somebody who is not root: PostgreSQL refuses to be. Nothing of this process's environment goes there: it
    /// holds the deployer's secrets, and the processes of another user belong to that user.
    pub(crate) fn unprivileged(&self, program: impl AsRef<OsStr>) -> Command {
        if self.root {
            let user = server_user().map_or(NOBODY.to_owned(), |(user, _)| user.to_string());
            let group = server_user().map_or(NOBODY.to_owned(), |(_, group)| group.to_string());
            let mut command = self.command(self.folder(), "setpriv");
            command.env_clear().env("PATH", search_path());
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
            command.arg(program);
            return command;
        }
        let mut command = self.command(self.folder(), "unshare");
        command.env_clear().env("PATH", search_path());
        command.args(["--user", &format!("--map-user={NOBODY}"), &format!("--map-group={NOBODY}")]);
        command.arg(program);
        command
    }
}

/// The keeper's last words.
async fn why(keeper: &mut Child) -> String {
    let mut words = String::new();
    if let Some(errors) = keeper.stderr.take() {
        let _ = timeout(OPENS_WITHIN, errors.take(4096).read_to_string(&mut words)).await;
    }
    let words = words.lines().last().unwrap_or("it did not open in time").trim().to_owned();
    format!("this machine does not allow namespaces, or iproute2 is missing: {words}")
}

fn prepare(names: &[String], secrets: &BTreeMap<String, Vec<u8>>) -> std::io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("rehearse").tempdir()?;
    let inside = folder.path().join("secrets");
    fs::create_dir(&inside)?;
    for (name, content) in secrets {
        fs::write(inside.join(name), content)?;
    }
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o700))?;
    fs::write(folder.path().join("hosts"), format!("127.0.0.1 localhost {}\n", names.join(" ")))?;
    if is_root() {
        // The server's user makes its socket here; the folder is closed to everybody else.
        let (user, group) = server_user().unwrap_or((65534, 65534));
        chown(folder.path(), Some(user), Some(group)).map_err(|error| {
            std::io::Error::new(error.kind(), format!("it cannot be given to the server's user: {error}"))
        })?;
    }
    Ok(folder)
}

/// Whether this process is root: who its own files in /proc belong to.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The ids of the user `postgres`.
fn server_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Where system programs are, also for users whose search path leaves them out.
fn search_path() -> String {
    format!("{}:/usr/sbin:/sbin:/usr/bin:/bin", std::env::var("PATH").unwrap_or_default())
}
