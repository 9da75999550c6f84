//! Commands with captured output and a time limit. What they mean is the caller's business, but for one thing: what Tidegate
//! prints, and what it and its children have among their arguments, holds none of the secrets that a test has planted
//! ([`crate::canary`]). A test does not have to think of it.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::canary::Canary;
use crate::processes::{descendants, shown};

/// How often the arguments of Tidegate's children are looked at.
const CHILDREN: Duration = Duration::from_millis(100);

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The command line, for messages.
    pub command: String,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// What it wrote on stdout.
    pub stdout: String,
    /// What it wrote on stderr.
    pub stderr: String,
    /// How long it ran.
    pub elapsed: Duration,
}

#[allow(clippy::return_self_not_must_use, reason = "an expectation is often the end of the matter")]
impl Finished {
    /// stdout and stderr.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Panics unless the exit code is `code`; returns self for chaining.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "{} ended with {:?} instead of {code} after {:.1?}:\n{}",
            self.command,
            self.code,
            self.elapsed,
            self.text()
        );
        self
    }

    /// Panics unless the exit code is 0; returns self for chaining.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        self.expect_code(0)
    }
}

/// A command that runs; killed when dropped.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    stdout: Option<Captured>,
    stderr: Option<Captured>,
    started: Instant,
    /// Whether its output must hold no planted secret.
    searched: bool,
}

impl Running {
    /// Starts the command with its output captured.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let started = Instant::now();
        let name = format!("{command:?}");
        let searched = is_tidegate(command) && !shows_everything(command);
        if is_tidegate(command) {
            let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
            assert_no_secret("its own arguments", &arguments.collect::<Vec<_>>().join("\n"));
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let stdout = child.stdout.take().map(Captured::start);
        let stderr = child.stderr.take().map(Captured::start);
        Self { command: name, child, stdout, stderr, started, searched }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written on stdout so far.
    pub fn so_far(&self) -> String {
        self.stdout.as_ref().map(Captured::so_far).unwrap_or_default()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// SIGTERM.
    pub fn terminate(&mut self) {
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
    }

    /// Waits until it ends; panics, with what it has written, when that takes longer than `limit`.
    #[track_caller]
    pub fn finish(mut self, limit: Duration) -> Finished {
        let end = Instant::now() + limit;
        let mut looked = Instant::now();
        let status: ExitStatus = loop {
            if self.searched && looked.elapsed() >= CHILDREN {
                looked = Instant::now();
                for child in descendants(self.pid()) {
                    assert_no_secret("the arguments of a child", &shown(child, "cmdline"));
                }
            }
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() >= end => {
                    self.kill();
                    let (stdout, stderr) = self.output();
                    panic!("{} did not end within {limit:?}; it wrote:\n{stdout}{stderr}", self.command);
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => panic!("{}: {error}", self.command),
            }
        };
        let elapsed = self.started.elapsed();
        let (stdout, stderr) = self.output();
        if self.searched {
            assert_no_secret("what Tidegate printed", &stdout);
            assert_no_secret("what Tidegate printed on stderr", &stderr);
        }
        Finished { command: std::mem::take(&mut self.command), code: status.code(), stdout, stderr, elapsed }
    }

    fn output(&mut self) -> (String, String) {
        let all = |captured: Option<Captured>| captured.map(Captured::all).unwrap_or_default();
        (all(self.stdout.take()), all(self.stderr.take()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.kill();
            let _ = self.child.wait();
        }
        // One whose end nobody waited for has printed something as well.
        if self.searched && !std::thread::panicking() {
            let (stdout, stderr) = self.output();
            assert_no_secret("what Tidegate printed", &(stdout + &stderr));
        }
    }
}

/// Whether a command is a run of Tidegate, be it in an engine's network namespace or under a program that starts it.
fn is_tidegate(command: &Command) -> bool {
    let is_it = |word: &OsStr| Path::new(word).file_name().is_some_and(|name| name == "tidegate");
    let program = command.get_program();
    is_it(program) || program != "docker" && command.get_args().any(is_it)
}

/// `tidegate stack config` and `tidegate stack requests` are asked to show everything, as the stock client's commands do.
fn shows_everything(command: &Command) -> bool {
    let words: Vec<&OsStr> = command.get_args().collect();
    words.windows(2).any(|pair| pair[0] == "stack" && (pair[1] == "config" || pair[1] == "requests"))
}

#[track_caller]
fn assert_no_secret(place: &str, text: &str) {
    for planted in Canary::planted() {
        planted.assert_absent(place, text);
    }
}

/// What a command writes on a pipe, read as it comes.
#[derive(Debug)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Captured {
    fn start(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let read = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut piece) {
                read.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..length]);
            }
        });
        Self { bytes, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until the pipe is closed.
    fn all(self) -> String {
        let _ = self.reader.join();
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Runs a command to its end, within a limit.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> Finished {
    Running::start(command).finish(limit)
}

/// Asks `look` every 100 ms until it finds something; panics, saying `what` it waited for, after `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program named `tidegate` that runs a shell script.
    fn tidegate(folder: &Path, script: &str, arguments: &[&str]) -> Finished {
        let program = folder.join("tidegate");
        let link = std::os::unix::fs::symlink("/bin/sh", &program);
        link.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        run(Command::new(program).args(["-c", script]).args(arguments), Duration::from_secs(10))
    }

    fn planted() -> (tempfile::TempDir, Canary) {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        (folder, Canary::new("planted-in-a-command"))
    }

    #[test]
    #[should_panic(expected = "is in what Tidegate printed on stderr")]
    fn a_secret_that_tidegate_prints_fails_the_test() {
        let (folder, _canary) = planted();
        tidegate(folder.path(), "echo fine; echo planted-in-a''-command >&2", &[]);
    }

    #[test]
    #[should_panic(expected = "is in its own arguments")]
    fn a_secret_that_tidegate_is_given_as_an_argument_fails_the_test() {
        let (folder, _canary) = planted();
        tidegate(folder.path(), "true", &["planted-in-a-command"]);
    }

    #[test]
    #[should_panic(expected = "is in the arguments of a child")]
    fn a_secret_that_a_child_is_given_as_an_argument_fails_the_test() {
        let (folder, _canary) = planted();
        tidegate(folder.path(), "/bin/sh -c 'sleep 2; true' planted-in-a''-command; true", &[]);
    }

    #[test]
    fn other_programs_and_what_shows_everything_may_print_it() {
        let (folder, _canary) = planted();
        tidegate(folder.path(), "echo planted-in-a''-command", &["stack", "config"]).expect_success();
        run(Command::new("echo").arg("planted-in-a-command"), Duration::from_secs(10)).expect_success();
    }
}
