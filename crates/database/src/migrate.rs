//! A migration from end to end: [`migrate`]. Each step is a module of its own; this one says in which order they go,
//! and makes sure that every run ends with a report.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::Shared;

use crate::drive;
use crate::error::MigrateError;
use crate::event::Event;
use crate::gate;
use crate::hooks;
use crate::options::{Extent, Options, SeveralHeads};
use crate::project::Project;
use crate::report::{Outcome, Report};
use crate::settings;

/// Resolves when the run is to be stopped.
pub(crate) type Stopped<'a> = Shared<Pin<Box<dyn Future<Output = ()> + 'a>>>;

/// Brings the database to the target of the revision files, or says why not and what is in the database now.
///
/// In order: the revision files are read; the database is waited for; if it is at the target, that is all. Otherwise
/// the lock is taken, earlier runs are fenced off, extensions are made sure of, rows are repaired where that is
/// proven, the project's own Alembic runs, and the rows afterwards decide. The last event is always a
/// [`Event::Report`]. When `stop` resolves, the run ends in order: Alembic's processes and backends first.
pub async fn migrate(
    options: &Options,
    stop: impl Future<Output = ()>,
    on_event: &mut dyn FnMut(Event),
) -> Result<Report, MigrateError> {
    let started = Instant::now();
    let mut report = Report::new(options.run.clone(), options.release.clone());
    let stop: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(stop);
    let result = cross(options, stop.shared(), &mut report, on_event).await;
    report.finish(&result, started.elapsed());
    on_event(Event::Report(Box::new(report.clone())));
    result.map(|_| report)
}

async fn cross(
    options: &Options,
    stop: Stopped<'_>,
    report: &mut Report,
    on_event: &mut dyn FnMut(Event),
) -> Result<Outcome, MigrateError> {
    let project = tokio::select! {
        project = Project::load(options) => project?,
        () = stop.clone() => return Err(MigrateError::Interrupted(None)),
    };
    report.heads.clone_from(&project.heads);
    refuse_several_heads(options, &project)?;
    for warning in project.history.warnings() {
        on_event(Event::Warning { code: warning.code, text: warning.to_string() });
    }
    let url = project.config.sqlalchemy_url.as_ref().map(revisions::Secret::expose);
    let settings = settings::resolve(&options.variables, url)?;
    let prepared = tokio::select! {
        prepared = gate::approach(options, &project, &settings, report, on_event) => prepared?,
        () = stop.clone() => return Err(MigrateError::Interrupted(None)),
    };
    let outcome = match prepared {
        gate::Approach::Done(outcome) => outcome,
        gate::Approach::Ready(ready) => drive::through(*ready, stop.clone(), report, on_event).await?,
    };
    // The migration is done, verified and recorded: nothing that follows can make a failure of it.
    report.hooks = hooks::run(options, &settings, outcome, stop, on_event).await;
    Ok(outcome)
}

/// The policy for a history with several heads, where the target leaves it open which are meant.
fn refuse_several_heads(options: &Options, project: &Project) -> Result<(), MigrateError> {
    let refused = options.several_heads == SeveralHeads::Refuse && options.target == "heads";
    if !refused || options.extent != Extent::Migration || project.heads.len() < 2 {
        return Ok(());
    }
    let files = project.heads.iter().map(|head| (head.clone(), project.file(head))).collect();
    Err(MigrateError::SeveralHeads { environment: options.environment, heads: files })
}
