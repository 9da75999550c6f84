//! The plan: what is wanted, against what the last release left, against what is live. Pure.
//!
//! Unchanged services are not touched (decision 6); a foreign change stops the plan unless the operator says
//! otherwise (decision 5); a plan with nothing in it writes nothing (invariant 8).

mod past;
pub(crate) mod recreate;
mod summary;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::FileKind;
use serde::Serialize;
use serde_json::Value;

use crate::gate;
use crate::live::{FileState, Live};
use crate::networks::{self, Networks};
use crate::release::{Release, Specs};
use crate::spec::{self, Change, RELEASE_LABEL, SPEC_LABEL, covers, same};
use crate::strategy::{IfInUse, Strategy};
use crate::target::{Target, Wanted};
use past::History;
use recreate::Recreation;
pub use recreate::{NetworkSummary, RecreateSummary};
pub use summary::{PlanSummary, ServiceSummary, WaveSummary};
use undo::undo;

/// What to do about a change that somebody else made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDrift {
    /// Stop and show it.
    #[default]
    Stop,
    /// Leave it as it is, and change what the stack file has changed besides.
    Keep,
    /// Replace it by what the stack file says.
    Overwrite,
}

/// What the operator asks of a plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanOptions {
    /// What to do about foreign changes.
    pub on_drift: OnDrift,
    /// Remove services that the stack file no longer has.
    pub prune: bool,
    /// How many services of a wave go at the same time; `None` for all of them.
    pub parallel: Option<std::num::NonZeroUsize>,
    /// How the release is carried out; `None` leaves it to the stack file.
    pub strategy: Option<Strategy>,
    /// What to do when something outside the stack uses networks that would be removed; `None` leaves it to the stack file.
    pub if_in_use: Option<IfInUse>,
}

/// What a deploy would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number the release gets.
    pub number: u64,
    /// An interrupted release of the same content is continued.
    pub resumes: bool,
    /// An interrupted release of another content, which this one takes over from.
    pub supersedes: Option<u64>,
    /// The waves.
    pub waves: Vec<PlannedWave>,
    /// Networks, secrets and configs to create: kind and full name.
    pub creates: Vec<(&'static str, String)>,
    /// Secrets and configs whose labels are to be updated: kind and full name.
    pub updates: Vec<(&'static str, String)>,
    /// Secrets and configs whose content changed, which the engine refuses: kind and full name.
    pub changed_content: Vec<(&'static str, String)>,
    /// Services to remove at the end: full names.
    pub removes: Vec<String>,
    /// Changes that others made since the last release.
    pub foreign: Vec<Foreign>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What becomes of it if it fails, and what cannot be taken back.
    pub undo: Vec<String>,
    /// The specs to compare with before each write: what is live now, by full name.
    pub base: BTreeMap<String, Arc<Value>>,
    /// What everything goes back to if it fails.
    pub previous: Specs,
    /// The release that is in force, if one is: services that are as it left them have proved themselves.
    pub in_force: Option<u64>,
    /// Nothing is to be done.
    pub empty: bool,
    /// The networks that everything goes back to if it fails, and the names of the others that services used.
    pub(crate) networks: Networks,
    /// The names of networks by id, of those too that are gone.
    pub(crate) network_names: BTreeMap<String, String>,
    /// How the stack is recreated; `None` to go service by service.
    pub(crate) recreate: Option<Recreation>,
}

/// Services that go together.
#[derive(Clone, Debug)]
pub struct PlannedWave {
    /// Whether these are gates.
    pub gate: bool,
    /// What is done to which service.
    pub services: Vec<PlannedService>,
}

/// What is done to a service.
#[derive(Clone, Debug)]
pub struct PlannedService {
    /// Its name in the stack file.
    pub key: String,
    /// Its full name.
    pub name: String,
    /// What is done.
    pub action: Action,
}

/// What is done to a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// It is not there.
    Create,
    /// It is different.
    Update {
        /// In what.
        changes: Vec<Change>,
    },
    /// It is removed and made again: it has another mode (replicated, global, a job), which the engine cannot change, or the
    /// stack is recreated.
    Replace {
        /// What is different.
        changes: Vec<Change>,
    },
    /// It is as it should be.
    Unchanged,
    /// The gate is run.
    Run,
    /// The gate was crossed by a release with the same content, and nothing has changed since.
    Skip,
}

/// A change that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Foreign {
    /// The service's full name.
    pub service: String,
    /// What is different from what the last release left.
    pub changes: Vec<Change>,
}

