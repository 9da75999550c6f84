//! Indexes that a failed CREATE INDEX CONCURRENTLY has left invalid: they cost writes and serve no query.

use std::collections::BTreeSet;

use crate::connect::Connection;
use crate::error::MigrateError;
use crate::query;

/// The invalid indexes of this database, schema-qualified. Those being built right now are among them.
pub(crate) async fn invalid(control: &Connection) -> Result<BTreeSet<String>, MigrateError> {
    const DOING: &str = "looking for invalid indexes";
    let sql = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index i \
               JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE NOT i.indisvalid AND n.nspname NOT LIKE 'pg\\_%'";
    let rows = query::rows(&control.client, DOING, sql, &[]).await?;
    rows.iter().map(|row| query::get(row, 0, DOING)).collect()
}
