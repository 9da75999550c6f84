//! What a caller can ask of a migration.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hooks::Hook;
use crate::settings::Variables;

/// How strict to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// What is doubtful stops the run: several heads too.
    #[default]
    Production,
    /// A missing extension stops the run; several heads are all applied.
    Staging,
    /// A missing extension is a warning.
    Development,
}

impl Environment {
    /// The name, as it is written on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        }
    }
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// To the target.
    Migration,
    /// Back down to the target, where every revision on the way can be undone.
    Downgrade,
    /// Rows of the version table are repaired, where that is proven to lose nothing; nothing is migrated.
    RepairOnly,
}

/// What to do when the target is `heads` and the history has more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeveralHeads {
    /// Apply all of them, with a warning.
    All,
    /// Refuse before anything is connected to.
    Refuse,
}

impl SeveralHeads {
    /// What an environment does unless it is told otherwise: two heads in production are usually two changes that
    /// nobody has yet seen together.
    pub fn usual(environment: Environment) -> Self {
        match environment {
            Environment::Production => Self::Refuse,
            Environment::Staging | Environment::Development => Self::All,
        }
    }
}

/// What to migrate, and how patiently.
#[derive(Clone, Debug)]
pub struct Options {
    /// Alembic's configuration files (`-c`): an INI file, a pyproject.toml, or Flask-Migrate's folder. Empty: found
    /// as Alembic finds them.
    pub config: Vec<PathBuf>,
    /// The section of the INI file (`-n`).
    pub section: Option<String>,
    /// Alembic's working directory.
    pub directory: PathBuf,
    /// What to upgrade to, or with [`Extent::Downgrade`] to go back to, in Alembic's terms.
    pub target: String,
    /// What to do when the target is `heads` and there is more than one.
    pub several_heads: SeveralHeads,
    /// Extensions that must be there: `NAME`, `NAME@SCHEMA`, or `!NAME` for one that is not needed after all.
    pub extensions: Vec<String>,
    /// Whether to bring the named extensions to the versions that the server has.
    pub update_extensions: bool,
    /// How strict to be.
    pub environment: Environment,
    /// The project's own Alembic: `alembic`, `flask db`, `python -m alembic`. Without it: `flask db` where env.py is
    /// Flask-Migrate's, `alembic` elsewhere.
    pub alembic: Option<String>,
    /// How long to wait for the database.
    pub wait: Duration,
    /// How long to wait for another run.
    pub lock_wait: Duration,
    /// How long to wait for backends of an earlier run to end.
    pub fence_wait: Duration,
    /// PostgreSQL's `lock_timeout` for Alembic's sessions; zero leaves the server's.
    pub lock_timeout: Duration,
    /// PostgreSQL's `statement_timeout` for Alembic's sessions; zero leaves the server's.
    pub statement_timeout: Duration,
    /// How often to try again after a lock timeout, a deadlock or a serialization failure.
    pub retries: u32,
    /// Only tell what would be done.
    pub dry_run: bool,
    /// How far to go.
    pub extent: Extent,
    /// What to run once per release, after the migration.
    pub hooks: Vec<Hook>,
    /// How long one hook may take.
    pub hook_timeout: Duration,
    /// Go on although the version table is empty and tables that the revisions create are there.
    pub allow_existing_tables: bool,
    /// The opaque id of this run.
    pub run: Option<String>,
    /// The release that this run is part of.
    pub release: Option<String>,
    /// The image that this run is in, for the ledger.
    pub image: Option<String>,
    /// The commit that the release is made from, for the ledger.
    pub commit: Option<String>,
    /// The environment variables of the process.
    pub variables: Variables,
}

impl Options {
    /// Whether nothing but the rows may change.
    pub(crate) fn repairs_only(&self) -> bool {
        self.extent == Extent::RepairOnly
    }

    /// `upgrade` or `downgrade`, as Alembic calls them.
    pub(crate) fn direction(&self) -> &'static str {
        if self.goes_back() { "downgrade" } else { "upgrade" }
    }

    /// Whether revisions are to be undone.
    pub(crate) fn goes_back(&self) -> bool {
        self.extent == Extent::Downgrade
    }

    /// The defaults, in this directory, with these variables.
    pub fn new(directory: impl Into<PathBuf>, variables: Variables) -> Self {
        Self {
            config: Vec::new(),
            section: None,
            directory: directory.into(),
            target: "heads".to_owned(),
            several_heads: SeveralHeads::usual(Environment::default()),
            extensions: Vec::new(),
            update_extensions: false,
            environment: Environment::default(),
            alembic: None,
            wait: Duration::from_mins(1),
            lock_wait: Duration::from_mins(10),
            fence_wait: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::ZERO,
            retries: 5,
            dry_run: false,
            extent: Extent::Migration,
            hooks: Vec::new(),
            hook_timeout: Duration::from_mins(10),
            allow_existing_tables: false,
            run: None,
            release: None,
            image: None,
            commit: None,
            variables,
        }
    }
}
