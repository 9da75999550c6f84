//! Extensions: looked at without a lock, created under it, refused with an explanation.

mod library;
mod refusal;

use std::collections::BTreeMap;
use std::time::Duration;

use revisions::ExtensionNeed;
use tokio_postgres::types::Type;

use crate::connect::Connection;
use crate::error::MigrateError;
use crate::event::Event;
use crate::options::{Environment, Options};
use crate::query::{self, identifier};

pub use refusal::{Cause, Refusal};
use refusal::{Session, cause};

/// How long CREATE EXTENSION may take: PostGIS with its topology takes two seconds on a slow disk.
const CREATING_LIMIT: Duration = Duration::from_mins(5);

/// An extension that has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name.
    pub(crate) name: String,
    /// The schema it has to be in, if one was asked for.
    pub(crate) schema: Option<String>,
    /// Why, for messages.
    pub(crate) needed: String,
    /// Whether to bring it to the version that the server has.
    pub(crate) update: bool,
}

/// What is to be there: what configuration names (`NAME` or `NAME@SCHEMA`), and what pending revisions use without
/// creating it themselves. `!NAME` in configuration means that it is not needed, whatever the files look like.
pub(crate) fn wanted(options: &Options, needs: &[ExtensionNeed], pending: &[String]) -> Vec<Wanted> {
    let (named, update) = (&options.extensions, options.update_extensions);
    let mut wanted: Vec<Wanted> = Vec::new();
    for entry in named.iter().map(|entry| entry.trim()).filter(|entry| !entry.starts_with('!')) {
        let (name, schema) =
            entry.split_once('@').map_or((entry, None), |(name, schema)| (name, Some(schema)));
        if !name.is_empty() && !wanted.iter().any(|other| other.name == name) {
            let needed = "named by configuration".to_owned();
            wanted.push(Wanted { name: name.to_owned(), schema: schema.map(str::to_owned), needed, update });
        }
    }
    for need in needs.iter().filter(|need| need.created.is_empty()) {
        let declined =
            named.iter().any(|entry| entry.trim().strip_prefix('!') == Some(need.extension.as_str()));
        let known = wanted.iter().any(|other| other.name == need.extension);
        let used = need.uses.iter().find(|used| pending.contains(&used.revision));
        if let Some(used) = used.filter(|_| !declined && !known) {
            let needed = format!("{} at {} uses it", used.sign, used.place);
            wanted.push(Wanted { name: need.extension.clone(), schema: None, needed, update: false });
        }
    }
    wanted
}

/// What the database says about an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// The installed version and schema.
    installed: Option<(String, String)>,
    /// The version that the server would install.
    available: Option<String>,
    /// Whether the schema is reachable by unqualified names, or is prescribed by the extension itself.
    reachable: bool,
    /// What it builds on.
    requires: Vec<String>,
    /// Whether ALTER EXTENSION ... SET SCHEMA works.
    relocatable: bool,
}

impl Found {
    /// Whether the server would install another version than is installed.
    fn is_behind(&self) -> bool {
        let installed = self.installed.as_ref().map(|(version, _)| version);
        installed.zip(self.available.as_ref()).is_some_and(|(installed, available)| installed != available)
    }
}

/// Whether all wanted extensions are installed where they should be and the server still has them: the fast path's
/// question. An image without the extension has no control file of it, so it is not available any more; loading its
/// library would tell the same a hundred times slower.
pub(crate) async fn all_present(control: &Connection, wanted: &[Wanted]) -> Result<bool, MigrateError> {
    let found = look(control, wanted).await?;
    Ok(wanted.iter().all(|wanted| {
        found
            .get(&wanted.name)
            .is_some_and(|found| misplaced(wanted, found).is_none() && found.available.is_some())
            && !(wanted.update && found.get(&wanted.name).is_some_and(Found::is_behind))
    }))
}

/// The wanted extensions that are not installed.
pub(crate) async fn missing(control: &Connection, wanted: &[Wanted]) -> Result<Vec<String>, MigrateError> {
    let found = look(control, wanted).await?;
    let installed = |name: &str| found.get(name).is_some_and(|found| found.installed.is_some());
    Ok(wanted.iter().map(|wanted| wanted.name.clone()).filter(|name| !installed(name)).collect())
}

