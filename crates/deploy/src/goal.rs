//! Where a deploy is to take the stack: to what stack files describe, or back to an earlier release. Pure, given what is
//! live.

use std::collections::{BTreeMap, BTreeSet};

use engine::FileKind;
use serde_json::Value;

use crate::error::Error;
use crate::history::{find, in_force, no_return};
use crate::live::Live;
use crate::networks::{self, Networks};
use crate::order::{Order, Wave};
use crate::plan::{OnDrift, PlanOptions};
use crate::release::{Release, State};
use crate::settings::Settings;
use crate::spec::{self, SPEC_LABEL};
use crate::target::{DEFAULT_TIMEOUT, Target, Wanted};
use crate::{database, keep, naming, plan};

/// The way back, as the operator asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Back {
    /// The release; without a number the one before that which is in force, or, after a release that was not finished,
    /// the one that is.
    pub release: Option<u64>,
    /// Whether the database goes back too, by the gate of the release that is left.
    pub with_migrations: bool,
}

/// Where to.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// What the stack files say, with images resolved.
    Files(Box<Target>),
    /// An earlier release.
    Release {
        /// The stack.
        stack: String,
        /// The release.
        number: u64,
        /// Whether the database goes back too.
        with_migrations: bool,
        /// Configs that its services use: full names.
        configs: Vec<String>,
    },
}

impl Goal {
    /// The way back to a release.
    pub(crate) fn release(stack: &str, releases: &[Release], back: Back) -> Result<Self, Error> {
        let release = match back.release {
            Some(number) => find(stack, releases, number)?,
            None => usual(releases).ok_or_else(|| Error::NoRelease {
                stack: stack.to_owned(),
                wanted: "an earlier release".to_owned(),
                known: releases.iter().map(|release| release.intent.number).collect(),
            })?,
        };
        let number = release.intent.number;
        if let Some(reason) = no_return(release) {
            return Err(Error::NoReturn { stack: stack.to_owned(), number, reasons: vec![reason] });
        }
        let used = specs(release).flat_map(|(_, spec)| naming::references_in(spec));
        let configs =
            used.filter(|used| used.kind == FileKind::Config).map(|used| used.name.to_owned()).collect();
        Ok(Self::Release { stack: stack.to_owned(), number, with_migrations: back.with_migrations, configs })
    }

    /// The stack.
    pub(crate) fn stack(&self) -> &str {
        match self {
            Self::Files(target) => &target.stack,
            Self::Release { stack, .. } => stack,
        }
    }

    /// How to plan: going back is also going without what came since.
    pub(crate) fn how(&self, options: PlanOptions) -> PlanOptions {
        match self {
            Self::Files(_) => options,
            Self::Release { .. } => PlanOptions { prune: true, ..options },
        }
    }

    /// The configs to look for beside those of the stack.
    pub(crate) fn configs(&self) -> Vec<String> {
        match self {
            Self::Files(target) => {
                let own = target.configs.iter().map(|config| config.name.clone());
                own.chain(target.external_configs.iter().cloned()).collect()
            }
            Self::Release { configs, .. } => configs.clone(),
        }
    }

    /// What is wanted, given what is live.
    pub(crate) fn target(&self, live: &Live, options: PlanOptions) -> Result<Target, Error> {
        let target = match self {
            Self::Files(target) => naming::settle(target, live),
            Self::Release { stack, number, with_migrations, .. } => {
                of_release(stack, live, *number, *with_migrations)?
            }
        };
        if options.on_drift != OnDrift::Keep {
            return Ok(target);
        }
        let foreign = plan::foreign(live);
        Ok(keep::keep(target, live, &foreign))
    }
}

/// Where to without a number. A way back that was interrupted is continued.
fn usual(releases: &[Release]) -> Option<&Release> {
    let last = releases.last()?;
    if let Some(earlier) = last.intent.returns_to.filter(|_| last.outcome.is_none()) {
        return releases.iter().find(|release| release.intent.number == earlier);
    }
    let current = in_force(releases)?;
    if last.intent.number != current.intent.number && !was_put_back(last) {
        return Some(current);
    }
    let before = releases.iter().rev().filter(|release| release.succeeded());
    before.into_iter().find(|release| release.intent.number < current.intent.number)
}

/// Whether nothing of a release is left.
fn was_put_back(release: &Release) -> bool {
    release.outcome.as_ref().is_some_and(|outcome| outcome.state == State::RolledBack)
}

fn specs(release: &Release) -> impl Iterator<Item = (&String, &Value)> {
    let specs = release.outcome.iter().flat_map(|outcome| &outcome.specs);
    specs.filter_map(|(name, spec)| Some((name, spec.as_deref()?)))
}

