//! Whether and how a release recreates the stack, and what in its networks is different. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Action, Plan, PlanOptions, PlannedService, PlannedWave, is_gate_run};
use crate::live::Live;
use crate::mark::Mark;
use crate::networks;
use crate::outsiders::NetworkUser;
use crate::strategy::{IfInUse, Strategy};
use crate::target::Target;

/// How a release recreates the stack.
#[derive(Clone, Debug)]
pub struct Recreation {
    /// The stack's own networks that are there: ids and names. All of them are removed.
    pub(crate) networks: BTreeMap<String, String>,
    /// What comes before the removal, in the stack that runs: the waves up to the last gate.
    pub(crate) before: Vec<PlannedWave>,
    /// What comes instead of the removal where something outside uses the networks and that is to mean so.
    pub(crate) instead: Vec<PlannedWave>,
    /// Services that the stack file does not have and that nobody asked to remove: made again as they were.
    pub(crate) kept: Vec<String>,
    /// The removal that an interrupted run of this release began.
    pub(crate) begun: Option<Mark>,
    /// An unfinished release has removed the stack, or a part of it.
    pub(crate) down: bool,
    /// What else uses the networks, so that the release is refused.
    pub(crate) in_use: Vec<NetworkUser>,
}

/// A recreation as output shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecreateSummary {
    /// The networks that are made anew.
    pub networks: Vec<NetworkSummary>,
    /// What it costs, in sentences.
    pub costs: Vec<String>,
    /// What outside the stack uses the networks: while there is anything, the deploy is refused.
    pub in_use: Vec<NetworkUser>,
}

/// A network that is made anew.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkSummary {
    /// Its full name.
    pub network: String,
    /// In what the one that is there is not what is wanted.
    pub changes: Vec<String>,
}

/// The mark that a removal left: this release's own, if there are several.
fn mark(live: &Live, number: u64) -> Option<Mark> {
    let marks = || live.services.values().filter_map(|spec| Mark::read(spec));
    marks().find(|mark| mark.number == number).or_else(|| marks().next())
}

/// The strategy that counts: what the command line says, else what the stack file does.
fn strategy(target: &Target, options: PlanOptions) -> Strategy {
    options.strategy.unwrap_or(target.settings.strategy)
}

/// What to do when something outside uses the networks.
pub(crate) fn if_in_use(target: &Target, options: PlanOptions) -> IfInUse {
    options.if_in_use.unwrap_or(target.settings.if_in_use)
}

/// Turns a plan that goes service by service into one that recreates, where that is asked for or has been begun. By the
/// stack file's word only what has something to do is recreated: a second run writes nothing.
pub(super) fn decide(target: &Target, live: &Live, options: PlanOptions, plan: &mut Plan) {
    let mark = mark(live, plan.number);
    let unfinished = plan.resumes || plan.supersedes.is_some() || plan.in_force.is_none();
    let down = mark.is_some() && unfinished;
    let there = live.services.values().any(|spec| !is_gate_run(spec));
    let asked = strategy(target, options) == Strategy::Recreate && there;
    let told = options.strategy == Some(Strategy::Recreate);
    if !(down || asked && (told || !plan.empty)) {
        plan.warnings.extend(different(target, live));
        return;
    }
    let begun = mark.filter(|mark| plan.resumes && mark.number == plan.number);
    let rolling = std::mem::take(&mut plan.waves);
    let gates = rolling.iter().rposition(|wave| wave.gate).map_or(0, |last| last + 1);
    let before = rolling[..gates].iter().map(|wave| run_gates(wave, begun.is_some())).collect::<Vec<_>>();
    plan.waves = shown(live, &before, &rolling, begun.is_some());
    plan.recreate = Some(Recreation {
        networks: live
            .own_networks
            .iter()
            .map(|(id, body)| (id.clone(), networks::name(body).to_owned()))
            .collect(),
        before,
        instead: rolling[gates..].to_vec(),
        kept: if options.prune { Vec::new() } else { kept(target, plan) },
        begun,
        down,
        in_use: Vec::new(),
    });
    plan.empty = false;
    plan.creates.retain(|(kind, name)| {
        *kind != "network" || !is_recorded(plan.networks.values(), &target.stack, name)
    });
}

/// Whether a network of the stack has a record that makes it again.
pub(crate) fn is_recorded<'b>(mut bodies: impl Iterator<Item = &'b Value>, stack: &str, name: &str) -> bool {
    bodies.any(|body| networks::name(body) == name && networks::is_of(stack, body))
}

