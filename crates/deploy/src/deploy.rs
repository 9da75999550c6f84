//! `deploy`, `rollback` and `plan`: from a goal to a release, or back.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Api, Secret};
use jiff::Timestamp;
use stackfile::Desired;

use crate::checks::Probe;
use crate::error::Error;
use crate::event::{Event, Sink};
use crate::goal::{Back, Goal};
use crate::hidden::Hidden;
use crate::history;
use crate::images::{self, ResolveImage};
use crate::interrupt::Interrupt;
use crate::lease::{self, Holder};
use crate::live::Live;
use crate::observe;
use crate::outsiders::{self, NetworkUser};
use crate::patient::{PATIENCE, Patient};
use crate::plan::recreate::if_in_use;
use crate::plan::{Foreign, OnDrift, Plan, PlanOptions, PlanSummary, plan};
use crate::plan_file::PlanFile;
use crate::relabel;
use crate::release::Records;
use crate::rollout::Rollout;
use crate::seal::SealKey;
use crate::source::Source;
use crate::steady::steady;
use crate::strategy::{IfInUse, Strategy};
use crate::target::Target;

/// The operator's choices.
#[derive(Clone, Debug)]
pub struct Options {
    /// When to ask the registry for an image's digest.
    pub resolve_image: ResolveImage,
    /// What to do about foreign changes, and whether to prune.
    pub plan: PlanOptions,
    /// How long to wait for another deploy to end.
    pub wait_lease: Duration,
    /// How long each service may take to converge, whatever its label says.
    pub timeout: Option<Duration>,
    /// The registry's credentials for images, by the image as the stack file writes it.
    pub registry_auth: BTreeMap<String, Secret>,
    /// Who deploys.
    pub holder: Holder,
    /// Whether checks are asked once everything has converged: a rehearsal has nobody to ask.
    pub ask_checks: bool,
    /// What asks over the network for checks.
    pub probe: Arc<dyn Probe>,
    /// The wall clock, for records.
    pub clock: fn() -> Timestamp,
    /// What the release is made from.
    pub source: Source,
    /// Whether to yield to a release from something newer that went out while this one waited for the lease.
    pub yields: bool,
    /// The plan that was agreed to: anything else is refused.
    pub agreed: Option<PlanFile>,
    /// How the operator stops it.
    pub interrupt: Interrupt,
    /// The release records that have been opened before.
    pub records: Records,
}

/// How a deploy ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The release that runs.
    pub release: u64,
    /// Whether anything was changed.
    pub changed: bool,
}

/// What a deploy would do, and what that was made from. Writes nothing.
pub async fn make_plan<A: Api>(
    api: &A,
    desired: Desired,
    options: &Options,
    sink: Sink<'_>,
) -> Result<(PlanSummary, PlanFile), Error> {
    let (goal, live) = files(api, desired, options, sink).await?;
    look_ahead(api, &goal, &live, options).await
}

/// What going back to an earlier release would do. Writes nothing.
pub async fn plan_rollback<A: Api>(
    api: &A,
    stack: &str,
    to: Back,
    options: &Options,
) -> Result<PlanSummary, Error> {
    let (goal, live) = back(api, stack, to, options, &|_| {}).await?;
    Ok(look_ahead(api, &goal, &live, options).await?.0)
}

async fn look_ahead<A: Api>(
    api: &A,
    goal: &Goal,
    live: &Live,
    options: &Options,
) -> Result<(PlanSummary, PlanFile), Error> {
    let how = goal.how(options.plan);
    let target = goal.target(live, how)?;
    let plan = planned(api, &target, live, how).await?;
    Ok((plan.summary(&target), PlanFile::of(&plan, &target)))
}

/// The plan, once it is known whether anything outside the stack uses networks that it would remove.
async fn planned<A: Api>(api: &A, target: &Target, live: &Live, how: PlanOptions) -> Result<Plan, Error> {
    let mut first = plan(target, live, how);
    let Some(recreation) = first.recreate.as_mut().filter(|recreation| !recreation.down) else {
        return Ok(first);
    };
    let users = outsiders::find(api, &target.stack, &recreation.networks).await?;
    if users.is_empty() || if_in_use(target, how) == IfInUse::Refuse {
        recreation.in_use = users;
        return Ok(first);
    }
    let mut instead = plan(target, live, PlanOptions { strategy: Some(Strategy::Rolling), ..how });
    instead.warnings.push(fallen_back(&users));
    Ok(instead)
}

/// Why a release goes service by service though it was to recreate the stack.
pub(crate) fn fallen_back(users: &[NetworkUser]) -> String {
    let users: Vec<String> = users.iter().map(ToString::to_string).collect();
    format!("the stack is not recreated but updated service by service: {}", users.join(", "))
}

