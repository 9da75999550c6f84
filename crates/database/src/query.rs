//! Queries over any kind of connection, with errors that say what the query was for.
//!
//! Statements are sent unnamed with their types (`query_typed`), never prepared by name: a prepared statement does
//! not survive a pooler, and the pooler must live long enough to be recognised.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::connect::describe;
use crate::error::{MigrateError, seconds};

/// How long the server may take over one of our own queries, which are all small.
const LIMIT: Duration = Duration::from_mins(1);

/// A parameter and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The rows that a query gives.
pub(crate) async fn rows(
    client: &Client,
    doing: &str,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, MigrateError> {
    bounded(doing, LIMIT, client.query_typed(sql, parameters)).await?.map_err(|error| failed(doing, &error))
}

/// The first column of the only row.
pub(crate) async fn value<T>(
    client: &Client,
    doing: &str,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<T, MigrateError>
where
    T: for<'a> tokio_postgres::types::FromSql<'a>,
{
    let rows = rows(client, doing, sql, parameters).await?;
    let row = rows.first().ok_or_else(|| MigrateError::Query {
        doing: doing.to_owned(),
        reason: "the server gave no row".to_owned(),
    })?;
    get(row, 0, doing)
}

/// One column of a row.
pub(crate) fn get<T>(row: &Row, column: usize, doing: &str) -> Result<T, MigrateError>
where
    T: for<'a> tokio_postgres::types::FromSql<'a>,
{
    row.try_get(column).map_err(|error| failed(doing, &error))
}

/// Runs statements that give no rows.
pub(crate) async fn execute(client: &Client, doing: &str, sql: &str) -> Result<(), MigrateError> {
    bounded(doing, LIMIT, client.batch_execute(sql)).await?.map_err(|error| failed(doing, &error))
}

/// What a query gives, unless the server takes longer than `limit`: one that hangs must not hang us.
pub(crate) async fn bounded<T>(
    doing: &str,
    limit: Duration,
    query: impl Future<Output = T>,
) -> Result<T, MigrateError> {
    timeout(limit, query).await.map_err(|_| MigrateError::Query {
        doing: doing.to_owned(),
        reason: format!("the server did not answer within {}", seconds(&limit)),
    })
}

/// The error of a query of our own.
pub(crate) fn failed(doing: &str, error: &tokio_postgres::Error) -> MigrateError {
    MigrateError::Query { doing: doing.to_owned(), reason: describe(error) }
}

/// An identifier in double quotes.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
