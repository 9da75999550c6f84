//! `tidegate migrate`: the gate's own command, run inside the gate's service.
// The arguments' comments are the help texts, where backticks would only be noise.
#![allow(clippy::doc_markdown)]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use database::settings::Variables;
use database::{Category, Environment, Event, Extent, Hook, HookError, MigrateError, Options, SeveralHeads};

use super::deploy::duration;
use crate::cli::Global;
use crate::exit::{Code, Failure};
use crate::output::migrate::Lines;

/// Arguments of `tidegate migrate`.
#[derive(Debug, Args)]
// Each is a flag of its own on the command line.
#[allow(clippy::struct_excessive_bools)]
#[command(
    after_help = "The database: TIDEGATE_DATABASE_URL, DATABASE_URL or SQLALCHEMY_DATABASE_URI (or NAME_FILE \
                        for a Docker secret), libpq's PG* variables, or sqlalchemy.url of the Alembic configuration. \
                        See docs/migrate.md."
)]
pub struct MigrateArgs {
    /// Alembic's configuration: alembic.ini, pyproject.toml, or Flask-Migrate's folder. Found as Alembic finds it.
    #[arg(short = 'c', long, value_name = "FILE", env = "TIDEGATE_CONFIG", value_delimiter = ',')]
    pub config: Vec<PathBuf>,
    /// The section of the INI file.
    #[arg(short = 'n', long, value_name = "SECTION")]
    pub name: Option<String>,
    /// What to upgrade to, in Alembic's terms: heads, head, a revision, LABEL@head, +1. Without it: heads.
    #[arg(long, value_name = "TARGET", env = "TIDEGATE_TARGET")]
    pub target: Option<String>,
    /// What to do with several heads when no target is named. Without it: refuse in production, all elsewhere.
    #[arg(long, value_name = "POLICY", env = "TIDEGATE_SEVERAL_HEADS")]
    pub several_heads: Option<HeadsPolicy>,
    /// Extensions to make sure of: NAME, NAME@SCHEMA, or !NAME for one that is not needed after all.
    #[arg(long, value_name = "LIST", env = "TIDEGATE_EXTENSIONS", value_delimiter = ',')]
    pub extensions: Vec<String>,
    /// Bring the named extensions to the versions that the server has.
    #[arg(long)]
    pub update_extensions: bool,
    /// How strict to be: in development a missing extension is a warning.
    #[arg(long, value_name = "NAME", env = "TIDEGATE_ENVIRONMENT", default_value = "production")]
    pub environment: Strictness,
    /// The project's own Alembic: alembic, `python -m alembic`, `flask db`. Without it: `flask db` where env.py is
    /// Flask-Migrate's, alembic elsewhere.
    #[arg(long, value_name = "COMMAND", env = "TIDEGATE_ALEMBIC")]
    pub alembic: Option<String>,
    /// How long to wait for the database to be ready.
    #[arg(long, value_name = "DURATION", env = "TIDEGATE_WAIT", default_value = "60s", value_parser = duration)]
    pub wait: Duration,
    /// How long to wait for another run that holds the migration lock.
    #[arg(long, value_name = "DURATION", env = "TIDEGATE_LOCK_WAIT", default_value = "10m", value_parser = duration)]
    pub lock_wait: Duration,
    /// How long to wait for database sessions that an earlier run left behind to end.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub fence_wait: Duration,
    /// PostgreSQL's lock_timeout for the migration; 0 leaves the server's.
    #[arg(long, value_name = "DURATION", env = "TIDEGATE_LOCK_TIMEOUT", default_value = "5s", value_parser = server_timeout)]
    pub lock_timeout: Duration,
    /// PostgreSQL's statement_timeout for the migration; 0 leaves the server's.
    #[arg(long, value_name = "DURATION", env = "TIDEGATE_STATEMENT_TIMEOUT", default_value = "0", value_parser = server_timeout)]
    pub statement_timeout: Duration,
    /// How often to try again after a lock timeout, a deadlock or a serialization failure that left nothing behind.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub retries: u32,
    /// Only show what would be done, with the SQL from Alembic's offline mode. Takes no lock, writes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Only repair the rows of the version table, where that is proven to lose nothing, and migrate nothing.
    #[arg(long)]
    pub repair: bool,
    /// Go back down to the target, from files that know the database's revisions. Nothing is undone unless all can be.
    #[arg(long, env = "TIDEGATE_DOWNGRADE", conflicts_with = "repair", requires = "target")]
    pub downgrade: bool,
    /// What to run once per release after the migration, as a JSON list: [{"sql": FILE}, {"command": WORDS}], each
    /// with "in": [ENVIRONMENT...] where staging and development are not what is meant.
    #[arg(
        long,
        value_name = "JSON",
        env = "TIDEGATE_HOOKS",
        default_value = "[]",
        hide_default_value = true
    )]
    pub hooks: String,
    /// How long one hook may take.
    #[arg(long, value_name = "DURATION", env = "TIDEGATE_HOOK_TIMEOUT", default_value = "10m", value_parser = duration)]
    pub hook_timeout: Duration,
    /// Go on although the version table is empty and tables that the revisions create are there.
    #[arg(long)]
    pub allow_existing_tables: bool,
    /// An opaque id of this run, repeated in the report.
    #[arg(long, value_name = "ID", env = "TIDEGATE_RUN")]
    pub run: Option<String>,
    /// The release that this run belongs to, for the ledger.
    #[arg(long, value_name = "N", env = "TIDEGATE_RELEASE")]
    pub release: Option<String>,
    /// The image that this run is in, for the ledger.
    #[arg(long, value_name = "IMAGE", env = "TIDEGATE_IMAGE")]
    pub image: Option<String>,
    /// The commit that the release is made from, for the ledger.
    #[arg(long, value_name = "ID", env = "TIDEGATE_COMMIT")]
    pub commit: Option<String>,
}