/// What the stack files say, with the images' digests, and what is live.
async fn files<A: Api>(
    api: &A,
    desired: Desired,
    options: &Options,
    sink: Sink<'_>,
) -> Result<(Goal, Live), Error> {
    // What the files alone can tell is told before anybody is asked.
    Target::check(&desired).map_err(Error::Input)?;
    let configs = desired.configs.iter().map(|config| &config.name);
    let configs: Vec<String> =
        configs.chain(desired.external_configs.iter().map(|config| &config.name)).cloned().collect();
    let live = look(api, &desired.namespace, &configs, options, sink).await?;
    let images =
        images::resolve(api, &desired, &live, options.resolve_image, &options.registry_auth, sink).await;
    let target = Target::new(desired, &images).map_err(Error::Input)?.with_auth(&options.registry_auth);
    Ok((Goal::Files(Box::new(target)), live))
}

/// An earlier release, and what is live.
async fn back<A: Api>(
    api: &A,
    stack: &str,
    to: Back,
    options: &Options,
    sink: Sink<'_>,
) -> Result<(Goal, Live), Error> {
    let live = look(api, stack, &[], options, sink).await?;
    let goal = Goal::release(stack, &live.releases, to)?;
    let configs = goal.configs();
    if configs.is_empty() {
        return Ok((goal, live));
    }
    let live = observe::live(api, stack, &configs, &options.records).await?;
    Ok((goal, live))
}

/// The first look at what is live. An election that is just going on is waited for.
async fn look<A: Api>(
    api: &A,
    stack: &str,
    configs: &[String],
    options: &Options,
    sink: Sink<'_>,
) -> Result<Live, Error> {
    match observe::first(api, stack, configs, &options.records).await {
        Err(error @ engine::Error::NoLeader { .. }) => {
            let seconds = PATIENCE.as_secs();
            sink(Event::Warning {
                message: format!("{error}; waiting up to {seconds} s for one to be elected"),
            });
            // Large, and rarely needed.
            Ok(Box::pin(observe::first(&Patient(api), stack, configs, &options.records)).await?)
        }
        looked => Ok(looked?),
    }
}

