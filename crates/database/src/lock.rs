//! The migration lock: one per database, held by a session, asked for without blocking.
//!
//! Polled with `pg_try_advisory_lock`: a blocked waiter would hold a snapshot that CREATE INDEX CONCURRENTLY has to
//! wait for, which PostgreSQL resolves as a deadlock. The connection that holds it stays outside any transaction for
//! the same reason.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio_postgres::types::Type;

use crate::backoff::Backoff;
use crate::connect::Connection;
use crate::error::MigrateError;
use crate::event::Event;
use crate::query::{self, Parameter};

/// The first half of the advisory lock's key, also the middle of the names that the fence looks for: "TIDG".
pub const LOCK_CLASS: i32 = 0x5449_4447;
/// The second half: the migration lock. Advisory locks are per database, so the key need not name one.
const LOCK_OBJECT: i32 = 1;

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Who holds the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The backend's pid.
    pub pid: i32,
    /// Its application name.
    pub application_name: String,
    /// When it connected, where we may know.
    pub since: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backend {} ({})", self.pid, self.application_name)?;
        match &self.since {
            Some(since) => write!(f, " since {since}"),
            None => Ok(()),
        }
    }
}

/// Takes the lock on `lock`, waiting up to `limit`; `control` is another connection to the same database.
pub(crate) async fn acquire(
    lock: &Connection,
    control: &Connection,
    limit: Duration,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), MigrateError> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, limit);
    let mut said = None;
    loop {
        if try_lock(lock).await? {
            return refuse_pooler(lock, control).await;
        }
        let holder = holder(control).await?;
        if let Some(holder) = &holder
            && said.as_ref() != Some(&holder.pid)
        {
            said = Some(holder.pid);
            on_event(Event::LockWaiting { holder: holder.clone(), limit });
        }
        match (backoff.pause(), holder) {
            (Some(pause), _) => tokio::time::sleep(pause).await,
            (None, Some(holder)) => return Err(MigrateError::Locked { holder, limit }),
            // It was released between the two looks, at the very end of the wait.
            (None, None) => {
                if try_lock(lock).await? {
                    return refuse_pooler(lock, control).await;
                }
                let unknown =
                    Holder { pid: 0, application_name: "unknown, it changes".to_owned(), since: None };
                return Err(MigrateError::Locked { holder: unknown, limit });
            }
        }
    }
}

fn key() -> [Parameter<'static>; 2] {
    [(&LOCK_CLASS, Type::INT4), (&LOCK_OBJECT, Type::INT4)]
}

async fn try_lock(lock: &Connection) -> Result<bool, MigrateError> {
    query::value(&lock.client, "taking the migration lock", "SELECT pg_try_advisory_lock($1, $2)", &key())
        .await
}

/// Who holds the lock. Rights do not matter for the pid and the name; the time may be hidden.
async fn holder(control: &Connection) -> Result<Option<Holder>, MigrateError> {
    const DOING: &str = "looking who holds the migration lock";
    let sql = "SELECT l.pid, coalesce(a.application_name, ''), \
                      to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"') \
               FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
               WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
                 AND l.classid = $1::int4::oid AND l.objid = $2::int4::oid \
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let rows = query::rows(&control.client, DOING, sql, &key()).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Holder {
        pid: query::get(row, 0, DOING)?,
        application_name: query::get(row, 1, DOING)?,
        since: query::get(row, 2, DOING)?,
    }))
}

/// Whether this connection's own backend holds the lock, as it must.
pub(crate) async fn still_held(lock: &Connection) -> Result<bool, MigrateError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 \
               AND classid = $1::int4::oid AND objid = $2::int4::oid AND pid = pg_backend_pid())";
    query::value(&lock.client, "checking the migration lock", sql, &key()).await
}

/// Refuses a pooler in transaction mode, where "our" session is whichever server connection is free.
///
/// While `control` holds a server connection in a transaction, a pooler cannot give the same one to `lock`: either
/// both had the same backend, or the backend of `lock` changes, or the lock is not with the backend any more.
async fn refuse_pooler(lock: &Connection, control: &Connection) -> Result<(), MigrateError> {
    const DOING: &str = "checking for a connection pooler";
    let pid = "SELECT pg_backend_pid()";
    let before: i32 = query::value(&lock.client, DOING, pid, &[]).await?;
    query::execute(&control.client, DOING, "BEGIN").await?;
    let other: Result<i32, _> = query::value(&control.client, DOING, pid, &[]).await;
    let after: Result<i32, _> = query::value(&lock.client, DOING, pid, &[]).await;
    let held = still_held(lock).await;
    query::execute(&control.client, DOING, "ROLLBACK").await?;
    let (other, after, held) = (other?, after?, held?);
    if other != before && after == before && held {
        return Ok(());
    }
    // The lock stays with a server connection of the pool, which would block every later run.
    let _ = query::execute(&lock.client, DOING, "SELECT pg_advisory_unlock_all()").await;
    let _ = query::execute(&control.client, DOING, "SELECT pg_advisory_unlock_all()").await;
    let evidence = if other == before {
        format!("two connections share backend {before}")
    } else if after != before {
        format!("one connection went from backend {before} to {after}")
    } else {
        "the lock is not with the backend that took it".to_owned()
    };
    Err(MigrateError::Pooler { evidence })
}
