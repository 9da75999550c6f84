//! Everything before Alembic starts: from "is anything to do at all" to holding the lock with earlier runs fenced off,
//! extensions in place and rows that Alembic can work with.

use std::time::{Duration, Instant};

use revisions::{Diagnosis, Finding, Plan, Repair};

use crate::connect::Connection;
use crate::drive::Ready;
use crate::error::MigrateError;
use crate::event::{Event, list};
use crate::evidence::Downgrade;
use crate::extensions::{self, Wanted};
use crate::fence::{self, Epoch, Whose};
use crate::options::{Extent, Options};
use crate::project::Project;
use crate::report::{Outcome, Report};
use crate::settings::Settings;
use crate::{answers, evidence, ledger, lock, preview, readiness, rows};

/// How the way to Alembic ended.
pub(crate) enum Approach<'a> {
    /// Alembic is not needed.
    Done(Outcome),
    /// Alembic has to run.
    Ready(Box<Ready<'a>>),
}

/// What the database looks like to the revision files.
pub(crate) struct View {
    pub(crate) rows: Vec<String>,
    pub(crate) diagnosis: Diagnosis,
    /// `None` while the rows do not allow a plan.
    pub(crate) plan: Option<Plan>,
    pub(crate) wanted: Vec<Wanted>,
}

/// Goes as far as the start of Alembic.
pub(crate) async fn approach<'a>(
    options: &'a Options,
    project: &'a Project,
    settings: &'a Settings,
    report: &mut Report,
    on_event: &mut dyn FnMut(Event),
) -> Result<Approach<'a>, MigrateError> {
    let started = Instant::now();
    let session = session_options(options);
    let name = own_name("control", options);
    let control = readiness::wait(settings, &name, session.as_deref(), options.wait, on_event).await?;
    on_event(Event::Ready {
        database: settings.place(),
        server: control.server_version.clone(),
        seconds: started.elapsed(),
    });
    if project.computes_table()
        && rows::read(&control, project.table()).await?.is_none_or(|rows| rows.is_empty())
    {
        answers::learn_table(options, project, settings, on_event).await?;
    }
    let seen = view(options, project, &control).await?;
    report.rows_before.clone_from(&seen.rows);
    report.rows.clone_from(&seen.rows);
    if let Some(plan) = seen.plan.as_ref().filter(|_| options.goes_back()) {
        report.heads = plan.rows_after();
    }
    if is_current(&control, &seen).await? {
        ledger::check(&control, project, &seen.diagnosis.applied, on_event).await;
        return Ok(Approach::Done(Outcome::Current));
    }
    if options.repairs_only() && seen.diagnosis.repair.is_none() {
        judge(options, project, &control, &seen).await?;
        return Ok(Approach::Done(Outcome::Current));
    }
    if options.dry_run {
        preview::tell(options, project, settings, &control, &seen, on_event).await?;
        return Ok(Approach::Done(Outcome::Planned));
    }
    let waited = Instant::now();
    let name = own_name("lock", options);
    let lock = readiness::wait(settings, &name, session.as_deref(), options.wait, on_event).await?;
    lock::acquire(&lock, &control, options.lock_wait, on_event).await?;
    let epoch = Epoch::new(&control).await?;
    on_event(Event::LockTaken { epoch: epoch.as_str().to_owned(), seconds: waited.elapsed() });
    fence::clear(&control, Whose::Earlier(&epoch), Duration::ZERO, options.fence_wait, on_event).await?;
    // Whoever held the lock before may have done the work, and so may the last statement of a fenced backend.
    let seen = view(options, project, &control).await?;
    report.rows.clone_from(&seen.rows);
    if is_current(&control, &seen).await? {
        return Ok(Approach::Done(Outcome::Current));
    }
    prepare(options, project, settings, Held { control, lock, epoch }, seen, report, on_event).await
}

/// What is held when the lock is.
struct Held {
    control: Connection,
    lock: Connection,
    epoch: Epoch,
}

