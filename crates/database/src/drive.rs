//! Through the gate: Alembic runs, watched, and the rows of the version table afterwards decide.

use std::collections::BTreeSet;
use std::time::Duration;

use revisions::Plan;
use tokio::time::timeout;

use crate::alembic::{self, Ended, Invocation, Message, Run, Stop, Watch};
use crate::backoff::jittered;
use crate::connect::Connection;
use crate::error::MigrateError;
use crate::event::Event;
use crate::fence::{self, Epoch, Whose};
use crate::migrate::Stopped;
use crate::options::Options;
use crate::project::Project;
use crate::report::{Outcome, Report};
use crate::settings::Settings;
use crate::verdict::{self, Aftermath, Verdict};
use crate::{gate, indexes, ledger, lock, query, readiness, rows};

/// How long Alembic's backends may take to notice that it has ended by itself.
const OWN_PATIENCE: Duration = Duration::from_secs(2);
/// How long to try to reach the database again after a run in which the connection was lost.
const RECONNECT: Duration = Duration::from_secs(30);
/// How long the server may take to answer our looks at it.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long the control connection may take to answer before it is replaced.
const PROBE: Duration = Duration::from_secs(5);
/// One look in so many is also a heartbeat.
const HEARTBEAT_EVERY: u32 = 4;
/// How long our looks at the version table wait for a lock on it: Alembic's env.py may hold one.
const LOOK_LOCK_TIMEOUT: &str = "SET lock_timeout = '250ms'";
/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Everything that is held and known when Alembic starts.
pub(crate) struct Ready<'a> {
    pub(crate) options: &'a Options,
    pub(crate) project: &'a Project,
    pub(crate) settings: &'a Settings,
    pub(crate) control: Connection,
    pub(crate) lock: Connection,
    pub(crate) epoch: Epoch,
    pub(crate) plan: Plan,
}

/// Runs Alembic, again after transient failures that left nothing behind, and says how it ended.
pub(crate) async fn through(
    mut ready: Ready<'_>,
    stop: Stopped<'_>,
    report: &mut Report,
    on_event: &mut dyn FnMut(Event),
) -> Result<Outcome, MigrateError> {
    let invocation =
        Invocation::migration(ready.options, &ready.project.command, &ready.epoch.application_name())?;
    let invalid_before = indexes::invalid(&ready.control).await?;
    query::execute(&ready.control.client, "setting lock_timeout", LOOK_LOCK_TIMEOUT).await?;
    let mut attempt = 1;
    loop {
        let run = ready.run(&invocation, stop.clone(), on_event).await?;
        let aftermath = ready.aftermath(&run, &invalid_before, on_event).await?;
        report.rows.clone_from(&aftermath.rows);
        if ready.options.goes_back() {
            report.reverted.clone_from(&aftermath.applied);
        } else {
            report.applied.clone_from(&aftermath.applied);
        }
        report.invalid_indexes.clone_from(&aftermath.invalid_indexes);
        ready.record(&run, &aftermath, on_event).await;
        let command = invocation.shown();
        let error = match verdict::judge(&command, &ready.plan, &run, &aftermath) {
            Verdict::Done => return Ok(Outcome::Migrated),
            Verdict::Failed(error) => return Err(error),
            Verdict::Transient { error, .. } if attempt > ready.options.retries => return Err(error),
            Verdict::Transient { error, reason } => {
                attempt += 1;
                on_event(Event::Retry { reason, attempt });
                error
            }
        };
        let pause = jittered(Duration::from_secs(1) * 2_u32.saturating_pow(attempt - 2)).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = ready.lock.closed() => return Err(error),
            () = stop.clone() => return Err(MigrateError::Interrupted(Some(verdict::committed(&ready.plan, &aftermath)))),
        }
    }
}