/// An earlier release as a target: its services as they were recorded, all at once, without a gate.
fn of_release(stack: &str, live: &Live, number: u64, with_migrations: bool) -> Result<Target, Error> {
    let release = find(stack, &live.releases, number)?;
    let reasons = gone(stack, live, release);
    if !reasons.is_empty() {
        return Err(Error::NoReturn { stack: stack.to_owned(), number, reasons });
    }
    let mut services: BTreeMap<String, Wanted> = specs(release)
        .map(|(name, spec)| {
            let key = name.strip_prefix(&format!("{stack}_")).unwrap_or(name).to_owned();
            (name.clone(), wanted(key, name, &live.localise(spec)))
        })
        .collect();
    let keys = services.values().map(|wanted| wanted.key.clone()).collect();
    let mut waves = vec![Wave { gate: false, services: keys }];
    let mut warnings = database::verdict(live, release);
    if with_migrations && let Some(way) = database::way_back(stack, live, release)? {
        waves.insert(0, Wave { gate: true, services: vec![way.gate.key.clone()] });
        services.insert(way.gate.name.clone(), way.gate);
        warnings = vec![way.announcement];
    }
    // Nothing is known of what is kept for how long: a stack file says that, so nothing goes.
    let settings = Settings { keep_releases: usize::MAX, ..Settings::default() };
    Ok(Target {
        stack: stack.to_owned(),
        settings,
        order: Order { waves, reasons: Vec::new(), warnings },
        services,
        networks: recorded_networks(stack, live, release),
        secrets: Vec::new(),
        configs: Vec::new(),
        external_networks: Vec::new(),
        external_secrets: Vec::new(),
        external_configs: Vec::new(),
        digest: release.outcome.as_ref().map(|outcome| outcome.digest.clone()).unwrap_or_default(),
        kept: BTreeMap::new(),
        returns_to: Some(number),
    })
}

/// The stack's own networks that a release's services used, as it left them.
fn recorded_networks(stack: &str, live: &Live, release: &Release) -> Vec<(String, Value)> {
    let empty = Networks::new();
    let recorded = release.outcome.as_ref().map_or(&empty, |outcome| &outcome.networks);
    // A network that was made anew since has another id, by which the specs name it by now.
    let name = |id| recorded.get(id).map(networks::name).or_else(|| live.network_name(id));
    let used: BTreeSet<&str> =
        specs(release).flat_map(|(_, spec)| networks::targets(spec)).filter_map(name).collect();
    let own =
        recorded.values().filter(|body| networks::is_of(stack, body) && used.contains(networks::name(body)));
    own.map(|body| (networks::name(body).to_owned(), body.clone())).collect()
}

fn wanted(key: String, name: &str, spec: &Value) -> Wanted {
    let mut body = spec.clone();
    let digest = spec::label(&body, SPEC_LABEL).map_or_else(|| spec::digest(&body), str::to_owned);
    if let Some(labels) = body.get_mut("Labels").and_then(Value::as_object_mut) {
        labels.retain(|label, _| !spec::OWN_LABELS.contains(&label.as_str()));
    }
    // How often a service was forced is the engine's count.
    if let Some(task) = body.get_mut("TaskTemplate").and_then(Value::as_object_mut) {
        task.remove("ForceUpdate");
    }
    let image = spec::image(&body).unwrap_or_default().to_owned();
    let name = name.to_owned();
    Wanted { key, name, body, digest, gate: false, timeout: DEFAULT_TIMEOUT, image, auth: None }
}

/// What a release refers to and that is not there any more.
fn gone(stack: &str, live: &Live, release: &Release) -> Vec<String> {
    let mut gone = BTreeSet::new();
    let empty = Networks::new();
    let recorded = release.outcome.as_ref().map_or(&empty, |outcome| &outcome.networks);
    for (name, spec) in specs(release) {
        for target in networks::targets(spec) {
            let own = recorded.get(target).is_some_and(|body| networks::is_of(stack, body));
            if own || live.networks.contains_key(target) || live.has("network", target) {
                continue;
            }
            gone.insert(match live.network_name(target) {
                Some(network) => format!("the network `{network}` is gone, which `{name}` uses"),
                None => format!("a network of `{name}` is gone (its id was {target})"),
            });
        }
        for used in naming::references_in(spec) {
            // By its id: another of the same name has another content.
            if !live.files(used.kind).iter().any(|object| object.id == used.id) {
                gone.insert(format!("the {} `{}` is gone, which `{name}` uses", used.kind, used.name));
            }
        }
    }
    gone.into_iter().collect()
}
