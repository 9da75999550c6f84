//! Which strong locks a migration holds on tables that were there before, and for how long: asked of `pg_locks` again and again
//! on a connection of its own. A lock that is held for less than a look takes is not seen.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_postgres::Client;

use crate::report::LockHeld;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(2);

/// The modes in the way of those who write, or of everybody (PostgreSQL documentation, "Table-Level Locks"), as one list for
/// SQL. Weaker ones every INSERT takes.
const STRONG: &str = "'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'";

/// How large a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// About how many rows.
    pub(crate) rows: u64,
    /// With its indexes.
    pub(crate) bytes: u64,
}

/// The revision that runs just now.
pub(crate) type Current = Arc<Mutex<Option<String>>>;

/// One lock of one session.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    session: i32,
    relation: u32,
    mode: String,
}

/// What is known of the locks so far.
pub(crate) struct Watch {
    client: Client,
    names: BTreeMap<u32, String>,
    current: Current,
    open: HashMap<Key, (Instant, Option<String>)>,
    held: Vec<LockHeld>,
}

impl Watch {
    /// Begins with the tables that are there now.
    pub(crate) async fn begin(client: Client, current: Current) -> Result<Self, tokio_postgres::Error> {
        let tables = "SELECT oid, oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p', 'm') \
                      AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'tidegate')";
        let rows = client.query(tables, &[]).await?;
        let names = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok(Self { client, names, current, open: HashMap::new(), held: Vec::new() })
    }

    /// Looks until it is dropped.
    pub(crate) async fn look(&mut self) {
        if self.names.is_empty() {
            return std::future::pending().await;
        }
        loop {
            if self.once().await.is_err() {
                // The server is gone: so is what held locks.
                return std::future::pending().await;
            }
            sleep(EVERY).await;
        }
    }

    async fn once(&mut self) -> Result<(), tokio_postgres::Error> {
        let query = format!(
            "SELECT pid, relation, mode FROM pg_locks WHERE locktype = 'relation' AND granted AND mode IN ({STRONG}) \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        );
        let rows = self.client.query(&query, &[]).await?;
        let now = Instant::now();
        let seen: Vec<Key> = rows
            .iter()
            .map(|row| Key { session: row.get(0), relation: row.get(1), mode: row.get(2) })
            .filter(|key| self.names.contains_key(&key.relation))
            .collect();
        let ended: Vec<Key> = self.open.keys().filter(|key| !seen.contains(key)).cloned().collect();
        for key in ended {
            self.close(&key, now);
        }
        let revision = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for key in seen {
            let (_, named) = self.open.entry(key).or_insert_with(|| (now, None));
            // The lock may be seen before the line that names its revision.
            if named.is_none() {
                named.clone_from(&revision);
            }
        }
        Ok(())
    }

    fn close(&mut self, key: &Key, now: Instant) {
        let Some((since, revision)) = self.open.remove(key) else { return };
        let relation = self.names.get(&key.relation).cloned().unwrap_or_default();
        let seconds = (now - since).as_secs_f64();
        self.held.push(LockHeld {
            relation,
            mode: key.mode.clone(),
            revision,
            seconds,
            live_rows: None,
            live_bytes: None,
        });
    }

    /// The locks, longest first; of several times that one was held the longest counts.
    pub(crate) fn finish(mut self, sizes: &[(String, Size)]) -> Vec<LockHeld> {
        let now = Instant::now();
        let open: Vec<Key> = self.open.keys().cloned().collect();
        for key in open {
            self.close(&key, now);
        }
        let mut longest: Vec<LockHeld> = Vec::new();
        self.held.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
        for mut lock in self.held {
            if longest.iter().any(|known| (&known.relation, &known.mode) == (&lock.relation, &lock.mode)) {
                continue;
            }
            let size = sizes.iter().find(|(name, _)| *name == lock.relation).map(|(_, size)| *size);
            (lock.live_rows, lock.live_bytes) = (size.map(|size| size.rows), size.map(|size| size.bytes));
            lock.seconds = (lock.seconds * 1000.0).round() / 1000.0;
            longest.push(lock);
        }
        longest
    }
}
