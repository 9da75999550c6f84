//! What a rehearsal found, beside what the deployer itself tells.

use serde::Serialize;

/// What a rehearsal found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether the stack began as a real engine has it, or empty.
    pub live_engine: bool,
    /// What was done about the database; `None` if no gate ran.
    pub database: Option<DatabasePart>,
    /// How long the deploy took in the simulation, in seconds: the monitor periods and the order of things are real, the time
    /// that images take to arrive and programs to start is not.
    pub simulated_seconds: f64,
    /// What was taken for granted.
    pub assumed: Vec<String>,
}

/// What was done about the database.
#[derive(Clone, Debug, Serialize)]
pub struct DatabasePart {
    /// Where its rows and its schema came from.
    pub basis: Basis,
    /// Whether the migrations ran, or were only read.
    pub ran: bool,
    /// Why they were only read.
    pub only_read_because: Option<String>,
    /// What of the live schema could not be copied, in PostgreSQL's words.
    pub not_copied: Vec<String>,
    /// How long the gate's command took, in seconds, on the throwaway server.
    pub seconds: f64,
    /// Strong locks on tables that were there before, longest first.
    pub locks: Vec<LockHeld>,
}

/// Where the throwaway database began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Basis {
    /// With the live schema, without its data.
    LiveSchema,
    /// With what the revision files make up to the rows that the release in force left.
    Rebuilt {
        /// That release.
        release: u64,
        /// The rows.
        rows: Vec<String>,
    },
    /// Empty, as for a first deploy.
    Empty,
}

/// A lock that a migration held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LockHeld {
    /// The table.
    pub relation: String,
    /// Its mode, in PostgreSQL's words: `AccessExclusiveLock`.
    pub mode: String,
    /// The revision that ran when it was first seen.
    pub revision: Option<String>,
    /// For how long it was held, in seconds, here: with no rows in the table.
    pub seconds: f64,
    /// About how many rows the table has live.
    pub live_rows: Option<u64>,
    /// How large it is live with its indexes, in bytes.
    pub live_bytes: Option<u64>,
}
