//! `deploy` and `plan`: from a stack's bodies to a release, or back.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use engine::{Api, Secret, TaskFilter};
use jiff::Timestamp;
use stackfile::Desired;
use tokio::time::{Instant, sleep};

use crate::converge::count;
use crate::error::Error;
use crate::event::{Event, ServiceEvent, ServiceState, Sink};
use crate::images::{self, ResolveImage};
use crate::lease::{self, Holder};
use crate::live::Live;
use crate::naming;
use crate::observe;
use crate::plan::{Action, OnDrift, Plan, PlanOptions, PlanSummary, plan};
use crate::relabel;
use crate::rollout::Rollout;
use crate::seal::SealKey;
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
    /// The registry's credentials for images, by the image as the stack file writes it.
    pub registry_auth: BTreeMap<String, Secret>,
    /// Who deploys.
    pub holder: Holder,
    /// The wall clock, for records.
    pub clock: fn() -> Timestamp,
}

/// How a deploy ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The release that runs.
    pub release: u64,
    /// Whether anything was changed.
    pub changed: bool,
}

/// How long a deploy with nothing to do waits for a service that is not up.
const STEADY_WAIT: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(250);

/// What a deploy would do. Writes nothing.
pub async fn make_plan<A: Api>(
    api: &A,
    desired: Desired,
    options: &Options,
    sink: Sink<'_>,
) -> Result<(Target, Plan), Error> {
    let (target, live) = prepare(api, desired, options, sink).await?;
    let target = naming::settle(&target, &live);
    let plan = plan(&target, &live, options.plan);
    Ok((target, plan))
}

/// What is wanted, with the names of the stack files, and what is live.
async fn prepare<A: Api>(
    api: &A,
    desired: Desired,
    options: &Options,
    sink: Sink<'_>,
) -> Result<(Target, Live), Error> {
    // What the files alone can tell is told before anybody is asked.
    Target::new(desired.clone(), &BTreeMap::new()).map_err(Error::Input)?;
    observe::require_manager(api).await?;
    let before = observe::live(api, &desired.namespace, None).await?;
    let images =
        images::resolve(api, &desired, &before, options.resolve_image, &options.registry_auth, sink).await;
    let target = Target::new(desired, &images).map_err(Error::Input)?.with_auth(&options.registry_auth);
    let live = observe::live(api, &target.stack, Some(&target)).await?;
    Ok((target, live))
}

/// Takes a stack to what is wanted, or leaves it as it was.
pub async fn deploy<A: Api>(
    api: &A,
    desired: Desired,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Deployed, Error> {
    let (written, live) = prepare(api, desired, options, sink).await?;
    let target = naming::settle(&written, &live);
    let plan = plan(&target, &live, options.plan);
    refuse(&target, &live, &plan, options)?;
    let before = plan.summary(&target);
    sink(Event::Plan(before.clone()));
    if plan.empty && !planted!(SecondRunWrites) {
        return steady(api, &target, &plan, sink).await;
    }
    let lease = lease::acquire(api, &target.stack, &options.holder, options.wait_lease, sink).await?;
    let result = lease.hold(under_lease(api, &written, &before, options, sink)).await;
    lease.release().await;
    result?
}

/// The lease may have been waited for: what was planned before it is planned again.
async fn under_lease<A: Api>(
    api: &A,
    written: &Target,
    before: &PlanSummary,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Deployed, Error> {
    let (live, key) = observe_all(api, written).await?;
    let target = &naming::settle(written, &live);
    let plan = plan(target, &live, options.plan);
    refuse(target, &live, &plan, options)?;
    let summary = plan.summary(target);
    if summary != *before {
        sink(Event::Plan(summary));
    }
    if plan.empty && !planted!(SecondRunWrites) {
        return steady(api, target, &plan, sink).await;
    }
    let release = plan.number;
    let rollout = Rollout {
        api,
        target,
        plan,
        live,
        key,
        options,
        sink,
        written: Mutex::default(),
        made: Mutex::default(),
    };
    let message = rollout.run().await?;
    sink(Event::Finished { outcome: "succeeded", release: Some(release), message });
    Ok(Deployed { release, changed: true })
}

/// What is live, with every secret's content compared, and the stack's key.
async fn observe_all<A: Api>(api: &A, written: &Target) -> Result<(Live, SealKey), Error> {
    let mut live = observe::live(api, &written.stack, Some(written)).await?;
    let key = match &live.key {
        Some(key) => key.clone(),
        None => SealKey::generate()?,
    };
    if !live.unknown_secrets(&written.secrets).is_empty() {
        let other_content = relabel::ask(api, written, &live, &key).await?;
        live = observe::live(api, &written.stack, Some(written)).await?;
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
    if !plan.foreign.is_empty() && options.plan.on_drift == OnDrift::Stop {
        return Err(Error::Foreign { foreign: plan.foreign.clone() });
    }
    Ok(())
}

/// Nothing is to be written; but success still means that everything runs.
async fn steady<A: Api>(api: &A, target: &Target, plan: &Plan, sink: Sink<'_>) -> Result<Deployed, Error> {
    let begun = Instant::now();
    let mut told: BTreeMap<String, ServiceEvent> = BTreeMap::new();
    let waiting = loop {
        let tasks = api.tasks(&TaskFilter::stack(&target.stack)).await?;
        let services = api.services(&engine::Filter::stack(&target.stack)).await?;
        let mut waiting = Vec::new();
        for planned in plan.waves.iter().flat_map(|wave| &wave.services) {
            if planned.action == Action::Skip {
                continue;
            }
            let Some(service) = services.iter().find(|service| service.name() == planned.name) else {
                continue;
            };
            let own: Vec<_> = tasks.iter().filter(|task| task.service_id == service.id).cloned().collect();
            let count = count(&service.spec, &own);
            let up = count.running >= count.wanted && count.outdated == 0;
            let event = ServiceEvent {
                service: planned.key.clone(),
                state: if up { ServiceState::Unchanged } else { ServiceState::Converging },
                running: count.running,
                wanted: count.wanted,
                note: None,
            };
            if told.insert(planned.key.clone(), event.clone()).as_ref() != Some(&event) {
                sink(Event::Service(event));
            }
            if !up {
                waiting.push(format!("{} ({}/{})", planned.key, count.running, count.wanted));
            }
        }
        if waiting.is_empty() || begun.elapsed() >= STEADY_WAIT {
            break waiting;
        }
        sleep(LOOK).await;
    };
    if !waiting.is_empty() {
        return Err(Error::TimedOut {
            what: format!("the services of the release that already runs to be up: {}", waiting.join(", ")),
            seconds: STEADY_WAIT.as_secs(),
        });
    }
    // An empty plan means that a release of this content is in force.
    let release = plan.in_force.unwrap_or_default();
    let message =
        format!("stack {} already runs this as release {release}; nothing was changed", target.stack);
    sink(Event::Finished { outcome: "unchanged", release: Some(release), message });
    Ok(Deployed { release, changed: false })
}
