//! `tidegate rollback`.

use clap::Args;
use deploy::{Back, Event, PlanOptions, Source};

use super::deploy::{Drift, Manner, StrategyArgs, options};
use crate::cli::{EngineArgs, Global};
use crate::exit::{Code, Failure};
use crate::interrupts::{self, Operator};
use crate::output::progress::Progress;
use crate::session;

/// Arguments of `tidegate rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The stack's name.
    pub stack: String,
    /// The release to go back to. Without it: the one before that which is in force, or, after a release that was not
    /// finished, the one that is.
    pub release: Option<u64>,
    /// Take the database back first, by the gate of the release in force: nothing is undone unless every revision on the
    /// way can be.
    #[arg(long)]
    pub with_migrations: bool,
    /// Only show what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// What to do when somebody else changed a service since the last release.
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    pub on_drift: Drift,
    /// Service by service, or everything removed first.
    #[command(flatten)]
    pub strategy: StrategyArgs,
    /// How to go about it.
    #[command(flatten)]
    pub manner: Manner,
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Runs the command.
pub async fn run(args: RollbackArgs, global: &Global) -> Result<Code, Failure> {
    let (strategy, if_in_use) = args.strategy.choices();
    let on_drift = args.on_drift.choice();
    let plan = PlanOptions { on_drift, prune: true, strategy, if_in_use, ..PlanOptions::default() };
    let mut options = options(plan, Source::asked(deploy::wall_clock()))?;
    let interrupter = args.manner.add_to(&mut options);
    let to = Back { release: args.release, with_migrations: args.with_migrations };
    let client = session::connect(&args.engine).await?;
    if args.dry_run {
        let planned = deploy::plan_rollback(&client, &args.stack, to, &options).await;
        Progress::lines(global).show(&Event::Plan(planned.map_err(session::failure)?));
        return Ok(Code::Ok);
    }
    let progress = Progress::new(global);
    let sink = |event| progress.show(&event);
    let lease = (&client, args.stack.as_str(), &options.holder);
    let work = Box::pin(deploy::rollback(&client, &args.stack, to, &options, &sink));
    let operator =
        Operator { interrupter: &interrupter, choice: args.manner.on_interrupt, progress: &progress, global };
    let result = interrupts::heeding(work, operator, lease).await;
    progress.end();
    result.map(|_| Code::Ok)
}
