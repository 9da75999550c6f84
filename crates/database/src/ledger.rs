//! The ledger: which revisions were applied, from which file, by which run (`tidegate.ledger`).
//!
//! Alembic's table keeps only the heads, so it cannot tell that a revision was put below them later, or edited. The
//! ledger can. It is a witness, never a judge: whatever goes wrong with it is at most a warning.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;

use crate::connect::Connection;
use crate::event::{Event, list};
use crate::fence::Epoch;
use crate::options::Options;
use crate::project::Project;
use crate::query;

const DOING: &str = "the ledger";
const CREATE: &str = "CREATE SCHEMA IF NOT EXISTS tidegate; \
    CREATE TABLE IF NOT EXISTS tidegate.ledger ( \
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
        version_table text NOT NULL, \
        event text NOT NULL CHECK (event IN ('applied', 'found', 'repaired', 'reverted')), \
        revision text NOT NULL, \
        file text NOT NULL DEFAULT '', \
        sha256 text NOT NULL DEFAULT '', \
        seconds double precision, \
        epoch text NOT NULL DEFAULT '', \
        run text, \
        release text, \
        image text, \
        source_commit text, \
        detail text, \
        at timestamptz NOT NULL DEFAULT clock_timestamp(), \
        role text NOT NULL DEFAULT current_user, \
        address inet DEFAULT inet_client_addr())";
/// The version table's full name, whatever the `search_path` of the reader.
const TABLE: &str = "coalesce((SELECT n.nspname || '.' || c.relname FROM pg_class c \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)), $1)";

/// One revision to record.
pub(crate) struct Entry {
    pub(crate) revision: String,
    pub(crate) seconds: Option<f64>,
}

/// Records what a run has applied, and for the first time also what was there before it.
pub(crate) async fn record(
    control: &Connection,
    project: &Project,
    options: &Options,
    epoch: &Epoch,
    applied: &[Entry],
    already: &[String],
    on_event: &mut dyn FnMut(Event),
) {
    if let Err(text) = try_record(control, project, options, epoch, applied, already).await {
        let text =
            format!("the ledger could not be written ({text}); the migration itself is done and verified");
        on_event(Event::Warning { code: "ledger", text });
    }
}

async fn try_record(
    control: &Connection,
    project: &Project,
    options: &Options,
    epoch: &Epoch,
    applied: &[Entry],
    already: &[String],
) -> Result<(), String> {
    let known = if exists(control).await {
        entries(control, project).await?
    } else {
        query::execute(&control.client, DOING, CREATE).await.map_err(|error| error.to_string())?;
        BTreeMap::new()
    };
    complete(control).await.map_err(|error| error.to_string())?;
    let found = already
        .iter()
        .filter(|revision| !known.contains_key(*revision))
        .map(|revision| (revision.as_str(), "found", None));
    let event = if options.goes_back() { "reverted" } else { "applied" };
    let applied = applied.iter().map(|entry| (entry.revision.as_str(), event, entry.seconds));
    let lines: Vec<_> = found.chain(applied).collect();
    let column = |of: &dyn Fn(&str) -> String| -> Vec<String> {
        lines.iter().map(|(revision, _, _)| of(revision)).collect()
    };
    let revisions = column(&str::to_owned);
    let files = column(&|revision| project.file(revision));
    let hashes = column(&|revision| project.hash(revision));
    let events: Vec<&str> = lines.iter().map(|(_, event, _)| *event).collect();
    let seconds: Vec<Option<f64>> = lines.iter().map(|(_, _, seconds)| *seconds).collect();
    let sql = format!(
        "INSERT INTO tidegate.ledger (version_table, event, revision, file, sha256, seconds, epoch, run, release, \
         image, source_commit) \
         SELECT {TABLE}, l.event, l.revision, l.file, l.sha256, l.seconds, $7, $8, $9, $10, $11 \
         FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::float8[]) \
              WITH ORDINALITY AS l(event, revision, file, sha256, seconds, line) ORDER BY l.line"
    );
    let parameters: [query::Parameter<'_>; 11] = [
        (&project.table().sql(), Type::TEXT),
        (&events, Type::TEXT_ARRAY),
        (&revisions, Type::TEXT_ARRAY),
        (&files, Type::TEXT_ARRAY),
        (&hashes, Type::TEXT_ARRAY),
        (&seconds, Type::FLOAT8_ARRAY),
        (&epoch.as_str(), Type::TEXT),
        (&options.run, Type::TEXT),
        (&options.release, Type::TEXT),
        (&options.image, Type::TEXT),
        (&options.commit, Type::TEXT),
    ];
    query::rows(&control.client, DOING, &sql, &parameters).await.map_err(|error| error.to_string())?;
    Ok(())
}