async fn prepare<'a>(
    options: &'a Options,
    project: &'a Project,
    settings: &'a Settings,
    held: Held,
    seen: View,
    report: &mut Report,
    on_event: &mut dyn FnMut(Event),
) -> Result<Approach<'a>, MigrateError> {
    let Held { control, lock, epoch } = held;
    judge(options, project, &control, &seen).await?;
    if project.heads.len() > 1 && options.extent == Extent::Migration {
        let text = format!(
            "the history has {} heads ({}): all of them are applied. `tidegate revisions merge` writes the revision that \
             joins them",
            project.heads.len(),
            list(&project.heads)
        );
        on_event(Event::Warning { code: "several_heads", text });
    }
    ledger::check(&control, project, &seen.diagnosis.applied, on_event).await;
    let created = if options.repairs_only() {
        0
    } else {
        extensions::ensure(&control, &seen.wanted, options.environment, on_event).await?
    };
    let rows = match &seen.diagnosis.repair {
        Some(repair) => repaired(project, &control, &seen, repair, on_event).await?,
        None => seen.rows.clone(),
    };
    report.rows.clone_from(&rows);
    if options.repairs_only() {
        return Ok(Approach::Done(Outcome::Migrated));
    }
    let plan = project.plan(options, &rows).map_err(MigrateError::Target)?;
    if options.goes_back() {
        report.heads = plan.rows_after();
        refuse_irreversible(project, &plan, on_event)?;
    }
    if plan.steps.is_empty() {
        let changed = created > 0 || rows != seen.rows;
        return Ok(Approach::Done(if changed { Outcome::Migrated } else { Outcome::Current }));
    }
    let steps = plan.steps.iter().map(|step| step.revision.clone()).collect();
    on_event(Event::Plan { rows, steps, direction: options.direction() });
    Ok(Approach::Ready(Box::new(Ready { options, project, settings, control, lock, epoch, plan })))
}

/// `lock_timeout` for our own sessions too: a pooler that refuses it shows itself before anything is done.
pub(crate) fn session_options(options: &Options) -> Option<String> {
    (!options.lock_timeout.is_zero())
        .then(|| format!("-c lock_timeout={}ms", options.lock_timeout.as_millis()))
}

/// The `application_name` of a connection of ours: unlike those of Alembic, the fence does not end it.
pub(crate) fn own_name(what: &str, options: &Options) -> String {
    match &options.run {
        Some(run) => format!("tidegate {what} {run}"),
        None => format!("tidegate {what} pid {}", std::process::id()),
    }
}

async fn view(options: &Options, project: &Project, control: &Connection) -> Result<View, MigrateError> {
    let rows = rows::read(control, project.table()).await?.unwrap_or_default();
    let diagnosis = project.history.diagnose(&rows);
    let plan = project.plan(options, &rows).ok();
    if options.goes_back() {
        return Ok(View { rows, diagnosis, plan, wanted: Vec::new() });
    }
    let pending: Vec<String> = match &plan {
        Some(plan) => plan.steps.iter().map(|step| step.revision.clone()).collect(),
        None => diagnosis.pending.clone(),
    };
    let wanted = extensions::wanted(options, &project.needs, &pending);
    Ok(View { rows, diagnosis, plan, wanted })
}

/// The question of the fast path: sound rows, no steps, extensions there.
async fn is_current(control: &Connection, seen: &View) -> Result<bool, MigrateError> {
    let sound = seen.diagnosis.findings.iter().all(|finding| matches!(finding, Finding::Empty { .. }));
    let done = seen.plan.as_ref().is_some_and(|plan| plan.steps.is_empty());
    Ok(sound && done && (seen.wanted.is_empty() || extensions::all_present(control, &seen.wanted).await?))
}

/// Refuses rows that Alembic cannot work with, or should not.
pub(crate) async fn judge(
    options: &Options,
    project: &Project,
    control: &Connection,
    seen: &View,
) -> Result<(), MigrateError> {
    for finding in &seen.diagnosis.findings {
        match finding {
            Finding::Unknown { row, similar } => {
                return Err(unknown(project, control, row, similar, "unknown_revision").await);
            }
            Finding::Ahead { row, similar } => {
                return Err(unknown(project, control, row, similar, "ahead").await);
            }
            Finding::Empty { .. } => empty(options, project, control).await?,
            Finding::Duplicate { .. } | Finding::Redundant { .. } => {}
        }
    }
    Ok(())
}

