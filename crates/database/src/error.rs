//! Everything that can keep a migration from being done: what happened, to what, and what to do next.

use std::time::Duration;

use diagnostics::Diagnostic;
use revisions::TargetError;

use crate::extensions::Refusal;
use crate::lock::Holder;
use crate::options::Environment;
use crate::settings::SettingsError;

/// Who has to act, roughly: front ends turn this into their exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Revision files, configuration or arguments; nothing was connected to.
    Input,
    /// The database was never ready, or refused.
    Database,
    /// The migration was tried, or would certainly fail.
    Migration,
    /// Another run held the lock for longer than we may wait.
    Locked,
    /// Stopped from outside.
    Interrupted,
}

/// Why the database is not known to be at the target.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The revision files or their configuration cannot be used; the diagnostics say where.
    #[error("the revision files cannot be used: {}", first(.0))]
    History(Vec<Diagnostic>),
    /// The target names nothing, or too much.
    #[error("the target cannot be used: {0}")]
    Target(TargetError),
    /// The history has several heads, and the policy is to refuse that.
    #[error("the history has {} heads ({}), which is refused in {}", .heads.len(), named(.heads), .environment.as_str())]
    SeveralHeads {
        /// Where.
        environment: Environment,
        /// Each head and its file.
        heads: Vec<(String, String)>,
    },
    /// Nothing usable says where the database is.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// An argument cannot be used.
    #[error("{message}")]
    Argument {
        /// What is wrong.
        message: String,
        /// What to write instead.
        hint: String,
    },
    /// The database did not answer in time.
    #[error("the database {place} was not ready within {}: {reason}", seconds(.limit))]
    NotReady {
        /// `user@host:port/database`.
        place: String,
        /// How long was waited.
        limit: Duration,
        /// The last attempt's failure.
        reason: String,
    },
    /// The database answered, and waiting will not change its mind.
    #[error("the database {place} refuses: {reason}")]
    DatabaseRefused {
        /// `user@host:port/database`.
        place: String,
        /// The server's words.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A query of Tidegate's own failed.
    #[error("{doing} failed: {reason}")]
    Query {
        /// What the query was for.
        doing: String,
        /// The server's words and SQLSTATE.
        reason: String,
    },
    /// A pooler hands out another server connection for each transaction.
    #[error("a connection pooler in transaction mode is between Tidegate and PostgreSQL ({evidence})")]
    Pooler {
        /// What gave it away.
        evidence: String,
    },
    /// Another run has the lock.
    #[error("another run holds the migration lock, and still did after {}: {holder}", seconds(.limit))]
    Locked {
        /// Who.
        holder: Holder,
        /// How long was waited.
        limit: Duration,
    },
    /// Backends of an earlier run do not end.
    #[error("{} of an earlier run did not end within {}: {}", backends(.names), seconds(.limit), .names.join(", "))]
    Fence {
        /// Pid and name of each.
        names: Vec<String>,
        /// How long was waited.
        limit: Duration,
    },
    /// An extension cannot be had.
    #[error("{0}")]
    Extension(Box<Refusal>),
    /// The rows of the version table and the files disagree.
    #[error("{message}")]
    Rows {
        /// A stable name of the state (`unknown_revision`, `ahead`, `unstamped`, `overlap`, `other_schema`).
        state: &'static str,
        /// What the rows say, and why that is a problem.
        message: String,
        /// The operator's choices.
        hint: String,
    },
    /// Revisions on the way back cannot be undone.
    #[error("nothing was undone: {} cannot be undone", .revisions.join(", "))]
    Irreversible {
        /// File and id of each.
        revisions: Vec<String>,
    },
    /// Revision files compute what they declare, and the project's Python did not say what.
    #[error("some revision files compute what they declare, and {command} could not say what: {reason}")]
    Computed {
        /// The command line.
        command: String,
        /// Why not.
        reason: String,
    },
    /// Alembic could not be started.
    #[error("{command} cannot be started: {reason}")]
    Start {
        /// The command line.
        command: String,
        /// Why not.
        reason: String,
    },
    /// Alembic ended with a failure.
    #[error("{command} failed ({status}){what}; {committed}")]
    Alembic {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// ` at revision X: the error`, as far as known.
        what: String,
        /// What of the plan is in the database now.
        committed: String,
        /// What to do.
        hint: String,
    },
    /// Alembic said that all went well, and the database says otherwise.
    #[error("{command} reported success, but the version table says otherwise: {committed}")]
    Unverified {
        /// The command line.
        command: String,
        /// What is there, and what should be.
        committed: String,
        /// What to do.
        hint: String,
    },
    /// The connection that holds the lock ended while Alembic ran.
    #[error(
        "the connection that holds the migration lock ended ({reason}), so the run was stopped; {committed}"
    )]
    LockLost {
        /// Why it ended.
        reason: String,
        /// What of the plan is in the database now.
        committed: String,
    },
    /// A signal, or the caller, stopped the run.
    #[error("stopped before the migration was done{}", after(.0.as_deref()))]
    Interrupted(Option<String>),
}

