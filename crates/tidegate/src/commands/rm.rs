//! `tidegate rm`.

use std::time::Duration;

use clap::Args;
use deploy::Event;

use super::deploy::duration;
use crate::cli::{EngineArgs, Global};
use crate::exit::{Code, Failure};
use crate::interrupts;
use crate::output::progress::Progress;
use crate::session;

/// Arguments of `tidegate rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// The stack's name.
    pub stack: String,
    /// How long the removal may take: 90s, 5m.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub timeout: Duration,
    /// How long to wait for another deploy of the stack to end.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub wait_lease: Duration,
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Runs the command.
pub async fn run(args: RmArgs, global: &Global) -> Result<Code, Failure> {
    let holder = session::holder()?;
    let client = session::connect(&args.engine).await?;
    let progress = Progress::lines(global);
    let sink = |event| progress.show(&event);
    let work = Box::pin(deploy::remove(&client, &args.stack, &holder, args.wait_lease, args.timeout, &sink));
    let removed = interrupts::until_interrupted(work, (&client, &args.stack, &holder)).await?;
    let message = match (removed.services, removed.networks) {
        (0, 0) => format!("there is no stack {}: nothing was removed", args.stack),
        (services, networks) => format!(
            "stack {} is gone: {services} services, {networks} networks and all their containers; its volumes stay",
            args.stack
        ),
    };
    progress.show(&Event::Finished { outcome: "removed", release: None, message });
    Ok(Code::Ok)
}
