//! `tidegate rehearse`.
// The arguments' comments are the help texts, where backticks would only be noise.
#![allow(clippy::doc_markdown)]

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use database::settings::{self, Variables};
use engine::{Client, Endpoint, Environment, Timeouts};
use rehearse::{Error, Request, SchemaError, SchemaFrom};

use super::deploy::Choices;
use crate::cli::{EngineArgs, Global, OutputFormat};
use crate::exit::{Code, Failure};
use crate::output;
use crate::output::progress::Progress;
use crate::session;
use crate::source::SourceArgs;
use crate::stack_files::{self, StackArgs};

/// Arguments of `tidegate rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackArgs,
    /// How to plan.
    #[command(flatten)]
    pub choices: Choices,
    /// How many services of a wave are updated at the same time. Without it: all that wait for nothing.
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
    /// The folder that the gate's command is to run in: the one with Alembic's configuration.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub project: PathBuf,
    /// Begin with the schema of the database that TIDEGATE_DATABASE_URL, DATABASE_URL or the PG* variables name. It is
    /// read with pg_dump. Without this the schema is made from the revision files.
    #[arg(long, conflicts_with = "without_database")]
    pub live_schema: bool,
    /// Start no PostgreSQL and run no migration: only read the revision files.
    #[arg(long)]
    pub without_database: bool,
    /// Ask no engine: rehearse a first deploy.
    #[arg(long)]
    pub without_engine: bool,
    /// The folder with PostgreSQL's programs. Without it: the newest in /usr/lib/postgresql, or those on the search path.
    #[arg(long, value_name = "FOLDER")]
    pub postgres: Option<PathBuf>,
    /// What it is made from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Which engine. One that is not there is no error, unless it was named.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Runs the command. The exit code is the one that the deploy would end with.
pub async fn run(args: RehearseArgs, global: &Global) -> Result<Code, Failure> {
    let desired = stack_files::desired(&args.stack, global)?;
    let source = args.source.source(&args.stack.files.files)?;
    let mut options = args.choices.options(&desired, source).await?;
    options.plan.parallel = args.parallel;
    let client = engine_of(&args, global).await?;
    let request = Request {
        desired,
        options,
        project: folder(&args.project)?,
        program: std::env::current_exe()
            .map_err(|error| Failure::new(Code::Internal, format!("this program is not found: {error}")))?,
        server: args.postgres.clone(),
        schema: schema(&args)?,
    };
    let progress = Progress::lines(global);
    let sink = |event| progress.show(&event);
    let (report, verdict) = rehearse::rehearse(client.as_ref(), request, &sink).await.map_err(failure)?;
    let verdict = verdict.map_err(session::failure);
    let code = verdict.as_ref().map_or_else(|failure| failure.code, |_| Code::Ok);
    if global.output == OutputFormat::Json {
        output::line(&output::rehearse::json(&report, code as u8).to_string());
    } else {
        output::text(&output::rehearse::text(&report, code as u8));
    }
    verdict.map(|_| Code::Ok)
}

/// The engine, if there is one. Only one that somebody named must be there.
async fn engine_of(args: &RehearseArgs, global: &Global) -> Result<Option<Client>, Failure> {
    if args.without_engine {
        return Ok(None);
    }
    let environment = Environment::of_process();
    let host = args.engine.host.as_deref();
    let named = host.is_some()
        || args.engine.context.is_some()
        || ["DOCKER_HOST", "DOCKER_CONTEXT"].iter().any(|name| std::env::var_os(name).is_some());
    let connected = match Endpoint::resolve(host, args.engine.context.as_deref(), &environment) {
        Ok(endpoint) => Client::connect(endpoint, Timeouts::default()).await,
        Err(error) => Err(error),
    };
    match connected {
        Ok(client) => Ok(Some(client)),
        Err(error) if named => {
            let failed = session::failure(deploy::Error::Engine(error));
            Err(failed.hint("--without-engine rehearses a first deploy without asking one"))
        }
        Err(error) => {
            let note = diagnostics::Diagnostic::warning("rehearse/no-engine", format!("no engine: {error}"));
            output::warning(
                &note.help("a first deploy is rehearsed; -H or DOCKER_HOST names an engine"),
                global,
            );
            Ok(None)
        }
    }
}

fn folder(project: &std::path::Path) -> Result<PathBuf, Failure> {
    project.canonicalize().map_err(|error| {
        Failure::new(Code::Input, format!("the folder {} cannot be used: {error}", project.display()))
            .hint("--project names the folder with alembic.ini, or with what else configures Alembic")
    })
}

fn schema(args: &RehearseArgs) -> Result<SchemaFrom, Failure> {
    if args.without_database {
        return Ok(SchemaFrom::Nowhere);
    }
    if !args.live_schema {
        return Ok(SchemaFrom::Files);
    }
    let found = settings::resolve(&Variables::of_process(), None);
    let found = found.map_err(|error| Failure::new(Code::Input, error.to_string()).hint(error.hint()))?;
    Ok(SchemaFrom::Live(Box::new(found)))
}

fn failure(error: Error) -> Failure {
    let message = error.to_string();
    match error {
        Error::Engine(error) => session::failure(deploy::Error::Engine(error)),
        Error::Records(error) => session::failure(error),
        Error::Schema(_) => Failure::new(Code::Database, message).hint(SchemaError::HINT),
        Error::Simulation(_) => Failure::new(Code::Internal, message),
    }
}