/// Makes the plan.
pub(crate) fn plan(target: &Target, live: &Live, options: PlanOptions) -> Plan {
    let history = History::of(&live.releases);
    let interrupted = history.interrupted;
    let resumes = interrupted.is_some_and(|release| release.intent.digest == target.digest);
    let number = match interrupted {
        Some(release) if resumes => release.intent.number,
        _ => history.last_number + 1,
    };
    let mut plan = Plan {
        number,
        resumes,
        supersedes: interrupted.filter(|_| !resumes).map(|release| release.intent.number),
        waves: Vec::new(),
        creates: creates(target, live),
        updates: files(live, target, FileState::LabelsDiffer),
        changed_content: files(live, target, FileState::ContentDiffers),
        removes: Vec::new(),
        foreign: Vec::new(),
        undo: Vec::new(),
        warnings: target.order.warnings.clone(),
        base: live.services.clone(),
        previous: previous(target, live, history.unfinished),
        in_force: history.settled.map(|outcome| outcome.number),
        empty: false,
        networks: before(live, history.unfinished),
        network_names: BTreeMap::new(),
        recreate: None,
    };
    let recorded = plan.networks.iter().map(|(id, body)| (id.clone(), networks::name(body).to_owned()));
    plan.network_names =
        live.former_networks.clone().into_iter().chain(recorded).chain(live.networks.clone()).collect();
    plan.foreign = foreign(live);
    if history.sealed {
        plan.warnings.push(
            "the records of earlier releases were sealed with a key that is gone: changes that others made since cannot be seen"
                .to_owned(),
        );
    }
    for gate in
        target.services.values().filter(|wanted| wanted.gate && live.services.contains_key(&wanted.name))
    {
        plan.warnings.push(format!(
            "service `{}` gives way to the gate: it is ended before the gate runs if it still runs, and removed once this \
             release has succeeded",
            gate.name
        ));
    }
    orphans(target, live, options, &mut plan);
    waves(target, live, &history, options.on_drift == OnDrift::Keep, &mut plan);
    recreate::decide(target, live, options, &mut plan);
    plan.undo = undo(target, &plan, live);
    plan
}

fn creates(target: &Target, live: &Live) -> Vec<(&'static str, String)> {
    let networks = target.networks.iter().map(|(name, _)| ("network", name));
    let networks = networks.filter(|(_, name)| is_to_make(target, live, name));
    let secrets = target.secrets.iter().map(|object| ("secret", &object.name));
    let configs = target.configs.iter().map(|object| ("config", &object.name));
    let files = secrets.chain(configs).filter(|(kind, name)| !live.has(kind, name));
    networks.chain(files).map(|(kind, name)| (kind, name.clone())).collect()
}

/// Whether a network has to be made: one that no service uses may be going, so it is made anew. Going back to an earlier
/// release, whose specs name it by its id, it is left alone.
pub(crate) fn is_to_make(target: &Target, live: &Live, name: &str) -> bool {
    match target.returns_to {
        Some(_) => !live.has("network", name),
        None => live.network_in_use(name).is_none(),
    }
}

/// The secrets and configs that are there in a certain state.
fn files(live: &Live, target: &Target, state: FileState) -> Vec<(&'static str, String)> {
    let of = |kind: FileKind, objects: &[stackfile::ObjectBody]| {
        let found = objects.iter().filter(|object| live.file_state(kind, object) == Some(state));
        found.map(|object| (kind.as_str(), object.name.clone())).collect::<Vec<_>>()
    };
    [of(FileKind::Secret, &target.secrets), of(FileKind::Config, &target.configs)].concat()
}

/// What a failed release goes back to: what was before it, or before the one that it takes over from, which was interrupted or
/// could not be put back whole.
fn previous(target: &Target, live: &Live, unfinished: Option<&Release>) -> Specs {
    let mut previous: Specs =
        live.services.iter().map(|(name, spec)| (name.clone(), Some(spec.clone()))).collect();
    for name in target.services.values().filter(|wanted| !wanted.gate).map(|wanted| &wanted.name) {
        previous.entry(name.clone()).or_insert(None);
    }
    if let Some(release) = unfinished.filter(|release| release.opened && !planted!(MixedIsPrevious)) {
        previous.extend(release.intent.previous.clone());
    }
    previous.retain(|_, spec| spec.as_ref().is_none_or(|spec| !is_gate_run(spec)));
    previous
}

/// The networks that a failed release goes back to, by the same rule.
fn before(live: &Live, unfinished: Option<&Release>) -> Networks {
    let recorded = unfinished.filter(|release| release.opened && !release.intent.networks.is_empty());
    match recorded {
        Some(release) => release.intent.networks.clone(),
        None => live.networks_of(live.services.values()),
    }
}

/// A service that is one run of a gate, not a service of the stack file.
pub(crate) fn is_gate_run(spec: &Value) -> bool {
    gate::run_of(spec).is_some() && spec::label(spec, spec::GATE_LABEL) == Some("true")
}

/// The specs that the last finished release left, as far as its record can be read.
pub(crate) fn recorded(releases: &[Release]) -> Option<&Specs> {
    History::of(releases).specs
}

