//! Extensions: looked at without a lock, created under it, refused with an explanation.

mod refusal;

use std::collections::BTreeMap;
use std::time::Duration;

use revisions::ExtensionNeed;
use tokio_postgres::types::Type;

use crate::connect::Connection;
use crate::error::MigrateError;
use crate::event::Event;
use crate::options::Environment;
use crate::query::{self, identifier};

pub use refusal::{Cause, Refusal};
use refusal::{Session, cause};

/// How long CREATE EXTENSION may take: PostGIS with its topology takes two seconds on a slow disk.
const CREATING_LIMIT: Duration = Duration::from_mins(5);
/// How long the server may take to load a library.
const LOADING_LIMIT: Duration = Duration::from_mins(1);

/// An extension that has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name.
    pub(crate) name: String,
    /// The schema it has to be in, if one was asked for.
    pub(crate) schema: Option<String>,
    /// Why, for messages.
    pub(crate) needed: String,
}

/// What is to be there: what configuration names (`NAME` or `NAME@SCHEMA`), and what pending revisions use without
/// creating it themselves. `!NAME` in configuration means that it is not needed, whatever the files look like.
pub(crate) fn wanted(named: &[String], needs: &[ExtensionNeed], pending: &[String]) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for entry in named.iter().map(|entry| entry.trim()).filter(|entry| !entry.starts_with('!')) {
        let (name, schema) =
            entry.split_once('@').map_or((entry, None), |(name, schema)| (name, Some(schema)));
        if !name.is_empty() && !wanted.iter().any(|other| other.name == name) {
            let needed = "named by configuration".to_owned();
            wanted.push(Wanted { name: name.to_owned(), schema: schema.map(str::to_owned), needed });
        }
    }
    for need in needs.iter().filter(|need| need.created.is_empty()) {
        let declined =
            named.iter().any(|entry| entry.trim().strip_prefix('!') == Some(need.extension.as_str()));
        let known = wanted.iter().any(|other| other.name == need.extension);
        let used = need.uses.iter().find(|used| pending.contains(&used.revision));
        if let Some(used) = used.filter(|_| !declined && !known) {
            let needed = format!("{} at {} uses it", used.sign, used.place);
            wanted.push(Wanted { name: need.extension.clone(), schema: None, needed });
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

/// Whether all wanted extensions are installed where they should be and the server still has them: the fast path's
/// question. An image without the extension has no control file of it, so it is not available any more; loading its
/// library would tell the same a hundred times slower.
pub(crate) async fn all_present(control: &Connection, wanted: &[Wanted]) -> Result<bool, MigrateError> {
    let found = look(control, wanted).await?;
    Ok(wanted.iter().all(|wanted| {
        found
            .get(&wanted.name)
            .is_some_and(|found| misplaced(wanted, found).is_none() && found.available.is_some())
    }))
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
                created += usize::from(found.installed.is_none());
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
    if let Some(reason) = library_gone(control, &wanted.name).await? {
        return Ok(Err(Cause::LibraryGone { reason }));
    }
    let Some((version, _)) = &found.installed else { return Ok(Ok(None)) };
    let event = match &found.available {
        Some(available) if available != version => Event::Extension {
            name: wanted.name.clone(),
            state: "outdated",
            detail: format!(
                "version {version} is installed, {available} is available (as its owner: ALTER EXTENSION {} UPDATE;)",
                identifier(&wanted.name)
            ),
        },
        _ => Event::Extension {
            name: wanted.name.clone(),
            state: "present",
            detail: format!("version {version}"),
        },
    };
    Ok(Ok(Some(event)))
}

/// Loads the extension's libraries by planning a call of one function of each, without executing it: the function is
/// strict and its argument is null, but the executor loads the library before it looks at arguments.
async fn library_gone(control: &Connection, extension: &str) -> Result<Option<String>, MigrateError> {
    const DOING: &str = "looking for an extension's libraries";
    let sql = "SELECT DISTINCT ON (p.probin) format('SELECT %s(%s) FROM (SELECT %s OFFSET 0) AS x', \
                 p.oid::regproc, \
                 (SELECT string_agg('a' || i, ', ') FROM generate_series(1, p.pronargs) AS i), \
                 (SELECT string_agg(format('NULL::%s AS a%s', format_type(t, NULL), i), ', ') \
                  FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u(t, i))) \
               FROM pg_extension e \
               JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid \
                 AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass \
               JOIN pg_proc p ON p.oid = d.objid JOIN pg_language l ON l.oid = p.prolang \
               WHERE e.extname = $1 AND l.lanname = 'c' AND p.prokind = 'f' AND p.proisstrict \
                 AND NOT p.proretset AND p.pronargs BETWEEN 1 AND 4 \
                 AND has_function_privilege(p.oid, 'EXECUTE') \
                 AND has_schema_privilege(p.pronamespace, 'USAGE') \
                 AND p.prorettype NOT IN ('trigger'::regtype, 'internal'::regtype, 'event_trigger'::regtype) \
                 AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) AS a(t) \
                                 JOIN pg_type y ON y.oid = a.t WHERE y.typtype = 'p') \
               ORDER BY p.probin, p.oid";
    let rows = query::rows(&control.client, DOING, sql, &[(&extension, Type::TEXT)]).await?;
    for row in &rows {
        let probe: String = query::get(row, 0, DOING)?;
        let probed = query::bounded(DOING, LOADING_LIMIT, control.client.batch_execute(&probe)).await?;
        let Err(error) = probed else { continue };
        if let Some(server) = error.as_db_error()
            && server.code().code() == "58P01"
        {
            return Ok(Some(server.message().to_owned()));
        }
    }
    Ok(None)
}

/// Creates a missing extension.
async fn create(control: &Connection, wanted: &Wanted, session: &Session) -> Result<Checked, MigrateError> {
    const DOING: &str = "creating an extension";
    let schema = wanted.schema.as_deref();
    let place = schema.map_or_else(String::new, |schema| format!(" SCHEMA {}", identifier(schema)));
    let sql = format!("CREATE EXTENSION IF NOT EXISTS {}{place}", identifier(&wanted.name));
    let done = query::bounded(DOING, CREATING_LIMIT, control.client.batch_execute(&sql)).await?;
    let Err(error) = done else {
        let detail = match wanted.needed.as_str() {
            "named by configuration" => "created".to_owned(),
            needed => format!("created, because {needed}"),
        };
        return Ok(Ok(Some(Event::Extension { name: wanted.name.clone(), state: "created", detail })));
    };
    let Some(server) = error.as_db_error() else {
        return Err(query::failed(DOING, &error));
    };
    // Somebody who does not know our lock created it at the same moment: what counts is that it is there.
    if server.code().code() == "23505" && all_present(control, std::slice::from_ref(wanted)).await? {
        let detail = "created by another session at the same moment".to_owned();
        return Ok(Ok(Some(Event::Extension { name: wanted.name.clone(), state: "present", detail })));
    }
    Ok(Err(cause(server.code().code(), server.message(), schema, session)))
}
