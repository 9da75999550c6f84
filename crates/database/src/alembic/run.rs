//! One run of the project's Alembic: its process group, its output, and everything that can cut it short.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::bridge::{Bridge, Message};
use super::command::Invocation;
use crate::error::MigrateError;
use crate::rows::VersionTable;
use crate::secret::Secret;
use crate::settings::Variables;

/// How long the process group may take to end after SIGTERM. Swarm gives a task ten seconds in all.
const GRACE: Duration = Duration::from_secs(3);
/// How long the pipes may stay open once Alembic has ended: a process it left behind may hold them.
const DRAIN: Duration = Duration::from_secs(1);
/// How often the caller may look at the database meanwhile.
const TICK: Duration = Duration::from_millis(500);
/// How many of the last lines are kept to explain a failure.
const TAIL: usize = 200;

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// Cut short; its process group is gone. The reason is the watcher's.
    Stopped(Stop),
}

/// Why a run is cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The lock's connection is gone.
    LockLost(String),
    /// From outside.
    Interrupted,
}

/// What is known after a run.
#[derive(Debug)]
pub(crate) struct Run {
    /// How it ended.
    pub(crate) ended: Ended,
    /// The last lines it wrote, without passwords.
    pub(crate) tail: Vec<String>,
    /// What its Python told, in order.
    pub(crate) messages: Vec<Message>,
}

/// What a run is watched by and reported to.
pub(crate) trait Watch {
    /// A line was written.
    fn line(&mut self, stream: &'static str, line: &str);
    /// Python told something.
    fn message(&mut self, message: &Message);
    /// Time has passed: look after the database.
    async fn tick(&mut self);
    /// Returns when the run must not go on.
    async fn must_stop(&mut self) -> Stop;
}

/// Runs the command to its end. Nothing of it is left when this returns.
pub(crate) async fn run(
    invocation: &Invocation,
    variables: &Variables,
    password: Option<&Secret>,
    watch: &mut impl Watch,
) -> Result<Run, MigrateError> {
    // What the project's own Python prints may be any variable of its environment.
    let secrets: Vec<Secret> = variables.secrets().chain(password.cloned()).collect();
    let hidden = |text: &str| secrets.iter().fold(text.to_owned(), |text, secret| secret.redact(&text));
    let (messages, mut told) = mpsc::unbounded_channel();
    // Without the bridge the run is less talkative, not less safe.
    let bridge = Bridge::open(messages).ok();
    let mut child = spawn(invocation, variables, bridge.as_ref())?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let _reaper = GroupGuard(group);
    let (lines, mut written) = mpsc::unbounded_channel();
    read_lines(child.stdout.take(), "stdout", lines.clone());
    read_lines(child.stderr.take(), "stderr", lines);
    let mut run = Run { ended: Ended::Stopped(Stop::Interrupted), tail: Vec::new(), messages: Vec::new() };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    run.ended = loop {
        // In this order, so that a revision is told before what it writes, and a stream of output delays no stop.
        tokio::select! {
            biased;
            stop = watch.must_stop() => {
                end(group, &mut child).await;
                break Ended::Stopped(stop);
            }
            _ = ticks.tick() => watch.tick().await,
            Some(message) = told.recv() => run.message(message, &hidden, watch),
            Some((stream, line)) = written.recv() => run.line(stream, &hidden(&line), watch),
            status = child.wait() => break Ended::Exited(status.map_err(|error| failed(invocation, &error))?),
        }
    };
    let _ = timeout(DRAIN, async {
        while let Some((stream, line)) = written.recv().await {
            run.line(stream, &hidden(&line), watch);
        }
    })
    .await;
    while let Ok(message) = told.try_recv() {
        run.message(message, &hidden, watch);
    }
    Ok(run)
}

impl Run {
    /// The version table that Alembic itself says it uses.
    pub(crate) fn version_table(&self) -> Option<VersionTable> {
        self.messages.iter().find_map(|message| match message {
            Message::Configured { table: Some(name), schema, .. } => {
                Some(VersionTable { schema: schema.clone(), name: name.clone() })
            }
            _ => None,
        })
    }

    /// How long each revision took.
    pub(crate) fn seconds(&self) -> BTreeMap<&str, f64> {
        self.messages
            .iter()
            .filter_map(|message| match message {
                Message::End { revision, seconds } => Some((revision.as_str(), *seconds)),
                _ => None,
            })
            .collect()
    }

    fn line(&mut self, stream: &'static str, line: &str, watch: &mut impl Watch) {
        if self.tail.len() == TAIL {
            self.tail.remove(0);
        }
        self.tail.push(line.to_owned());
        watch.line(stream, line);
    }

    fn message(&mut self, message: Message, hidden: &impl Fn(&str) -> String, watch: &mut impl Watch) {
        let message = match message {
            Message::Error { revision, class, text, sqlstate, statement } => Message::Error {
                revision,
                class,
                text: hidden(&text),
                sqlstate,
                statement: statement.map(|statement| hidden(&statement)),
            },
            other => other,
        };
        watch.message(&message);
        self.messages.push(message);
    }
}

fn spawn(
    invocation: &Invocation,
    variables: &Variables,
    bridge: Option<&Bridge>,
) -> Result<Child, MigrateError> {
    let mut command = Command::new(&invocation.words[0]);
    command
        .args(&invocation.words[1..])
        .current_dir(&invocation.directory)
        .env_clear()
        .envs(variables.all())
        .envs(invocation.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: it ends as a whole, whatever the command starts, and a terminal's Ctrl-C reaches only us.
        .process_group(0)
        .kill_on_drop(true);
    if let Some(bridge) = bridge {
        let (name, socket) = bridge.address();
        command.env(name, socket).env("PYTHONPATH", bridge.python_path(variables.get("PYTHONPATH")));
    }
    command.spawn().map_err(|error| failed(invocation, &error))
}

fn failed(invocation: &Invocation, error: &std::io::Error) -> MigrateError {
    MigrateError::Start { command: invocation.shown(), reason: error.to_string() }
}

fn read_lines(
    pipe: Option<impl AsyncRead + Unpin + Send + 'static>,
    stream: &'static str,
    lines: mpsc::UnboundedSender<(&'static str, String)>,
) {
    let Some(pipe) = pipe else { return };
    tokio::spawn(async move {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if lines.send((stream, text)).is_err() {
                break;
            }
        }
    });
}

/// SIGTERM to the whole group, and after a while SIGKILL.
async fn end(group: Option<Pid>, child: &mut Child) {
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::TERM);
    }
    let _ = timeout(GRACE, child.wait()).await;
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = timeout(GRACE, child.wait()).await;
}

/// Ends what is left of the process group, on every way out. A group lives as long as one of its processes, so its
/// id cannot have gone to somebody else while there is something to end.
struct GroupGuard(Option<Pid>);

impl Drop for GroupGuard {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
