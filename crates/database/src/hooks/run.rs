//! Running the hooks of a release, one after the other, under the lock. The first that fails ends the rest: a later
//! one may build on it.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep, timeout};

use super::{Action, Hook, Hooks, record};
use crate::alembic::{self, Ended, Invocation, Message, Stop, Watch};
use crate::connect::{Connection, describe};
use crate::error::{MigrateError, seconds};
use crate::event::Event;
use crate::fence::{self, Epoch, Whose};
use crate::migrate::Stopped;
use crate::options::{Extent, Options};
use crate::report::Outcome;
use crate::settings::Settings;
use crate::{digest, gate, lock, readiness};

/// A hook and what its record knows it by: what it does, and the content of its file.
struct Pending<'a> {
    hook: &'a Hook,
    identity: String,
    /// The statements of its file.
    sql: String,
}

/// What the hooks run with.
struct Runner<'a> {
    options: &'a Options,
    settings: &'a Settings,
    control: Connection,
    lock: Connection,
    epoch: Epoch,
}

/// Runs the hooks that this release has not run yet. Whatever goes wrong is told in warnings.
pub(crate) async fn run(
    options: &Options,
    settings: &Settings,
    outcome: Outcome,
    stop: Stopped<'_>,
    on_event: &mut dyn FnMut(Event),
) -> Hooks {
    let meant: Vec<&Hook> =
        options.hooks.iter().filter(|hook| hook.environments.contains(&options.environment)).collect();
    // Without a release a run that changed nothing has nothing to follow up on.
    let idle = options.release.is_none() && outcome != Outcome::Migrated;
    if meant.is_empty() || options.dry_run || options.extent != Extent::Migration || idle {
        return Hooks::None;
    }
    match all(options, settings, &meant, stop, on_event).await {
        Ok(()) => Hooks::Done,
        Err(reason) => {
            let text = format!("{reason}; the migration itself is done, verified and recorded");
            on_event(Event::Warning { code: "hook", text });
            Hooks::Failed
        }
    }
}

async fn all(
    options: &Options,
    settings: &Settings,
    meant: &[&Hook],
    stop: Stopped<'_>,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), String> {
    let hooks = meant.iter().map(|hook| pending(options, hook)).collect::<Result<Vec<_>, _>>()?;
    let open = |error: MigrateError| format!("the hooks were not run: {error}");
    let session = gate::session_options(options);
    let name = gate::own_name("control", options);
    let control =
        readiness::wait(settings, &name, session.as_deref(), options.wait, on_event).await.map_err(open)?;
    if left(&control, options, &hooks).await.map_err(open)?.is_empty() {
        return Ok(());
    }
    let name = gate::own_name("lock", options);
    let lock =
        readiness::wait(settings, &name, session.as_deref(), options.wait, on_event).await.map_err(open)?;
    lock::acquire(&lock, &control, options.lock_wait, on_event).await.map_err(open)?;
    let epoch = Epoch::new(&control).await.map_err(open)?;
    let (whose, wait) = (Whose::Earlier(&epoch), options.fence_wait);
    fence::clear(&control, whose, Duration::ZERO, wait, on_event).await.map_err(open)?;
    record::prepare(&control).await.map_err(open)?;
    // Whoever held the lock before may have run them.
    let left = left(&control, options, &hooks).await.map_err(open)?;
    let mut runner = Runner { options, settings, control, lock, epoch };
    for hook in left {
        runner.one(hook, stop.clone(), on_event).await?;
    }
    Ok(())
}

/// Reads what a hook needs, before any of them runs.
fn pending<'a>(options: &Options, hook: &'a Hook) -> Result<Pending<'a>, String> {
    let sql = match &hook.action {
        Action::Sql(file) => std::fs::read_to_string(options.directory.join(file)).map_err(|error| {
            format!("the hook {} was not run: its file cannot be read: {error}", hook.name())
        })?,
        Action::Command(_) => String::new(),
    };
    let what = match &hook.action {
        Action::Sql(file) => file.display().to_string(),
        Action::Command(command) => command.clone(),
    };
    let identity = digest::sha256([what.as_bytes(), &[0], sql.as_bytes()]);
    Ok(Pending { hook, identity, sql })
}

/// The hooks that the record does not have as done.
async fn left<'a, 'b>(
    control: &Connection,
    options: &Options,
    hooks: &'b [Pending<'a>],
) -> Result<Vec<&'b Pending<'a>>, MigrateError> {
    let Some(release) = &options.release else { return Ok(hooks.iter().collect()) };
    let done = record::done(control, release).await?;
    Ok(hooks.iter().filter(|hook| !done.contains(&hook.identity)).collect())
}