/// Even where a release of this content is in force its gate runs: the database may have come to another state since.
fn run_gates(wave: &PlannedWave, crossed: bool) -> PlannedWave {
    let mut wave = wave.clone();
    for gate in wave.services.iter_mut().filter(|_| wave.gate) {
        gate.action = if crossed { Action::Skip } else { Action::Run };
    }
    wave
}

/// The waves as they are after the removal, with the gates where they run.
fn shown(live: &Live, before: &[PlannedWave], rolling: &[PlannedWave], crossed: bool) -> Vec<PlannedWave> {
    let action = |planned: &PlannedService| match &planned.action {
        Action::Update { changes } | Action::Replace { changes } => {
            Action::Replace { changes: changes.clone() }
        }
        Action::Unchanged if live.services.contains_key(&planned.name) => {
            Action::Replace { changes: Vec::new() }
        }
        other => other.clone(),
    };
    let again = |wave: &PlannedWave| {
        let mut wave = run_gates(wave, crossed);
        for planned in wave.services.iter_mut().filter(|_| !wave.gate) {
            planned.action = action(planned);
        }
        wave
    };
    debug_assert!(before.len() <= rolling.len());
    rolling.iter().map(again).collect()
}

/// Services of the stack that the file does not have. What they are made again from is what they were before: a run that was
/// interrupted may have removed them already.
fn kept(target: &Target, plan: &Plan) -> Vec<String> {
    let unknown =
        plan.previous.iter().filter(|(name, spec)| spec.is_some() && !target.services.contains_key(*name));
    unknown.map(|(name, _)| name.clone()).collect()
}

/// Networks that are there and are not what is wanted, which going service by service does not change.
fn different(target: &Target, live: &Live) -> Vec<String> {
    let differs = |(name, wanted): &(String, Value)| {
        let there = live.network_in_use(name).and_then(|id| live.own_networks.get(id))?;
        let changes = networks::differences(wanted, there);
        (!changes.is_empty()).then(|| {
            format!(
                "network `{name}` is not as it is wanted ({}), and one that is there is never changed: --strategy recreate \
                 makes it anew",
                changes.join("; ")
            )
        })
    };
    target.networks.iter().filter_map(differs).collect()
}

impl Recreation {
    /// For people and machines.
    pub(super) fn summary(&self, target: &Target, plan: &Plan) -> RecreateSummary {
        let names = self.networks.values().chain(target.networks.iter().map(|(name, _)| name));
        let mut names: Vec<&String> = names.collect();
        names.sort();
        names.dedup();
        let there = |name: &str| plan.networks.values().find(|body| networks::name(body) == name);
        let changes = |name: &str| {
            let wanted = target.networks.iter().find(|(wanted, _)| wanted == name);
            match (wanted, there(name)) {
                (Some((_, wanted)), Some(there)) => networks::differences(wanted, there),
                (None, _) => vec!["it is not wanted any more".to_owned()],
                (Some(_), None) => Vec::new(),
            }
        };
        let networks: Vec<NetworkSummary> = names
            .into_iter()
            .filter(|name| there(name).is_some())
            .map(|name| NetworkSummary { network: name.clone(), changes: changes(name) })
            .collect();
        let needless = networks.iter().all(|network| network.changes.is_empty());
        RecreateSummary { costs: self.costs(plan, needless), networks, in_use: self.in_use.clone() }
    }

    fn costs(&self, plan: &Plan, needless: bool) -> Vec<String> {
        if self.down {
            return vec![
                "an unfinished release has begun to remove the stack: what is left of it goes first"
                    .to_owned(),
            ];
        }
        let mut costs = vec![
            "every service of the stack is removed and made again: each of them is down from the removal until it has come \
             up again"
                .to_owned(),
        ];
        if plan.base.values().any(|spec| through_ingress(spec)) {
            costs.push(
                "each such cycle loses addresses of the ingress network: after about 125 of them tasks with published ports \
                 stay in `New` until the engine is started again"
                    .to_owned(),
            );
        }
        if needless {
            costs.push(
                "no network is different, so --strategy rolling gets to the same without being down"
                    .to_owned(),
            );
        }
        costs
    }
}

/// Whether a service publishes a port through the ingress network.
fn through_ingress(spec: &Value) -> bool {
    let ports = spec.pointer("/EndpointSpec/Ports").and_then(Value::as_array);
    let mode =
        |port: &Value| port.get("PublishMode").and_then(Value::as_str).unwrap_or("ingress") == "ingress";
    ports.into_iter().flatten().any(mode)
}
