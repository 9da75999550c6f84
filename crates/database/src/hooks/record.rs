//! What is known of the hooks that ran (`tidegate.hooks`): the reason why one runs once per release.

use std::collections::BTreeSet;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::connect::Connection;
use crate::error::MigrateError;
use crate::query::{self, Parameter};

const DOING: &str = "the record of hooks";
const CREATE: &str = "CREATE SCHEMA IF NOT EXISTS tidegate; \
    CREATE TABLE IF NOT EXISTS tidegate.hooks ( \
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
        release text, \
        hook text NOT NULL, \
        sha256 text NOT NULL, \
        state text NOT NULL CHECK (state IN ('running', 'done', 'failed')), \
        epoch text NOT NULL, \
        begun timestamptz NOT NULL DEFAULT clock_timestamp(), \
        ended timestamptz, \
        role text NOT NULL DEFAULT current_user)";

/// Which hooks of a release are done, by what identifies them. Empty without a table.
pub(crate) async fn done(control: &Connection, release: &str) -> Result<BTreeSet<String>, MigrateError> {
    let exists = "SELECT coalesce(has_table_privilege(to_regclass('tidegate.hooks'), 'SELECT'), false)";
    if !query::value::<bool>(&control.client, DOING, exists, &[]).await? {
        return Ok(BTreeSet::new());
    }
    let sql = "SELECT DISTINCT sha256 FROM tidegate.hooks WHERE release = $1 AND state = 'done'";
    let rows = query::rows(&control.client, DOING, sql, &[(&release, Type::TEXT)]).await?;
    rows.iter().map(|row| query::get(row, 0, DOING)).collect()
}

/// Makes the table where it is missing.
pub(crate) async fn prepare(control: &Connection) -> Result<(), MigrateError> {
    let exists = "SELECT to_regclass('tidegate.hooks') IS NOT NULL";
    // Not with IF NOT EXISTS alone: it asks for the right to create even when there is nothing to do.
    if query::value::<bool>(&control.client, DOING, exists, &[]).await? {
        return Ok(());
    }
    query::execute(&control.client, DOING, CREATE).await
}

/// Records that a hook begins; what it gives names the line.
pub(crate) async fn begin(
    control: &Connection,
    release: Option<&str>,
    name: &str,
    identity: &str,
    epoch: &str,
) -> Result<i64, MigrateError> {
    let sql = "INSERT INTO tidegate.hooks (release, hook, sha256, state, epoch) \
               VALUES ($1, $2, $3, 'running', $4) RETURNING id";
    let parameters: [Parameter<'_>; 4] =
        [(&release, Type::TEXT), (&name, Type::TEXT), (&identity, Type::TEXT), (&epoch, Type::TEXT)];
    query::value(&control.client, DOING, sql, &parameters).await
}

/// Records how it ended.
pub(crate) async fn end(client: &Client, id: i64, state: &str) -> Result<(), MigrateError> {
    let sql = "UPDATE tidegate.hooks SET state = $2, ended = clock_timestamp() WHERE id = $1";
    query::rows(client, DOING, sql, &[(&id, Type::INT8), (&state, Type::TEXT)]).await.map(|_| ())
}