impl Ready<'_> {
    async fn run(
        &mut self,
        invocation: &Invocation,
        stop: Stopped<'_>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Run, MigrateError> {
        let mut watcher = Watcher {
            project: self.project,
            control: &self.control,
            lock: &mut self.lock,
            epoch: &self.epoch,
            stop,
            on_event,
            lost: None,
            ticks: 0,
            bridged: false,
            elsewhere: Vec::new(),
        };
        let run =
            alembic::run(invocation, &self.options.variables, self.settings.password.as_ref(), &mut watcher)
                .await?;
        Ok(run)
    }

    /// Looks at what the run has left behind, once nothing of it is at work any more.
    async fn aftermath(
        &mut self,
        run: &Run,
        invalid_before: &BTreeSet<String>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Aftermath, MigrateError> {
        // After a frozen or cut connection the other one is no better; a new one tells how the server is now.
        if self.control.is_closed() || !self.answers().await {
            let name = gate::own_name("control", self.options);
            let session = gate::session_options(self.options);
            self.control =
                readiness::wait(self.settings, &name, session.as_deref(), RECONNECT, on_event).await?;
        }
        let patience = if matches!(run.ended, Ended::Exited(_)) { OWN_PATIENCE } else { Duration::ZERO };
        let limit = self.options.fence_wait;
        fence::clear(&self.control, Whose::Own(&self.epoch), patience, limit, on_event).await?;
        let table = run.version_table().unwrap_or_else(|| self.project.table().clone());
        let rows = rows::read(&self.control, &table).await?.unwrap_or_default();
        let before: BTreeSet<&str> =
            self.plan.rows.iter().flat_map(|row| self.project.history.ancestors(row)).collect();
        let now: BTreeSet<&str> = rows.iter().flat_map(|row| self.project.history.ancestors(row)).collect();
        let (gained, lost) = if self.options.goes_back() { (&before, &now) } else { (&now, &before) };
        let applied = self
            .plan
            .steps
            .iter()
            .map(|step| step.revision.clone())
            .filter(|revision| gained.contains(revision.as_str()) && !lost.contains(revision.as_str()))
            .collect();
        let invalid = indexes::invalid(&self.control).await.unwrap_or_default();
        let commits_alone = self
            .plan
            .steps
            .iter()
            .map(|step| &step.revision)
            .find(|revision| crate::evidence::commits_on_its_own(&self.project.text(revision)))
            .cloned();
        Ok(Aftermath {
            rows,
            applied,
            invalid_indexes: invalid.difference(invalid_before).cloned().collect(),
            commits_alone,
        })
    }

    async fn answers(&self) -> bool {
        timeout(PROBE, self.control.client.batch_execute("SELECT 1")).await.is_ok_and(|answer| answer.is_ok())
    }

    /// Announces and records what is committed now.
    async fn record(&self, run: &Run, aftermath: &Aftermath, on_event: &mut dyn FnMut(Event)) {
        let seconds = run.seconds();
        for revision in &aftermath.applied {
            on_event(Event::Revision {
                revision: revision.clone(),
                state: if self.options.goes_back() { "reverted" } else { "applied" },
                seconds: seconds.get(revision.as_str()).map(|seconds| Duration::from_secs_f64(*seconds)),
                description: self.project.description(revision),
            });
        }
        if aftermath.applied.is_empty() {
            return;
        }
        let entries: Vec<ledger::Entry> = aftermath
            .applied
            .iter()
            .map(|revision| ledger::Entry {
                revision: revision.clone(),
                seconds: seconds.get(revision.as_str()).copied(),
            })
            .collect();
        let already = self.project.history.diagnose(&self.plan.rows).applied;
        let Self { control, project, options, epoch, .. } = self;
        ledger::record(control, project, options, epoch, &entries, &already, on_event).await;
    }
}

/// Looks after a run while it goes on.
struct Watcher<'a, 'b> {
    project: &'a Project,
    control: &'a Connection,
    lock: &'a mut Connection,
    epoch: &'a Epoch,
    stop: Stopped<'b>,
    on_event: &'a mut dyn FnMut(Event),
    /// Why the lock is not ours any more, once a heartbeat has found out.
    lost: Option<String>,
    ticks: u32,
    /// Whether Python tells us about revisions, so that log lines need not.
    bridged: bool,
    /// Other databases that Alembic was seen in.
    elsewhere: Vec<String>,
}

impl Watcher<'_, '_> {
    fn revision(&mut self, revision: &str, state: &'static str, seconds: Option<f64>) {
        (self.on_event)(Event::Revision {
            revision: revision.to_owned(),
            state,
            seconds: seconds.map(Duration::from_secs_f64),
            description: self.project.description(revision),
        });
    }

    async fn look(&mut self) {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(HEARTBEAT_EVERY) {
            match lock::still_held(self.lock).await {
                Ok(true) => {}
                Ok(false) => self.lost = Some("the lock is not with its session any more".to_owned()),
                Err(error) => self.lost = Some(error.to_string()),
            }
        }
        fence::sweep(self.control, self.epoch, self.on_event).await;
        for database in fence::elsewhere(self.control, self.epoch).await {
            if !self.elsewhere.contains(&database) {
                let text = format!(
                    "Alembic is connected to database {database}, not to the one that is locked here"
                );
                (self.on_event)(Event::Warning { code: "other_database", text });
                self.elsewhere.push(database);
            }
        }
    }
}

impl Watch for Watcher<'_, '_> {
    fn line(&mut self, stream: &'static str, line: &str) {
        (self.on_event)(Event::Output { stream, line: line.to_owned() });
        if !self.bridged
            && let Some((_, step)) = line.split_once("Running upgrade ")
            && let Some((_, to)) = step.split_once("-> ")
        {
            let revision = to.split([',', ' ']).next().unwrap_or_default().to_owned();
            self.revision(&revision, "running", None);
        }
    }

    fn message(&mut self, message: &Message) {
        self.bridged = true;
        match message {
            Message::Start { revision } => self.revision(revision, "running", None),
            Message::End { revision, seconds } => self.revision(revision, "done", Some(*seconds)),
            Message::Error { revision: Some(revision), .. } => self.revision(revision, "failed", None),
            Message::Configured { .. }
            | Message::Autocommit { .. }
            | Message::Script { .. }
            | Message::Error { revision: None, .. } => {}
        }
    }

    async fn tick(&mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            looked = timeout(HEARTBEAT, self.look()) => {
                if looked.is_err() {
                    self.lost = Some("the server does not answer".to_owned());
                }
            }
            // Not while the server thinks about it: whoever stops us is counting seconds.
            () = stop => {}
        }
    }

    async fn must_stop(&mut self) -> Stop {
        if let Some(reason) = &self.lost {
            return Stop::LockLost(reason.clone());
        }
        let stop = self.stop.clone();
        tokio::select! {
            reason = self.lock.closed() => Stop::LockLost(reason),
            () = stop => Stop::Interrupted,
        }
    }
}