/// Records a repair of the version table, where there is a ledger already.
pub(crate) async fn repaired(control: &Connection, project: &Project, before: &[String], after: &[String]) {
    if !exists(control).await {
        return;
    }
    let sql = format!(
        "INSERT INTO tidegate.ledger (version_table, event, revision, detail) VALUES ({TABLE}, 'repaired', $2, $3)"
    );
    let detail = format!("rows were {}", list(before));
    let parameters: [query::Parameter<'_>; 3] =
        [(&project.table().sql(), Type::TEXT), (&list(after), Type::TEXT), (&detail, Type::TEXT)];
    let _ = query::rows(&control.client, DOING, &sql, &parameters).await;
}

/// Warns of revisions that were edited after they were applied, and of such that were put below applied ones later and
/// so will never run.
pub(crate) async fn check(
    control: &Connection,
    project: &Project,
    applied: &[String],
    on_event: &mut dyn FnMut(Event),
) {
    if !exists(control).await {
        return;
    }
    let Ok(known) = entries(control, project).await else { return };
    let mut below_known = std::collections::BTreeSet::new();
    for revision in known.keys().filter(|revision| applied.contains(revision)) {
        below_known.extend(project.history.ancestors(revision));
    }
    for revision in applied {
        match known.get(revision) {
            Some(hash) if !hash.is_empty() && *hash != project.hash(revision) => on_event(Event::Warning {
                code: "edited_after_applied",
                text: format!(
                    "{} ({revision}) was edited after it had been applied to this database: the edit has no effect here",
                    project.file(revision)
                ),
            }),
            None if below_known.contains(revision.as_str()) => on_event(Event::Warning {
                code: "inserted_below_head",
                text: format!(
                    "{} ({revision}) was put below revisions that are applied already: Alembic takes it for applied \
                     and will never run it on this database. Give it the current head as down_revision, unless it \
                     replaces older revisions",
                    project.file(revision)
                ),
            }),
            None if !known.is_empty() => on_event(Event::Warning {
                code: "applied_elsewhere",
                text: format!(
                    "{} ({revision}) counts as applied, but no run of Tidegate applied or found it, as it did others of \
                     this database: somebody stamped it, or ran Alembic by hand. If it was stamped, compare the schema",
                    project.file(revision)
                ),
            }),
            Some(_) | None => {}
        }
    }
}

/// When and by what a revision was applied, as far as the ledger knows.
pub(crate) async fn who_applied(control: &Connection, project: &Project, revision: &str) -> Option<String> {
    if !exists(control).await {
        return None;
    }
    let sql = format!(
        "SELECT l.release, l.run, to_char(l.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"'), l.file, \
                to_jsonb(l) ->> 'image', to_jsonb(l) ->> 'source_commit' \
         FROM tidegate.ledger l WHERE l.version_table = {TABLE} AND l.revision = $2 ORDER BY l.id DESC LIMIT 1"
    );
    let parameters: [query::Parameter<'_>; 2] =
        [(&project.table().sql(), Type::TEXT), (&revision, Type::TEXT)];
    let rows = query::rows(&control.client, DOING, &sql, &parameters).await.ok()?;
    let row = rows.first()?;
    let release: Option<String> = query::get(row, 0, DOING).ok()?;
    let run: Option<String> = query::get(row, 1, DOING).ok()?;
    let at: String = query::get(row, 2, DOING).ok()?;
    let file: String = query::get(row, 3, DOING).ok()?;
    let release =
        release.map_or_else(|| "a run without a release".to_owned(), |release| format!("release {release}"));
    let image: Option<String> = query::get(row, 4, DOING).ok()?;
    let commit: Option<String> = query::get(row, 5, DOING).ok()?;
    let with = |what: &str, value: Option<String>| {
        value.map_or_else(String::new, |value| format!(", {what} {value}"))
    };
    let (run, image, commit) = (with("run", run), with("image", image), with("commit", commit));
    Some(format!("{release}{run}{image}{commit} at {at}, from {file}"))
}

/// Adds what a ledger of an earlier Tidegate does not have.
async fn complete(control: &Connection) -> Result<(), crate::error::MigrateError> {
    let sql = "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('tidegate.ledger') \
               AND attname IN ('image', 'source_commit') AND NOT attisdropped";
    // Asked first: ALTER TABLE needs the table's owner even when there is nothing to do.
    if query::value::<i64>(&control.client, DOING, sql, &[]).await? == 2 {
        return Ok(());
    }
    let add = "ALTER TABLE tidegate.ledger ADD COLUMN IF NOT EXISTS image text, \
               ADD COLUMN IF NOT EXISTS source_commit text";
    query::execute(&control.client, DOING, add).await
}

/// The last known hash of each revision that is or was applied.
async fn entries(control: &Connection, project: &Project) -> Result<BTreeMap<String, String>, String> {
    let sql = format!(
        "SELECT DISTINCT ON (revision) revision, sha256 FROM tidegate.ledger \
         WHERE version_table = {TABLE} AND event <> 'repaired' ORDER BY revision, id DESC"
    );
    let rows = query::rows(&control.client, DOING, &sql, &[(&project.table().sql(), Type::TEXT)])
        .await
        .map_err(|error| error.to_string())?;
    rows.iter()
        .map(|row| Ok((query::get(row, 0, DOING)?, query::get(row, 1, DOING)?)))
        .collect::<Result<_, crate::error::MigrateError>>()
        .map_err(|error| error.to_string())
}

/// Whether there is a ledger that this role can use.
async fn exists(control: &Connection) -> bool {
    let sql = "SELECT coalesce(has_table_privilege(to_regclass('tidegate.ledger'), 'SELECT'), false)";
    query::value(&control.client, DOING, sql, &[]).await.unwrap_or(false)
}