impl Runner<'_> {
    async fn one(
        &mut self,
        pending: &Pending<'_>,
        stop: Stopped<'_>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), String> {
        let name = pending.hook.name();
        on_event(Event::Hook { hook: name.clone(), state: "running" });
        let release = self.options.release.as_deref();
        let id = record::begin(&self.control, release, &name, &pending.identity, self.epoch.as_str())
            .await
            .map_err(|error| format!("the hook {name} was not run: {error}"))?;
        let result = match &pending.hook.action {
            Action::Sql(_) => self.statements(&pending.sql, id, stop).await,
            Action::Command(command) => self.command(command, id, stop, on_event).await,
        };
        match result {
            Ok(()) => {
                on_event(Event::Hook { hook: name, state: "done" });
                Ok(())
            }
            Err(reason) => {
                // A line that says "running" says the same to the next run: not done.
                let _ = record::end(&self.control.client, id, "failed").await;
                on_event(Event::Hook { hook: name.clone(), state: "failed" });
                Err(format!("the hook {name} failed: {}", self.settings.redact(&reason)))
            }
        }
    }

    /// All statements and the record of them in one transaction: they are there exactly if the record says so.
    async fn statements(&mut self, sql: &str, id: i64, stop: Stopped<'_>) -> Result<(), String> {
        let session = gate::session_options(self.options);
        let name = self.epoch.application_name();
        let connection = Connection::open(self.settings, &name, session.as_deref())
            .await
            .map_err(|error| error.to_string())?;
        let limit = self.options.hook_timeout;
        let work = async {
            let failed = |error: tokio_postgres::Error| describe(&error);
            connection.client.batch_execute("BEGIN").await.map_err(failed)?;
            connection.client.batch_execute(sql).await.map_err(failed)?;
            record::end(&connection.client, id, "done").await.map_err(|error| error.to_string())?;
            connection.client.batch_execute("COMMIT").await.map_err(failed)
        };
        let result = tokio::select! {
            result = timeout(limit, work) => result.unwrap_or_else(|_| Err(over(self.options))),
            reason = self.lock.closed() => Err(lost(&reason)),
            () = stop => Err(STOPPED.to_owned()),
        };
        if result.is_err() {
            // The server may still be at work on a statement whose client has gone.
            drop(connection);
            let (whose, wait) = (Whose::Own(&self.epoch), self.options.fence_wait);
            let _ = fence::clear(&self.control, whose, Duration::ZERO, wait, &mut |_| {}).await;
        }
        result
    }

    async fn command(
        &mut self,
        command: &str,
        id: i64,
        stop: Stopped<'_>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), String> {
        let invocation = Invocation::hook(self.options, command, &self.epoch.application_name())
            .map_err(|error| error.to_string())?;
        let mut watcher = Watcher {
            limit: Box::pin(sleep(self.options.hook_timeout)),
            lock: &mut self.lock,
            stop,
            on_event,
            why: String::new(),
            over: over(self.options),
        };
        let password = self.settings.password.as_ref();
        let run = alembic::run(&invocation, &self.options.variables, password, &mut watcher).await;
        let why = watcher.why;
        let run = run.map_err(|error| error.to_string())?;
        match run.ended {
            Ended::Exited(status) if status.success() => {
                record::end(&self.control.client, id, "done").await.map_err(|error| error.to_string())
            }
            Ended::Exited(status) => {
                let last = run.tail.last().map_or_else(String::new, |line| format!(": {line}"));
                Err(format!("{status}{last}"))
            }
            Ended::Stopped(_) => Err(why),
        }
    }
}

const STOPPED: &str = "it was stopped from outside";

fn over(options: &Options) -> String {
    format!("it did not end within {} and was stopped", seconds(&options.hook_timeout))
}

fn lost(reason: &str) -> String {
    format!("the connection that holds the migration lock ended ({reason}), so it was stopped")
}

/// Looks after a command while it runs.
struct Watcher<'a, 'b> {
    limit: Pin<Box<Sleep>>,
    lock: &'a mut Connection,
    stop: Stopped<'b>,
    on_event: &'a mut dyn FnMut(Event),
    /// Why it was stopped.
    why: String,
    over: String,
}

impl Watch for Watcher<'_, '_> {
    fn line(&mut self, stream: &'static str, line: &str) {
        (self.on_event)(Event::Output { stream, line: line.to_owned() });
    }

    fn message(&mut self, _message: &Message) {}

    async fn tick(&mut self) {}

    async fn must_stop(&mut self) -> Stop {
        tokio::select! {
            () = &mut self.limit => self.why.clone_from(&self.over),
            reason = self.lock.closed() => self.why = lost(&reason),
            () = self.stop.clone() => STOPPED.clone_into(&mut self.why),
        }
        Stop::Interrupted
    }
}