/// What others changed since.
pub(crate) fn foreign(live: &Live) -> Vec<Foreign> {
    let history = History::of(&live.releases);
    let mut foreign = Vec::new();
    for (name, spec) in &live.services {
        let recorded = history.specs.and_then(|specs| specs.get(name)).and_then(Option::as_deref);
        let made = history.made(name);
        let is_known = recorded.is_some_and(|recorded| same(recorded, spec));
        if is_known || in_flight(spec, name, live, history.unfinished) {
            continue;
        }
        let changes = match (recorded, made) {
            (Some(recorded), _) => spec::diff(recorded, spec),
            (None, Some(made)) => {
                spec::update_diff(&live.localise(spec), made).into_iter().map(turned).collect()
            }
            (None, None) => continue,
        };
        foreign.push(Foreign { service: name.clone(), changes });
    }
    foreign
}

fn turned(change: Change) -> Change {
    Change { path: change.path, before: change.after, after: change.before }
}

/// Whether a live spec is what an unfinished release made, or left as it was. That its label names the release is not
/// enough: somebody who edits a service by hand keeps its labels. Nor is it that the spec says all that was asked for, because
/// the engine fills in fields as well: so what the service was before its last update is looked at. If that is what the release
/// asked for too, somebody else has written since, and the difference is theirs.
fn in_flight(spec: &Value, name: &str, live: &Live, unfinished: Option<&Release>) -> bool {
    unfinished.is_some_and(|release| {
        let of = |specs: &Specs| specs.get(name).cloned().flatten();
        let left = of(&release.intent.previous).is_some_and(|before| same(&before, spec));
        let number = release.intent.number.to_string();
        let answers = |spec: &Value| {
            spec::label(spec, RELEASE_LABEL) == Some(number.as_str())
                && of(&release.intent.wanted).is_some_and(|wanted| covers(&wanted, &live.localise(spec)))
        };
        let changed_since =
            || live.before.get(name).is_some_and(|before| !same(before, spec) && answers(before));
        left || (answers(spec) && !changed_since())
    })
}

/// Whether a live service is what is wanted.
fn is_done(wanted: &Wanted, live: &Live, name: &str) -> bool {
    live.services.get(name).is_some_and(|spec| {
        spec::label(spec, SPEC_LABEL) == Some(wanted.digest.as_str())
            && covers(&wanted.labelled(), &live.localise(spec))
    })
}

fn orphans(target: &Target, live: &Live, options: PlanOptions, plan: &mut Plan) {
    let unknown = live
        .services
        .iter()
        .filter(|(name, spec)| !target.services.contains_key(*name) && !is_gate_run(spec))
        .map(|(name, _)| name.clone());
    if options.prune {
        plan.removes = unknown.collect();
    } else {
        plan.warnings.extend(unknown.map(|name| {
            format!("service `{name}` is in the stack but not in the stack file; --prune removes it")
        }));
    }
}

fn waves(target: &Target, live: &Live, history: &History<'_>, keep: bool, plan: &mut Plan) {
    // What is kept is in what is wanted.
    let drifted: BTreeSet<&String> =
        plan.foreign.iter().filter(|_| !keep).map(|foreign| &foreign.service).collect();
    let action = |wanted: &Wanted| {
        let Some(spec) = live.services.get(&wanted.name) else { return Action::Create };
        if is_done(wanted, live, &wanted.name) && !drifted.contains(&wanted.name) {
            return Action::Unchanged;
        }
        let changes = spec::update_diff(&live.localise(spec), &wanted.body);
        if spec::mode(spec) == spec::mode(&wanted.body) {
            Action::Update { changes }
        } else {
            Action::Replace { changes }
        }
    };
    let mut ordinary: BTreeMap<&str, Action> = target
        .services
        .values()
        .filter(|wanted| !wanted.gate)
        .map(|wanted| (wanted.key.as_str(), action(wanted)))
        .collect();
    let by_key: BTreeMap<&str, &Wanted> =
        target.services.values().map(|wanted| (wanted.key.as_str(), wanted)).collect();
    let still = ordinary.values().all(|action| *action == Action::Unchanged)
        && plan.creates.is_empty()
        && plan.updates.is_empty()
        && plan.removes.is_empty()
        && (plan.foreign.is_empty() || keep);
    let settled =
        still && !plan.resumes && history.settled.is_some_and(|outcome| outcome.digest == target.digest);
    plan.empty = settled;
    plan.waves = target
        .order
        .waves
        .iter()
        .map(|wave| PlannedWave {
            gate: wave.gate,
            services: wave
                .services
                .iter()
                .filter_map(|key| by_key.get(key.as_str()))
                .map(|wanted| PlannedService {
                    key: wanted.key.clone(),
                    name: wanted.name.clone(),
                    action: match (wanted.gate, settled) {
                        (true, true) => Action::Skip,
                        (true, false) => Action::Run,
                        // Each service is in one wave.
                        (false, _) => ordinary.remove(wanted.key.as_str()).unwrap_or(Action::Unchanged),
                    },
                })
                .collect(),
        })
        .collect();
}

#[cfg(test)]
mod tests;
