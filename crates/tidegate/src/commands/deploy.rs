//! `tidegate deploy`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use deploy::{
    IfInUse, Interrupt, Interrupter, OnDrift, Options, PlanFile, PlanOptions, Records, ResolveImage, Source,
    Strategy,
};
use stackfile::Desired;

use crate::cli::{EngineArgs, Global};
use crate::exit::{Code, Failure};
use crate::interrupts::{self, OnInterrupt, Operator};
use crate::output::progress::Progress;
use crate::probe::Network;
use crate::session;
use crate::source::SourceArgs;
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
    /// How to go about it.
    #[command(flatten)]
    pub manner: Manner,
    /// Carry out the plan that `plan --out` wrote, and refuse if anything has moved since.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Do not yield to a release from a newer commit that went out while this one waited for its turn.
    #[arg(long)]
    pub even_if_superseded: bool,
    /// What it is made from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// What `deploy` and `rollback` share.
#[derive(Clone, Debug, Args)]
pub struct Manner {
    /// How long to wait for another deploy of the stack to end: 90s, 10m.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub wait_lease: Duration,
    /// How long each service may take to come up, whatever its label tidegate.timeout says: 90s, 5m. Without it the
    /// label counts, and without that 5m.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// What the first Ctrl-C or SIGTERM does; the second leaves at once.
    #[arg(long, value_name = "WHAT", default_value = "ask")]
    pub on_interrupt: OnInterrupt,
    /// How many services of a wave are updated at the same time. Without it: all that wait for nothing.
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
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
    /// Service by service, or everything removed first.
    #[command(flatten)]
    pub strategy: StrategyArgs,
}

/// How a release is carried out. Without these flags the stack file's x-tidegate.strategy and x-tidegate.if-in-use count.
#[derive(Clone, Copy, Debug, Args)]
pub struct StrategyArgs {
    /// How to carry it out: rolling updates each service where it runs, and is what happens where nothing is said; recreate
    /// removes all services and networks of the stack first, and makes them again when they are really gone.
    #[arg(long, value_name = "HOW")]
    pub strategy: Option<How>,
    /// What recreate does while something outside the stack uses its networks.
    #[arg(long, value_name = "WHAT")]
    pub if_in_use: Option<InUse>,
}

/// How to carry it out.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum How {
    /// Service by service.
    Rolling,
    /// Everything removed first.
    Recreate,
}

/// What to do while something outside the stack uses its networks.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum InUse {
    /// Stop, and name it.
    Refuse,
    /// Name it, and go on service by service.
    Rolling,
}

impl StrategyArgs {
    /// The library's words for them.
    pub fn choices(self) -> (Option<Strategy>, Option<IfInUse>) {
        let strategy = self.strategy.map(|how| match how {
            How::Rolling => Strategy::Rolling,
            How::Recreate => Strategy::Recreate,
        });
        let if_in_use = self.if_in_use.map(|choice| match choice {
            InUse::Refuse => IfInUse::Refuse,
            InUse::Rolling => IfInUse::Rolling,
        });
        (strategy, if_in_use)
    }
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
    /// Leave it as it is.
    Keep,
    /// Replace it by what the stack files say.
    Overwrite,
}

/// A duration as stack files write it.
pub fn duration(text: &str) -> Result<Duration, String> {
    deploy::parse_duration(text).ok_or_else(|| "write a duration, for example 90s, 5m or 1h30m".to_owned())
}

impl Drift {
    /// The library's word for it.
    pub fn choice(self) -> OnDrift {
        match self {
            Self::Stop => OnDrift::Stop,
            Self::Keep => OnDrift::Keep,
            Self::Overwrite => OnDrift::Overwrite,
        }
    }
}

impl Choices {
    /// The options of the library, for a plan.
    pub async fn options(&self, desired: &Desired, source: Source) -> Result<Options, Failure> {
        let images = desired.services.iter().map(|service| service.image.as_str());
        let registry_auth =
            if self.with_registry_auth { session::registry_auth(images).await? } else { BTreeMap::new() };
        let resolve_image = match self.resolve_image {
            Resolve::Always => ResolveImage::Always,
            Resolve::Changed => ResolveImage::Changed,
            Resolve::Never => ResolveImage::Never,
        };
        let (strategy, if_in_use) = self.strategy.choices();
        let (on_drift, prune) = (self.on_drift.choice(), self.prune);
        let plan = PlanOptions { on_drift, prune, strategy, if_in_use, ..PlanOptions::default() };
        Ok(Options { resolve_image, registry_auth, ..options(plan, source)? })
    }
}

/// Options with nothing asked for but how to plan.
pub fn options(plan: PlanOptions, source: Source) -> Result<Options, Failure> {
    Ok(Options {
        resolve_image: ResolveImage::Never,
        plan,
        wait_lease: Duration::ZERO,
        registry_auth: BTreeMap::new(),
        timeout: None,
        ask_checks: true,
        probe: Arc::new(Network),
        holder: session::holder()?,
        clock: deploy::wall_clock,
        source,
        yields: false,
        agreed: None,
        interrupt: Interrupt::default(),
        records: Records::default(),
    })
}

impl Manner {
    /// Adds what is asked for to the options; what it gives is how the operator stops it.
    pub fn add_to(&self, options: &mut Options) -> Interrupter {
        options.wait_lease = self.wait_lease;
        options.plan.parallel = self.parallel;
        options.timeout = self.timeout;
        let (interrupter, interrupt) = interrupts::channel();
        options.interrupt = interrupt;
        interrupter
    }
}

/// Runs the command.
pub async fn run(args: DeployArgs, global: &Global) -> Result<Code, Failure> {
    let desired = stack_files::desired(&args.stack, global)?;
    let agreed = args.plan.as_deref().map(read_plan).transpose()?;
    let source = args.source.source(&args.stack.files.files)?;
    let mut options = args.choices.options(&desired, source).await?;
    let interrupter = args.manner.add_to(&mut options);
    (options.yields, options.agreed) = (!args.even_if_superseded, agreed);
    let client = session::connect(&args.engine).await?;
    let progress = Progress::new(global);
    let sink = |event| progress.show(&event);
    let lease = (&client, args.stack.stack.as_str(), &options.holder);
    let work = Box::pin(deploy::deploy(&client, desired, &options, &sink));
    let operator =
        Operator { interrupter: &interrupter, choice: args.manner.on_interrupt, progress: &progress, global };
    let result = interrupts::heeding(work, operator, lease).await;
    progress.end();
    result.map(|_| Code::Ok)
}

fn read_plan(path: &Path) -> Result<PlanFile, Failure> {
    let refused = |reason: String| {
        Failure::new(Code::Input, format!("the plan {} cannot be used: {reason}", path.display()))
            .hint("make it with `tidegate plan --out FILE`")
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    PlanFile::read(&text).map_err(|error| refused(error.to_string()))
}
