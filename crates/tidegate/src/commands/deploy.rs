//! `tidegate deploy`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use deploy::{OnDrift, Options, PlanOptions, ResolveImage};
use stackfile::Desired;

use crate::cli::{EngineArgs, Global};
use crate::exit::{Code, Failure};
use crate::output::progress::Progress;
use crate::probe::Network;
use crate::session;
use crate::stack_files::{self, StackArgs};

/// Arguments of `tidegate deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackArgs,
    /// How to plan.
    #[command(flatten)]
    pub choices: Choices,
    /// How long to wait for another deploy of the stack to end: 90s, 10m.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub wait_lease: Duration,
    /// How long each service may take to come up, whatever its label tidegate.timeout says: 90s, 5m. Without it the
    /// label counts, and without that 5m.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Choices that `deploy` and `plan` share.
#[derive(Clone, Debug, Args)]
pub struct Choices {
    /// When to ask the registry for an image's digest.
    #[arg(long, value_name = "WHEN", default_value = "always")]
    pub resolve_image: Resolve,
    /// What to do when somebody else changed a service since the last release.
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    pub on_drift: Drift,
    /// Send the docker client's registry credentials along, so that nodes can pull private images.
    #[arg(long)]
    pub with_registry_auth: bool,
    /// Remove services that the stack files no longer have.
    #[arg(long)]
    pub prune: bool,
}

/// When to ask the registry.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Resolve {
    /// For every image.
    Always,
    /// For images that the stack file writes differently than before.
    Changed,
    /// For none.
    Never,
}

/// What to do about a foreign change.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Drift {
    /// Stop and show it.
    Stop,
    /// Replace it by what the stack files say.
    Overwrite,
}

/// A duration as stack files write it.
pub fn duration(text: &str) -> Result<Duration, String> {
    deploy::parse_duration(text).ok_or_else(|| "write a duration, for example 90s, 5m or 1h30m".to_owned())
}

impl Choices {
    /// The options of the library.
    pub async fn options(&self, desired: &Desired, wait_lease: Duration) -> Result<Options, Failure> {
        let images = desired.services.iter().map(|service| service.image.as_str());
        let registry_auth =
            if self.with_registry_auth { session::registry_auth(images).await? } else { BTreeMap::new() };
        Ok(Options {
            resolve_image: match self.resolve_image {
                Resolve::Always => ResolveImage::Always,
                Resolve::Changed => ResolveImage::Changed,
                Resolve::Never => ResolveImage::Never,
            },
            plan: PlanOptions {
                on_drift: match self.on_drift {
                    Drift::Stop => OnDrift::Stop,
                    Drift::Overwrite => OnDrift::Overwrite,
                },
                prune: self.prune,
            },
            wait_lease,
            timeout: None,
            registry_auth,
            probe: Arc::new(Network),
            holder: session::holder()?,
            clock: deploy::wall_clock,
        })
    }
}

/// Runs the command.
pub async fn run(args: DeployArgs, global: &Global) -> Result<Code, Failure> {
    let desired = stack_files::desired(&args.stack, global)?;
    let mut options = args.choices.options(&desired, args.wait_lease).await?;
    options.timeout = args.timeout;
    let client = session::connect(&args.engine).await?;
    let progress = Progress::new(global);
    let sink = |event| progress.show(&event);
    let work = Box::pin(deploy::deploy(&client, desired, &options, &sink));
    let result = session::until_interrupted(work).await;
    progress.end();
    match result {
        Ok(result) => result.map(|_| Code::Ok).map_err(session::failure),
        Err(interrupted) => {
            let give_back = deploy::abandon_lease(&client, &args.stack.stack, &options.holder);
            // Without an answer the lease ends by itself.
            let _ = tokio::time::timeout(Duration::from_secs(3), give_back).await;
            Err(interrupted)
        }
    }
}