/// How strict to be.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Strictness {
    /// What is doubtful stops the run, several heads too.
    Production,
    /// A missing extension stops the run; several heads are all applied.
    Staging,
    /// A missing extension is a warning.
    Development,
}

/// What to do with several heads.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum HeadsPolicy {
    /// Apply all of them, with a warning.
    All,
    /// Refuse, before anything is connected to.
    Refuse,
}

/// Runs the command.
pub async fn run(args: MigrateArgs, global: &Global) -> Result<Code, Failure> {
    // Also what makes us mortal as a container's first process: the kernel ignores signals there that have no handler.
    let stop = stop_signal()?;
    let options = args.options()?;
    let mut lines = Lines::new(global);
    let result = database::migrate(&options, stop, &mut |event: Event| lines.show(&event)).await;
    match result {
        Ok(_) => Ok(Code::Ok),
        // For machines the report is the last line, and it has the error.
        Err(error) if lines.are_json() => Ok(code(&error)),
        Err(error) => Err(failure(error)),
    }
}

impl MigrateArgs {
    fn options(self) -> Result<Options, Failure> {
        let directory = std::env::current_dir()
            .map_err(|error| Failure::new(Code::Input, format!("the working directory is gone: {error}")))?;
        let hooks = Hook::list(&self.hooks)
            .map_err(|error| Failure::new(Code::Input, error.to_string()).hint(HookError::HINT))?;
        let environment = match self.environment {
            Strictness::Production => Environment::Production,
            Strictness::Staging => Environment::Staging,
            Strictness::Development => Environment::Development,
        };
        let several_heads = match (self.several_heads, &self.target) {
            (Some(HeadsPolicy::Refuse), _) => SeveralHeads::Refuse,
            // Whoever writes `heads` means all of them.
            (Some(HeadsPolicy::All), _) | (None, Some(_)) => SeveralHeads::All,
            (None, None) => SeveralHeads::usual(environment),
        };
        Ok(Options {
            config: self.config,
            section: self.name,
            target: self.target.unwrap_or_else(|| "heads".to_owned()),
            several_heads,
            hooks,
            hook_timeout: self.hook_timeout,
            extent: match (self.repair, self.downgrade) {
                (true, _) => Extent::RepairOnly,
                (false, true) => Extent::Downgrade,
                (false, false) => Extent::Migration,
            },
            extensions: self.extensions,
            update_extensions: self.update_extensions,
            environment,
            alembic: self.alembic,
            wait: self.wait,
            lock_wait: self.lock_wait,
            fence_wait: self.fence_wait,
            lock_timeout: self.lock_timeout,
            statement_timeout: self.statement_timeout,
            retries: self.retries,
            dry_run: self.dry_run,
            allow_existing_tables: self.allow_existing_tables,
            run: self.run,
            release: self.release,
            image: self.image,
            commit: self.commit,
            ..Options::new(directory, Variables::of_process())
        })
    }
}

/// A timeout of PostgreSQL's, where 0 means none.
fn server_timeout(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { duration(text) }
}

/// Resolves at SIGTERM (Swarm stops tasks with it), SIGINT or SIGHUP.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| {
        signal(kind)
            .map_err(|error| Failure::new(Code::Internal, format!("signals cannot be received: {error}")))
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

fn code(error: &MigrateError) -> Code {
    match error.category() {
        Category::Input => Code::Input,
        Category::Database => Code::Database,
        Category::Migration => Code::Gate,
        Category::Locked => Code::Timeout,
        Category::Interrupted => Code::Interrupted,
    }
}

fn failure(error: MigrateError) -> Failure {
    let code = code(&error);
    if let MigrateError::History(diagnostics) = error {
        return Failure::input("the revision files were refused; nothing was connected to", diagnostics);
    }
    let failure = Failure::new(code, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
