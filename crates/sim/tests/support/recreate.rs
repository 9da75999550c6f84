//! A stack whose releases want different subnets, the deploys that recreate it, and what is then there.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeMap;
use std::time::Duration;

use deploy::{Deployed, Error, Options, PlanSummary, Strategy};
use engine::{Api, Filter};
use serde_json::{Value, json};
use sim::{Behaviour, Sim};

use super::deploys::{deploy_text, desired, options, silence};

pub(crate) const STRATEGY: Strategy = Strategy::Recreate;

/// The stack in a release whose back network has another subnet than in the one before.
pub(crate) fn stack(release: u32) -> String {
    format!(
        "services:
  db: {{ image: 'db:1', networks: [back] }}
  migrate:
    image: 'migrate:{release}'
    command: [tidegate, migrate]
    networks: [back]
    depends_on: [db]
    deploy: {{ restart_policy: {{ condition: none }}, labels: {{ tidegate.gate: 'true' }} }}
  api:
    image: 'api:{release}'
    networks: [back, front]
    depends_on: [migrate]
    deploy: {{ replicas: 2, update_config: {{ monitor: 2s }} }}
  worker: {{ image: 'worker:{release}', networks: [back], depends_on: [migrate] }}
networks:
  back: {{ attachable: true, ipam: {{ config: [{{ subnet: 10.{release}.0.0/24 }}] }} }}
  front: {{}}
"
    )
}

pub(crate) fn gate(rows: &str) -> Behaviour {
    let report = format!(
        r#"{{"event":"report","run":"${{TIDEGATE_RUN}}","rows":["{rows}"],"heads":["{rows}"],"applied":["{rows}"],"outcome":"migrated","error":null,"message":"m"}}"#
    );
    Behaviour::exits_after(Duration::from_secs(2), 0).says(Duration::from_secs(1), report)
}

/// Managers with the first release of the stack.
pub(crate) async fn world(seed: u64) -> Sim {
    let sim = Sim::new(seed);
    for release in 1..=3 {
        sim.behave(&format!("migrate:{release}"), gate(&format!("r{release}")));
    }
    deploy_text(&sim.another(), &stack(1), "first").await.unwrap();
    sim
}

pub(crate) fn recreating(run: &str) -> Options {
    let mut options = options(run);
    options.plan.strategy = Some(STRATEGY);
    options
}

pub(crate) async fn recreate(caller: &Sim, release: u32, options: &Options) -> Result<Deployed, Error> {
    deploy::deploy(caller, desired("shop", &stack(release)), options, &silence).await
}

pub(crate) async fn plan(sim: &Sim, release: u32, options: &Options) -> PlanSummary {
    let caller = sim.another();
    let (summary, _) =
        deploy::make_plan(&caller, desired("shop", &stack(release)), options, &silence).await.unwrap();
    assert_eq!(caller.write_count(), 0, "{:?}", caller.writes());
    summary
}

/// What is there: every service's spec with its networks' names in place of their ids, and every network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) specs: BTreeMap<String, Value>,
    pub(crate) networks: BTreeMap<String, Value>,
}

pub(crate) async fn seen(sim: &Sim) -> Seen {
    let networks = sim.networks(&Filter::stack("shop")).await.unwrap();
    let names: BTreeMap<&str, &str> = networks.iter().map(|network| (network.id(), network.name())).collect();
    let mut specs = BTreeMap::new();
    for service in sim.services(&Filter::stack("shop")).await.unwrap() {
        if service.name().contains("migrate") {
            continue;
        }
        let mut spec = Value::clone(&service.spec);
        for network in spec["TaskTemplate"]["Networks"].as_array_mut().into_iter().flatten() {
            let name = names.get(network["Target"].as_str().unwrap());
            network["Target"] = json!(name.unwrap_or_else(|| panic!("a network that is gone: {network}")));
        }
        specs.insert(service.name().to_owned(), spec);
    }
    let shape = |raw: &Value| json!([raw["IPAM"], raw["Attachable"], raw["Options"], raw["Labels"]]);
    let networks = networks.iter().map(|network| (network.name().to_owned(), shape(&network.raw)));
    Seen { networks: networks.collect(), specs }
}

impl Seen {
    pub(crate) fn images(&self) -> Vec<&str> {
        let specs = self.specs.values();
        specs.filter_map(|spec| spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str()).collect()
    }

    pub(crate) fn subnet(&self) -> &str {
        self.networks["shop_back"][0]["Config"][0]["Subnet"].as_str().unwrap()
    }
}

pub(crate) async fn ids(sim: &Sim) -> Vec<String> {
    let networks = sim.networks(&Filter::stack("shop")).await.unwrap();
    networks.iter().map(|network| network.id().to_owned()).collect()
}

/// Specs as they were, but for what says how they came about.
pub(crate) fn content(seen: Seen) -> Seen {
    let mut seen = seen;
    for spec in seen.specs.values_mut() {
        spec["Labels"].as_object_mut().unwrap().remove("tidegate.release");
    }
    seen
}

/// Without the addresses that the managers chose, the stack's key, and how often a service was forced.
pub(crate) fn shape(mut seen: Seen) -> Seen {
    for spec in seen.specs.values_mut() {
        spec["Labels"].as_object_mut().unwrap().remove("tidegate.seal");
        spec["TaskTemplate"].as_object_mut().unwrap().remove("ForceUpdate");
    }
    seen.networks.get_mut("shop_front").unwrap()[0] = Value::Null;
    seen
}