/// Refuses to undo anything where one revision on the way cannot be undone, and warns of those whose downgrade does
/// nothing: what they changed stays.
fn refuse_irreversible(
    project: &Project,
    plan: &Plan,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), MigrateError> {
    let mut irreversible = Vec::new();
    for step in &plan.steps {
        let (revision, file) = (&step.revision, project.file(&step.revision));
        match evidence::downgrade(&project.text(revision)) {
            Downgrade::Works => {}
            Downgrade::Refuses => irreversible.push(format!("{file} ({revision})")),
            Downgrade::Nothing => on_event(Event::Warning {
                code: "empty_downgrade",
                text: format!("the downgrade of {file} ({revision}) does nothing: what it changed stays"),
            }),
        }
    }
    if irreversible.is_empty() { Ok(()) } else { Err(MigrateError::Irreversible { revisions: irreversible }) }
}

async fn unknown(
    project: &Project,
    control: &Connection,
    row: &str,
    similar: &[String],
    state: &'static str,
) -> MigrateError {
    let table = project.table().sql();
    let mut message = format!("{table} names the revision {row}, which is not in these revision files");
    if let Some(who) = ledger::who_applied(control, project, row).await {
        message = format!("{message}; it was applied by {who}");
    }
    let mut hint = String::from(
        "deploy an image whose revision files have it (this one is older, or from another branch); or, if the schema \
         is really at a revision of this image, record that by hand: alembic stamp --purge REVISION",
    );
    if !similar.is_empty() {
        hint = format!("did you mean {}? {hint}", list(similar));
    }
    MigrateError::Rows { state, message, hint }
}

/// No rows: right for a new database, wrong for one that lost its version table or looks at another schema.
async fn empty(options: &Options, project: &Project, control: &Connection) -> Result<(), MigrateError> {
    for (schema, rows) in rows::elsewhere(control, project.table()).await? {
        if rows.iter().any(|row| project.history.revision(row).is_some()) {
            return Err(MigrateError::Rows {
                state: "other_schema",
                message: format!(
                    "there is no {} on the search_path, but schema {schema} has one with rows of this history: {}",
                    project.table().sql(),
                    list(&rows)
                ),
                hint: format!(
                    "put {schema} on the search_path of the role (ALTER ROLE ... SET search_path), or pass \
                     version_table_schema=\"{schema}\" to context.configure"
                ),
            });
        }
    }
    if options.allow_existing_tables {
        return Ok(());
    }
    let tables: Vec<String> = project
        .history
        .history()
        .iter()
        .flat_map(|revision| evidence::created_tables(&project.text(&revision.id)))
        .collect();
    let existing = rows::existing(control, &tables).await?;
    if existing.is_empty() {
        return Ok(());
    }
    let some = existing.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    Err(MigrateError::Rows {
        state: "unstamped",
        message: format!(
            "{} is empty or missing, but {} of the tables that these revisions create are there ({some}): an upgrade \
             would start from nothing and fail with \"already exists\"",
            project.table().sql(),
            existing.len()
        ),
        hint: "if the schema is that of a certain revision, record it: alembic stamp REVISION (compare the schema \
               first); if the revisions cope with existing tables, say --allow-existing-tables"
            .to_owned(),
    })
}

async fn repaired(
    project: &Project,
    control: &Connection,
    seen: &View,
    repair: &Repair,
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<String>, MigrateError> {
    let rows = rows::repair(control, project.table(), &seen.rows, repair).await?;
    for deletion in &repair.delete {
        let proof = if deletion.implied_by == deletion.row {
            format!("it was there {} times", deletion.count + 1)
        } else {
            format!("{} already implies it ({})", deletion.implied_by, deletion.path.join(" ← "))
        };
        on_event(Event::Repaired { row: deletion.row.clone(), proof, rows: rows.clone() });
    }
    ledger::repaired(control, project, &seen.rows, &rows).await;
    Ok(rows)
}