/// Makes sure of every wanted extension. Must run under the migration lock: two runners that create one extension at
/// once fail with 23505.
pub(crate) async fn ensure(
    control: &Connection,
    wanted: &[Wanted],
    environment: Environment,
    on_event: &mut dyn FnMut(Event),
) -> Result<usize, MigrateError> {
    if wanted.is_empty() {
        return Ok(0);
    }
    let found = look(control, wanted).await?;
    let session = session(control).await?;
    let mut created = 0;
    for wanted in ordered(wanted, &found) {
        let Some(found) = found.get(&wanted.name) else { continue };
        let result = match &found.installed {
            Some(_) => check(control, wanted, found, &session).await?,
            None => create(control, wanted, &session).await?,
        };
        match result {
            Ok(None) => {}
            Ok(Some(event)) => {
                created +=
                    usize::from(matches!(&event, Event::Extension { state: "created" | "updated", .. }));
                on_event(event);
            }
            Err(cause) => {
                let refusal =
                    Refusal { extension: wanted.name.clone(), needed: wanted.needed.clone(), cause };
                if environment != Environment::Development {
                    return Err(MigrateError::Extension(Box::new(refusal)));
                }
                let text = format!("{refusal}. {}", refusal.hint());
                on_event(Event::Warning { code: "extension_missing", text });
            }
        }
    }
    Ok(created)
}

/// What the catalogue knows of the wanted extensions, by name.
async fn look(control: &Connection, wanted: &[Wanted]) -> Result<BTreeMap<String, Found>, MigrateError> {
    const DOING: &str = "reading the extensions";
    let sql = "SELECT w.name, e.extversion, n.nspname, a.default_version, \
                      coalesce(n.nspname = ANY (current_schemas(true)), true) OR v.schema IS NOT NULL, \
                      coalesce(v.requires::text[], '{}'), coalesce(e.extrelocatable, false) \
               FROM unnest($1::text[]) AS w(name) \
               LEFT JOIN pg_extension e ON e.extname = w.name \
               LEFT JOIN pg_namespace n ON n.oid = e.extnamespace \
               LEFT JOIN pg_available_extensions a ON a.name = w.name \
               LEFT JOIN pg_available_extension_versions v ON v.name = w.name \
                     AND v.version = coalesce(e.extversion, a.default_version)";
    let names: Vec<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
    let rows = query::rows(&control.client, DOING, sql, &[(&names, Type::TEXT_ARRAY)]).await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let version: Option<String> = query::get(row, 1, DOING)?;
        let schema: Option<String> = query::get(row, 2, DOING)?;
        let entry = Found {
            installed: version.zip(schema),
            available: query::get(row, 3, DOING)?,
            reachable: query::get(row, 4, DOING)?,
            requires: query::get(row, 5, DOING)?,
            relocatable: query::get(row, 6, DOING)?,
        };
        found.insert(query::get(row, 0, DOING)?, entry);
    }
    Ok(found)
}

async fn session(control: &Connection) -> Result<Session, MigrateError> {
    const DOING: &str = "reading the session's role";
    let rows =
        query::rows(&control.client, DOING, "SELECT current_user::text, current_database()::text", &[])
            .await?;
    let Some(row) = rows.first() else { return Ok(Session { role: String::new(), database: String::new() }) };
    Ok(Session { role: query::get(row, 0, DOING)?, database: query::get(row, 1, DOING)? })
}

/// The wanted extensions, each after those of them that it builds on; otherwise in the order given.
fn ordered<'a>(wanted: &'a [Wanted], found: &BTreeMap<String, Found>) -> Vec<&'a Wanted> {
    let mut ordered: Vec<&Wanted> = Vec::new();
    let mut left: Vec<&Wanted> = wanted.iter().collect();
    while !left.is_empty() {
        let ready = left.iter().position(|candidate| {
            let requires = found.get(&candidate.name).map_or(&[][..], |found| &found.requires);
            !left.iter().any(|other| other.name != candidate.name && requires.contains(&other.name))
        });
        // PostgreSQL has no circles of requirements; were there one, the given order is as good as any.
        ordered.push(left.remove(ready.unwrap_or(0)));
    }
    ordered
}

enum Misplaced {
    Missing,
    OffSearchPath(String),
    OtherSchema { schema: String, wanted: String },
}