impl MigrateError {
    /// A stable name, for machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::History(_) => "history",
            Self::Target(_) => "target",
            Self::SeveralHeads { .. } => "several_heads",
            Self::Settings(_) => "settings",
            Self::Argument { .. } => "argument",
            Self::NotReady { .. } => "not_ready",
            Self::DatabaseRefused { .. } => "database_refused",
            Self::Query { .. } => "query",
            Self::Pooler { .. } => "pooler",
            Self::Locked { .. } => "locked",
            Self::Fence { .. } => "fence",
            Self::Extension(_) => "extension",
            Self::Rows { state, .. } => state,
            Self::Irreversible { .. } => "irreversible",
            Self::Computed { .. } => "computed",
            Self::Start { .. } => "start",
            Self::Alembic { .. } => "alembic",
            Self::Unverified { .. } => "unverified",
            Self::LockLost { .. } => "lock_lost",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// Who has to act.
    pub fn category(&self) -> Category {
        match self {
            Self::History(_)
            | Self::Target(_)
            | Self::SeveralHeads { .. }
            | Self::Settings(_)
            | Self::Argument { .. }
            | Self::Computed { .. } => Category::Input,
            Self::NotReady { .. }
            | Self::DatabaseRefused { .. }
            | Self::Query { .. }
            | Self::Pooler { .. }
            | Self::Extension(_) => Category::Database,
            Self::Locked { .. } | Self::Fence { .. } => Category::Locked,
            Self::Rows { .. }
            | Self::Irreversible { .. }
            | Self::Start { .. }
            | Self::Alembic { .. }
            | Self::Unverified { .. }
            | Self::LockLost { .. } => Category::Migration,
            Self::Interrupted(_) => Category::Interrupted,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::History(diagnostics) => diagnostics.first()?.help.clone()?,
            Self::Target(error) => error.help.clone()?,
            Self::SeveralHeads { heads, .. } => several_heads_hint(heads),
            Self::Settings(error) => error.hint(),
            Self::NotReady { .. } => {
                "check that the database's service runs and shares a network with this one; --wait gives it longer"
                    .to_owned()
            }
            Self::Query { .. } => "check the server's log".to_owned(),
            Self::Pooler { .. } => "session locks do not work through it, so two migrations could run at once. Point \
                                    DATABASE_URL of the gate's service at PostgreSQL itself, or at a pool in session mode"
                .to_owned(),
            Self::Locked { holder, .. } => format!(
                "wait for it (--lock-wait gives it longer), or if it hangs: SELECT pg_terminate_backend({})",
                holder.pid
            ),
            Self::Fence { .. } => "they may still be writing. End them as their owner or a superuser, then run this \
                                   again: SELECT pg_terminate_backend(PID)"
                .to_owned(),
            Self::Extension(refusal) => refusal.hint(),
            Self::Irreversible { .. } => "their downgrade() raises, or is missing: go back without the database \
                                          (`tidegate rollback` without --with-migrations) if the older code copes with it, \
                                          or write a new revision that takes the change back"
                .to_owned(),
            Self::Computed { .. } => {
                "write the values as literals, or make the command work in this image".to_owned()
            }
            Self::Start { .. } => {
                "name the project's Alembic command with --alembic or TIDEGATE_ALEMBIC (`flask db` for Flask-Migrate)"
                    .to_owned()
            }
            Self::Argument { hint, .. }
            | Self::DatabaseRefused { hint, .. }
            | Self::Rows { hint, .. }
            | Self::Alembic { hint, .. }
            | Self::Unverified { hint, .. } => hint.clone(),
            Self::LockLost { .. } | Self::Interrupted(_) => "run the same command again".to_owned(),
        };
        Some(hint).filter(|hint| !hint.is_empty())
    }
}

fn first(diagnostics: &[Diagnostic]) -> String {
    match diagnostics {
        [] => "no reason given".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

fn named(heads: &[(String, String)]) -> String {
    heads.iter().map(|(head, file)| format!("{head} in {file}")).collect::<Vec<_>>().join(", ")
}

/// The merge that mends the files, and the other choices.
fn several_heads_hint(heads: &[(String, String)]) -> String {
    let ids: Vec<&str> = heads.iter().map(|(head, _)| head.as_str()).collect();
    let quoted: Vec<String> = ids.iter().map(|id| format!("{id:?}")).collect();
    format!(
        "join them: `tidegate revisions merge -m \"merge {}\"` writes the revision, whose down_revision is ({}). Or name \
         the target (--target {} goes to that one alone), or apply all of them: --several-heads all, in a stack file \
         x-tidegate.gate.several-heads: all",
        ids.join(" and "),
        quoted.join(", "),
        ids.first().copied().unwrap_or_default()
    )
}

fn backends(names: &[String]) -> String {
    if names.len() == 1 { "a backend".to_owned() } else { format!("{} backends", names.len()) }
}

fn after(state: Option<&str>) -> String {
    state.map_or_else(String::new, |state| format!("; {state}"))
}

/// `1.5 s`, for messages.
pub(crate) fn seconds(duration: &Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
