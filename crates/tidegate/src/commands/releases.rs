//! `tidegate releases`.

use clap::{Args, Subcommand};
use deploy::ReleaseInfo;

use crate::cli::{EngineArgs, Global, OutputFormat};
use crate::exit::{Code, Failure};
use crate::output::{self, releases};
use crate::session;

/// Arguments of `tidegate releases`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ReleasesArgs {
    /// The stack's name.
    #[arg(required = true)]
    pub stack: Option<String>,
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// What to show; without it, the list.
    #[command(subcommand)]
    pub question: Option<Question>,
}

/// What to show of the releases.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// One release.
    Show {
        /// The stack's name.
        stack: String,
        /// The release.
        release: u64,
        /// Which engine.
        #[command(flatten)]
        engine: EngineArgs,
    },
    /// What is different between two releases.
    Diff {
        /// The stack's name.
        stack: String,
        /// The one.
        from: u64,
        /// The other.
        to: u64,
        /// Which engine.
        #[command(flatten)]
        engine: EngineArgs,
    },
}

/// Runs the command.
pub async fn run(args: ReleasesArgs, global: &Global) -> Result<Code, Failure> {
    match args.question {
        None => {
            let stack = args.stack.unwrap_or_default();
            let list = list(&args.engine, &stack).await?;
            show(global, &serde_json::json!(list), &releases::list(&stack, &list));
        }
        Some(Question::Show { stack, release, engine }) => {
            let list = list(&engine, &stack).await?;
            let Some(found) = list.iter().find(|info| info.number == release) else {
                return Err(session::failure(deploy::Error::NoRelease {
                    stack,
                    wanted: format!("release {release}"),
                    known: list.iter().map(|info| info.number).collect(),
                }));
            };
            show(global, &serde_json::json!(found), &releases::one(found));
        }
        Some(Question::Diff { stack, from, to, engine }) => {
            let client = session::connect(&engine).await?;
            let diff = deploy::diff_releases(&client, &stack, from, to).await.map_err(session::failure)?;
            show(global, &serde_json::json!(diff), &releases::diff(&diff));
        }
    }
    Ok(Code::Ok)
}

async fn list(engine: &EngineArgs, stack: &str) -> Result<Vec<ReleaseInfo>, Failure> {
    let client = session::connect(engine).await?;
    deploy::releases(&client, stack).await.map_err(session::failure)
}

fn show(global: &Global, json: &serde_json::Value, text: &str) {
    match global.output {
        OutputFormat::Json => output::line(&json.to_string()),
        _ => output::text(text),
    }
}