fn misplaced(wanted: &Wanted, found: &Found) -> Option<Misplaced> {
    let Some((_, schema)) = &found.installed else { return Some(Misplaced::Missing) };
    match &wanted.schema {
        Some(asked) if asked != schema => {
            Some(Misplaced::OtherSchema { schema: schema.clone(), wanted: asked.clone() })
        }
        None if !found.reachable => Some(Misplaced::OffSearchPath(schema.clone())),
        _ => None,
    }
}

type Checked = Result<Option<Event>, Cause>;

/// Looks at an installed extension: its place, its library, its version.
async fn check(
    control: &Connection,
    wanted: &Wanted,
    found: &Found,
    session: &Session,
) -> Result<Checked, MigrateError> {
    match misplaced(wanted, found) {
        Some(Misplaced::OffSearchPath(schema)) => {
            let search_path = query::value(
                &control.client,
                "reading the search_path",
                "SELECT current_setting('search_path')",
                &[],
            )
            .await?;
            let database = session.database.clone();
            let relocatable = found.relocatable;
            return Ok(Err(Cause::OffSearchPath { schema, search_path, database, relocatable }));
        }
        Some(Misplaced::OtherSchema { schema, wanted }) => {
            return Ok(Err(Cause::OtherSchema { schema, wanted, relocatable: found.relocatable }));
        }
        Some(Misplaced::Missing) | None => {}
    }
    if let Some(reason) = library::gone(control, &wanted.name).await? {
        return Ok(Err(Cause::LibraryGone { reason }));
    }
    let Some((version, _)) = &found.installed else { return Ok(Ok(None)) };
    let name = wanted.name.clone();
    if !found.is_behind() {
        return Ok(Ok(Some(Event::Extension {
            name,
            state: "present",
            detail: format!("version {version}"),
        })));
    }
    let available = found.available.as_deref().unwrap_or_default();
    let update = format!("ALTER EXTENSION {} UPDATE", identifier(&wanted.name));
    if !wanted.update {
        let detail =
            format!("version {version} is installed, {available} is available (as its owner: {update};)");
        return Ok(Ok(Some(Event::Extension { name, state: "outdated", detail })));
    }
    let detail = format!("updated from {version} to {available}");
    Ok(match run(control, "updating an extension", &update).await? {
        Ok(()) => Ok(Some(Event::Extension { name, state: "updated", detail })),
        Err((sqlstate, reason)) if sqlstate == "42501" => Err(Cause::NotOwner { reason }),
        Err((sqlstate, reason)) => Err(Cause::Other { reason: format!("{reason} (SQLSTATE {sqlstate})") }),
    })
}

/// Creates a missing extension.
async fn create(control: &Connection, wanted: &Wanted, session: &Session) -> Result<Checked, MigrateError> {
    let schema = wanted.schema.as_deref();
    let place = schema.map_or_else(String::new, |schema| format!(" SCHEMA {}", identifier(schema)));
    let sql = format!("CREATE EXTENSION IF NOT EXISTS {}{place}", identifier(&wanted.name));
    let Err((sqlstate, reason)) = run(control, "creating an extension", &sql).await? else {
        let detail = match wanted.needed.as_str() {
            "named by configuration" => "created".to_owned(),
            needed => format!("created, because {needed}"),
        };
        return Ok(Ok(Some(Event::Extension { name: wanted.name.clone(), state: "created", detail })));
    };
    // Somebody who does not know our lock created it at the same moment: what counts is that it is there.
    if sqlstate == "23505" && all_present(control, std::slice::from_ref(wanted)).await? {
        let detail = "created by another session at the same moment".to_owned();
        return Ok(Ok(Some(Event::Extension { name: wanted.name.clone(), state: "present", detail })));
    }
    Ok(Err(cause(&sqlstate, &reason, schema, session)))
}

/// Runs a statement; what the server says against it is SQLSTATE and words.
async fn run(
    control: &Connection,
    doing: &str,
    sql: &str,
) -> Result<Result<(), (String, String)>, MigrateError> {
    match query::bounded(doing, CREATING_LIMIT, control.client.batch_execute(sql)).await? {
        Ok(()) => Ok(Ok(())),
        Err(error) => match error.as_db_error() {
            Some(server) => Ok(Err((server.code().code().to_owned(), server.message().to_owned()))),
            None => Err(query::failed(doing, &error)),
        },
    }
}
