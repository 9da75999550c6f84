//! The version table: reading its rows, and deleting those that provably say nothing.

use std::time::Duration;

use revisions::{Config, Repair, Setting};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::connect::Connection;
use crate::error::MigrateError;
use crate::query::{self, identifier};

const READING: &str = "reading the version table";
const READING_LIMIT: Duration = Duration::from_secs(30);
const REPAIRING: &str = "repairing the version table";

/// Where the project's Alembic keeps its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionTable {
    /// The schema, when env.py names one; otherwise the `search_path` decides.
    pub(crate) schema: Option<String>,
    /// The table.
    pub(crate) name: String,
}

impl VersionTable {
    /// As env.py passes it, or Alembic's default. Values that env.py computes count as the default until Alembic
    /// itself says more.
    pub(crate) fn of(config: &Config) -> Self {
        let text = |setting: &Setting| match setting {
            Setting::Literal(text) => Some(text.clone()),
            Setting::Default | Setting::Dynamic(_) => None,
        };
        Self {
            schema: text(&config.version_table_schema),
            name: text(&config.version_table).unwrap_or_else(|| "alembic_version".to_owned()),
        }
    }

    /// The quoted, possibly qualified name.
    pub(crate) fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", identifier(schema), identifier(&self.name)),
            None => identifier(&self.name),
        }
    }
}

/// The rows, sorted; `None` when there is no such table.
pub(crate) async fn read(
    control: &Connection,
    table: &VersionTable,
) -> Result<Option<Vec<String>>, MigrateError> {
    let sql = format!("SELECT version_num::text FROM {} ORDER BY 1", table.sql());
    match query::bounded(READING, READING_LIMIT, control.client.query_typed(&sql, &[])).await? {
        Ok(rows) => rows.iter().map(|row| query::get(row, 0, READING)).collect::<Result<_, _>>().map(Some),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
        // The schema does not exist yet: the first revision, or env.py, creates it.
        Err(error) if error.code() == Some(&SqlState::INVALID_SCHEMA_NAME) => Ok(None),
        Err(error) => Err(query::failed(READING, &error)),
    }
}

/// Version tables of the same name in schemas that the `search_path` does not reach, with their rows, as far as they
/// may be read.
pub(crate) async fn elsewhere(
    control: &Connection,
    table: &VersionTable,
) -> Result<Vec<(String, Vec<String>)>, MigrateError> {
    if table.schema.is_some() {
        return Ok(Vec::new());
    }
    let sql = "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relname = $1 AND c.relkind IN ('r', 'p') AND n.nspname <> ALL (current_schemas(true)) \
                 AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1";
    let schemas = query::rows(&control.client, READING, sql, &[(&table.name, Type::TEXT)]).await?;
    let mut found = Vec::new();
    for row in &schemas {
        let schema: String = query::get(row, 0, READING)?;
        let other = VersionTable { schema: Some(schema.clone()), name: table.name.clone() };
        if let Ok(Some(rows)) = read(control, &other).await {
            found.push((schema, rows));
        }
    }
    Ok(found)
}

/// Which of these tables are there, by unqualified name; extensions' own tables do not count.
pub(crate) async fn existing(control: &Connection, tables: &[String]) -> Result<Vec<String>, MigrateError> {
    const DOING: &str = "looking for tables";
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT DISTINCT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relname = ANY ($1) AND c.relkind IN ('r', 'p') AND n.nspname = ANY (current_schemas(false)) \
                 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass \
                                 AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1";
    let rows = query::rows(&control.client, DOING, sql, &[(&tables, Type::TEXT_ARRAY)]).await?;
    rows.iter().map(|row| query::get(row, 0, DOING)).collect()
}

/// Deletes the rows of a proven repair in one transaction: the table is locked and read again, and nothing is changed
/// unless its rows are those that were diagnosed and each deletion hits exactly as many as the proof says.
pub(crate) async fn repair(
    control: &Connection,
    table: &VersionTable,
    diagnosed: &[String],
    repair: &Repair,
) -> Result<Vec<String>, MigrateError> {
    query::execute(&control.client, REPAIRING, "BEGIN; SET LOCAL lock_timeout = '5s'").await?;
    let result = repair_in_transaction(control, table, diagnosed, repair).await;
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    query::execute(&control.client, REPAIRING, end).await?;
    result
}

async fn repair_in_transaction(
    control: &Connection,
    table: &VersionTable,
    diagnosed: &[String],
    repair: &Repair,
) -> Result<Vec<String>, MigrateError> {
    let name = table.sql();
    let lock = format!("LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE");
    query::execute(&control.client, REPAIRING, &lock).await?;
    let rows = read(control, table).await?.unwrap_or_default();
    let mut expected = diagnosed.to_vec();
    expected.sort();
    if rows != expected {
        return Err(changed(format!("the rows changed from {expected:?} to {rows:?} meanwhile")));
    }
    for deletion in &repair.delete {
        let wanted = i64::try_from(deletion.count).unwrap_or(i64::MAX);
        let sql = format!(
            "WITH gone AS (DELETE FROM {name} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {name} \
             WHERE version_num = $1 LIMIT $2)) RETURNING 1) SELECT count(*) FROM gone"
        );
        let parameters: [query::Parameter<'_>; 2] = [(&deletion.row, Type::TEXT), (&wanted, Type::INT8)];
        let gone: i64 = query::value(&control.client, REPAIRING, &sql, &parameters).await?;
        if gone != wanted {
            return Err(changed(format!("{gone} rows {} were there instead of {wanted}", deletion.row)));
        }
    }
    let rows = read(control, table).await?.unwrap_or_default();
    if rows != repair.rows_after {
        return Err(changed(format!("the rows would be {rows:?} instead of {:?}", repair.rows_after)));
    }
    Ok(rows)
}

fn changed(reason: String) -> MigrateError {
    MigrateError::Query { doing: REPAIRING.to_owned(), reason }
}
