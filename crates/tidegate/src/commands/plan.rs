//! `tidegate plan`.

use std::time::Duration;

use clap::Args;

use super::deploy::Choices;
use crate::cli::{EngineArgs, Global};
use crate::exit::{Code, Failure};
use crate::output::progress::Progress;
use crate::session;
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
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Runs the command.
pub async fn run(args: PlanArgs, global: &Global) -> Result<Code, Failure> {
    let desired = stack_files::desired(&args.stack, global)?;
    let options = args.choices.options(&desired, Duration::ZERO).await?;
    let client = session::connect(&args.engine).await?;
    let progress = Progress::lines(global);
    let sink = |event| progress.show(&event);
    let (target, plan) =
        deploy::make_plan(&client, desired, &options, &sink).await.map_err(session::failure)?;
    progress.show(&deploy::Event::Plan(plan.summary(&target)));
    Ok(Code::Ok)
}