/// Takes a stack to what is wanted, or leaves it as it was.
pub async fn deploy<A: Api>(
    api: &A,
    desired: Desired,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Deployed, Error> {
    let (goal, live) = files(api, desired, options, sink).await?;
    carry_out(api, &goal, &live, options, sink).await
}

/// Takes a stack back to an earlier release, as a release of its own.
pub async fn rollback<A: Api>(
    api: &A,
    stack: &str,
    to: Back,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Deployed, Error> {
    let (goal, live) = back(api, stack, to, options, sink).await?;
    carry_out(api, &goal, &live, options, sink).await
}

async fn carry_out<A: Api>(
    api: &A,
    goal: &Goal,
    live: &Live,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Deployed, Error> {
    let how = goal.how(options.plan);
    let target = goal.target(live, how)?;
    let plan = planned(api, &target, live, how).await?;
    refuse(&target, live, &plan, options)?;
    refuse_moved(&target, &plan, options, true)?;
    let known = Known { plan: plan.summary(&target), in_force: number_in_force(live) };
    sink(Event::Plan(known.plan.clone()));
    if plan.empty && !planted!(SecondRunWrites) {
        return steady(api, &target, &plan, sink).await;
    }
    let lease = lease::acquire(api, goal.stack(), &options.holder, options.wait_lease, sink).await?;
    // Large, and it holds the whole of the release.
    let result = lease.hold(Box::pin(under_lease(api, goal, &known, options, sink))).await;
    lease.release().await;
    result?
}

/// What was known before the lease was waited for.
struct Known {
    plan: PlanSummary,
    in_force: Option<u64>,
}

fn number_in_force(live: &Live) -> Option<u64> {
    history::in_force(&live.releases).map(|release| release.intent.number)
}

/// The lease may have been waited for: what was planned before it is planned again.
async fn under_lease<A: Api>(
    api: &A,
    goal: &Goal,
    before: &Known,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Deployed, Error> {
    let api = &Patient(api);
    let (live, key) = observe_all(api, goal, &options.records).await?;
    let how = goal.how(options.plan);
    let target = &goal.target(&live, how)?;
    let plan = planned(api, target, &live, how).await?;
    refuse(target, &live, &plan, options)?;
    // What the engine was asked about secrets in the meantime may have changed names.
    refuse_moved(target, &plan, options, false)?;
    let summary = plan.summary(target);
    if summary != before.plan {
        sink(Event::Plan(summary));
    }
    if plan.empty && !planted!(SecondRunWrites) {
        return steady(api, target, &plan, sink).await;
    }
    refuse_superseded(goal.stack(), &live, before.in_force, options)?;
    let release = plan.number;
    let hidden = Hidden::of(target, &plan.previous);
    let sink: Sink<'_> = &|event| sink(hidden.event(event));
    let rollout = Rollout {
        api,
        target,
        plan,
        live,
        key,
        options,
        sink,
        hidden: &hidden,
        configs: goal.configs(),
        how,
        written: Mutex::default(),
        made: Mutex::default(),
        cleared: AtomicBool::default(),
    };
    let message = rollout.run().await?;
    sink(Event::Finished { outcome: "succeeded", release: Some(release), message });
    Ok(Deployed { release, changed: true })
}

/// Yields to a release from something newer that has gone out since this deploy was planned.
fn refuse_superseded(
    stack: &str,
    live: &Live,
    in_force: Option<u64>,
    options: &Options,
) -> Result<(), Error> {
    if !options.yields {
        return Ok(());
    }
    let after = in_force.unwrap_or_default();
    let since = live.releases.iter().filter(|release| release.intent.number > after && release.succeeded());
    let newer = since.rev().find_map(|release| {
        let source = release.intent.source.as_ref()?;
        source.is_newer_than(&options.source).then_some((release.intent.number, source))
    });
    let Some((number, source)) = newer else { return Ok(()) };
    let commit = source.commit.as_ref().map(|commit| format!("commit {commit}"));
    let newer = match (commit, source.committed_at) {
        (Some(commit), Some(at)) => format!("{commit} of {at}"),
        (Some(commit), None) => format!("{commit}, asked for at {}", source.asked_at),
        (None, _) => format!("what was asked for at {}", source.asked_at),
    };
    Err(Error::Superseded { stack: stack.to_owned(), number, newer })
}

/// Refuses what is not the plan that was agreed to.
fn refuse_moved(target: &Target, plan: &Plan, options: &Options, wanted: bool) -> Result<(), Error> {
    let Some(agreed) = &options.agreed else { return Ok(()) };
    let moved = agreed.moved(&PlanFile::of(plan, target), wanted);
    if moved.is_empty() { Ok(()) } else { Err(Error::Moved { stack: target.stack.clone(), moved }) }
}

/// What is live, with every secret's content compared, and the stack's key.
async fn observe_all<A: Api>(api: &A, goal: &Goal, known: &Records) -> Result<(Live, SealKey), Error> {
    let (stack, configs) = (goal.stack(), goal.configs());
    let mut live = observe::live(api, stack, &configs, known).await?;
    let key = match &live.key {
        Some(key) => key.clone(),
        None => SealKey::generate()?,
    };
    if let Goal::Files(target) = goal
        && !live.unknown_secrets(&target.secrets).is_empty()
    {
        let other_content = relabel::ask(api, target, &live, &key).await?;
        live = observe::live(api, stack, &configs, known).await?;
        live.other_content = other_content;
    }
    live.key = Some(key.clone());
    Ok((live, key))
}

/// What has to be refused before anything is written.
fn refuse(target: &Target, live: &Live, plan: &Plan, options: &Options) -> Result<(), Error> {
    let missing: Vec<String> = [
        ("network", &target.external_networks),
        ("secret", &target.external_secrets),
        ("config", &target.external_configs),
    ]
    .into_iter()
    .flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)))
    .filter(|(kind, name)| !live.has(kind, name))
    .map(|(kind, name)| format!("{kind} `{name}`"))
    .collect();
    if !missing.is_empty() {
        return Err(Error::MissingExternal { names: missing });
    }
    if !plan.changed_content.is_empty() {
        let names = plan.changed_content.iter().map(|(kind, name)| format!("{kind} `{name}`")).collect();
        return Err(Error::ChangedContent { names });
    }
    let refused: Vec<Foreign> = match options.plan.on_drift {
        OnDrift::Stop => plan.foreign.clone(),
        // What cannot be told apart from what an unfinished release wrote cannot be kept.
        OnDrift::Keep => plan
            .foreign
            .iter()
            .filter(|foreign| !target.kept.contains_key(&foreign.service))
            .cloned()
            .collect(),
        OnDrift::Overwrite => Vec::new(),
    };
    if !refused.is_empty() {
        return Err(Error::Foreign { foreign: refused });
    }
    match plan.recreate.as_ref().map(|recreation| &recreation.in_use) {
        Some(users) if !users.is_empty() => {
            Err(Error::InUse { stack: target.stack.clone(), users: users.clone() })
        }
        _ => Ok(()),
    }
}
