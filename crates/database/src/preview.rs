//! A look ahead (`--dry-run`): what a run would do, and the SQL of it from Alembic's offline mode. Takes no lock and
//! writes nothing: the sessions of Alembic are read-only.

use std::time::Duration;

use crate::alembic::{self, Ended, Invocation, Message, Stop, Watch};
use crate::connect::Connection;
use crate::error::MigrateError;
use crate::event::{Event, list};
use crate::extensions;
use crate::gate::{self, View};
use crate::options::Options;
use crate::project::Project;
use crate::settings::Settings;

/// How long Alembic may take to write the SQL.
const LIMIT: Duration = Duration::from_mins(2);

/// Tells what a run would do.
pub(crate) async fn tell(
    options: &Options,
    project: &Project,
    settings: &Settings,
    control: &Connection,
    seen: &View,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), MigrateError> {
    gate::judge(options, project, control, seen).await?;
    let wanted = if options.repairs_only() { &[][..] } else { &seen.wanted };
    for name in extensions::missing(control, wanted).await? {
        on_event(Event::Extension { name, state: "missing", detail: "would be created".to_owned() });
    }
    let rows = match &seen.diagnosis.repair {
        Some(repair) => {
            let rows: Vec<&str> = repair.delete.iter().map(|deletion| deletion.row.as_str()).collect();
            let text =
                format!("would remove {} from the version table: other rows imply it", rows.join(", "));
            on_event(Event::Warning { code: "repair", text });
            repair.rows_after.clone()
        }
        None => seen.rows.clone(),
    };
    if options.repairs_only() {
        return Ok(());
    }
    let plan = project.plan(options, &rows).map_err(MigrateError::Target)?;
    if plan.steps.is_empty() {
        return Ok(());
    }
    let steps = plan.steps.iter().map(|step| step.revision.clone()).collect();
    on_event(Event::Plan { rows: rows.clone(), steps, direction: options.direction() });
    if options.goes_back() {
        return Ok(());
    }
    // Alembic's offline mode starts from one revision.
    let no_sql = match rows.as_slice() {
        [] => sql(options, &project.command, settings, &options.target, on_event).await?,
        [row] => {
            sql(options, &project.command, settings, &format!("{row}:{}", options.target), on_event).await?
        }
        _ => Some(format!(
            "Alembic's offline mode starts from one revision, and the database is at {}",
            list(&rows)
        )),
    };
    if let Some(reason) = no_sql {
        on_event(Event::Warning { code: "no_sql", text: format!("the SQL cannot be shown: {reason}") });
    }
    Ok(())
}

/// Passes on the SQL that Alembic writes for `range`; what it gives is why there is none.
async fn sql(
    options: &Options,
    command: &str,
    settings: &Settings,
    range: &str,
    on_event: &mut dyn FnMut(Event),
) -> Result<Option<String>, MigrateError> {
    let invocation = Invocation::offline(options, command, range)?;
    let mut lines = Lines(Vec::new());
    let run = alembic::run(&invocation, &options.variables, settings.password.as_ref(), &mut lines);
    let Ok(run) = tokio::time::timeout(LIMIT, run).await else {
        return Ok(Some("Alembic's offline mode did not end".to_owned()));
    };
    let run = run?;
    if !matches!(run.ended, Ended::Exited(status) if status.success()) {
        return Ok(Some(run.tail.last().cloned().unwrap_or_default()));
    }
    for line in lines.0 {
        on_event(Event::Output { stream: "sql", line });
    }
    Ok(None)
}

/// Keeps what is written on standard output.
struct Lines(Vec<String>);

impl Watch for Lines {
    fn line(&mut self, stream: &'static str, line: &str) {
        if stream == "stdout" {
            self.0.push(line.to_owned());
        }
    }

    fn message(&mut self, _message: &Message) {}

    async fn tick(&mut self) {}

    async fn must_stop(&mut self) -> Stop {
        std::future::pending().await
    }
}
