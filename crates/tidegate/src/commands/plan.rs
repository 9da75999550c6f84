//! `tidegate plan`.

use std::path::PathBuf;

use clap::Args;

use super::deploy::Choices;
use crate::cli::{EngineArgs, Global};
use crate::exit::{Code, Failure};
use crate::output::progress::Progress;
use crate::session;
use crate::source::SourceArgs;
use crate::stack_files::{self, StackArgs};

/// Arguments of `tidegate plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackArgs,
    /// How to plan.
    #[command(flatten)]
    pub choices: Choices,
    /// Write the plan to a file, for `deploy --plan`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 14 where there is something to do, and with 0 where there is nothing.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// What it is made from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Runs the command.
pub async fn run(args: PlanArgs, global: &Global) -> Result<Code, Failure> {
    let desired = stack_files::desired(&args.stack, global)?;
    let source = args.source.source(&args.stack.files.files)?;
    let options = args.choices.options(&desired, source).await?;
    let client = session::connect(&args.engine).await?;
    let progress = Progress::lines(global);
    let sink = |event| progress.show(&event);
    let (summary, file) =
        deploy::make_plan(&client, desired, &options, &sink).await.map_err(session::failure)?;
    let empty = summary.empty;
    progress.show(&deploy::Event::Plan(summary));
    if let Some(path) = &args.out {
        std::fs::write(path, file.text()).map_err(|error| {
            Failure::new(Code::Input, format!("the plan cannot be written to {}: {error}", path.display()))
                .hint("name a file in a folder that is there and that you may write to")
        })?;
    }
    Ok(if args.detailed_exitcode && !empty { Code::Changes } else { Code::Ok })
}
