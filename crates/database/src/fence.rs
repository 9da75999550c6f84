//! The fence: no statement of an earlier run may still be at work when this one starts.
//!
//! A runner that was killed leaves its backend behind: the lock is free at once, while the statement runs on. Every
//! run's Alembic therefore shows its epoch in `application_name`, and whoever holds the lock ends the backends of all
//! other epochs. Holding the lock is what makes "another epoch" mean "an earlier one".

use std::time::Duration;

use tokio_postgres::types::Type;

use crate::backoff::Backoff;
use crate::connect::Connection;
use crate::error::MigrateError;
use crate::event::Event;
use crate::lock::LOCK_CLASS;
use crate::query;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The mark of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// `tidegate:<lock>.<database>:`, what the marks of all runs under this lock begin with. Advisory locks belong to a
    /// database; naming it lets the fence find sessions of such a run in other databases too.
    prefix: String,
    epoch: String,
}

impl Epoch {
    /// A new epoch: the server's clock in microseconds, so that epochs sort by time whichever machine they are from.
    pub(crate) async fn new(control: &Connection) -> Result<Self, MigrateError> {
        const DOING: &str = "reading the server's clock";
        let sql = "SELECT to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint), to_hex(oid::bigint) \
                   FROM pg_database WHERE datname = current_database()";
        let rows = query::rows(&control.client, DOING, sql, &[]).await?;
        let row = rows.first().ok_or_else(|| MigrateError::Query {
            doing: DOING.to_owned(),
            reason: "the server gave no row".to_owned(),
        })?;
        let database: String = query::get(row, 1, DOING)?;
        Ok(Self {
            prefix: format!("tidegate:{LOCK_CLASS:08x}.{database}:"),
            epoch: query::get(row, 0, DOING)?,
        })
    }

    /// The epoch itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.epoch
    }

    /// The `application_name` of the run's Alembic: `tidegate:<lock>.<database>:<epoch>`.
    pub(crate) fn application_name(&self) -> String {
        format!("{}{}", self.prefix, self.epoch)
    }
}

/// A backend that a migration uses or used.
#[derive(Clone, Debug)]
struct Backend {
    pid: i32,
    application_name: String,
    query: String,
}

/// Whose backends to look for.
#[derive(Clone, Copy)]
pub(crate) enum Whose<'a> {
    /// Those of all epochs but this one.
    Earlier(&'a Epoch),
    /// Those of this epoch.
    Own(&'a Epoch),
}

/// Waits for the backends for as long as `patience`, then ends them, and returns when they are gone; each that had to
/// be ended is reported once.
pub(crate) async fn clear(
    control: &Connection,
    whose: Whose<'_>,
    patience: Duration,
    limit: Duration,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), MigrateError> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, limit);
    let mut reported: Vec<i32> = Vec::new();
    loop {
        let found = backends(control, whose).await?;
        if found.is_empty() {
            return Ok(());
        }
        for backend in found.iter().filter(|_| backoff.elapsed() >= patience) {
            terminate(control, backend.pid).await;
            if !reported.contains(&backend.pid) {
                reported.push(backend.pid);
                on_event(Event::Fenced {
                    pid: backend.pid,
                    application_name: backend.application_name.clone(),
                    query: backend.query.clone(),
                });
            }
        }
        let Some(pause) = backoff.pause() else {
            let names = found
                .iter()
                .map(|backend| format!("{} ({})", backend.pid, backend.application_name))
                .collect();
            return Err(MigrateError::Fence { names, limit });
        };
        tokio::time::sleep(pause).await;
    }
}

async fn backends(control: &Connection, whose: Whose<'_>) -> Result<Vec<Backend>, MigrateError> {
    const DOING: &str = "looking for backends of earlier runs";
    let (comparison, epoch) = match whose {
        Whose::Earlier(epoch) => ("<>", epoch),
        Whose::Own(epoch) => ("=", epoch),
    };
    let sql = format!(
        "SELECT pid, application_name, left(regexp_replace(coalesce(query, ''), '\\s+', ' ', 'g'), 120) \
         FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
           AND starts_with(application_name, $1) AND application_name {comparison} $2"
    );
    let own = epoch.application_name();
    let parameters = [(&epoch.prefix as _, Type::TEXT), (&own as _, Type::TEXT)];
    let rows = query::rows(&control.client, DOING, &sql, &parameters).await?;
    rows.iter()
        .map(|row| {
            Ok(Backend {
                pid: query::get(row, 0, DOING)?,
                application_name: query::get(row, 1, DOING)?,
                query: query::get(row, 2, DOING)?,
            })
        })
        .collect()
}

/// Ends, without waiting, what an earlier run's Alembic has opened since: its process may have been about to connect
/// when the fence was put up. Errors are left to the next look.
pub(crate) async fn sweep(control: &Connection, epoch: &Epoch, on_event: &mut dyn FnMut(Event)) {
    for backend in backends(control, Whose::Earlier(epoch)).await.unwrap_or_default() {
        terminate(control, backend.pid).await;
        let Backend { pid, application_name, query } = backend;
        on_event(Event::Fenced { pid, application_name, query });
    }
}

/// The databases, other than ours, that this epoch's sessions are connected to: Alembic was to work on ours.
pub(crate) async fn elsewhere(control: &Connection, epoch: &Epoch) -> Vec<String> {
    const DOING: &str = "looking for the run's sessions";
    let sql = "SELECT DISTINCT datname::text FROM pg_stat_activity \
               WHERE application_name = $1 AND datname <> current_database() ORDER BY 1";
    let name = epoch.application_name();
    let rows = query::rows(&control.client, DOING, sql, &[(&name, Type::TEXT)]).await.unwrap_or_default();
    rows.iter().filter_map(|row| query::get(row, 0, DOING).ok()).collect()
}

/// Asks a backend to end. A refusal (it belongs to another role) is not an error: we go on waiting for it.
async fn terminate(control: &Connection, pid: i32) {
    let sql = "SELECT pg_terminate_backend($1)";
    let _ = query::rows(&control.client, "ending a backend", sql, &[(&pid, Type::INT4)]).await;
}
