//! The strategy `recreate`: everything is removed once the gates are crossed, waited for until it is really gone, and made
//! anew; refused or turned into the other strategy while others use the networks; put back, continued, gone back from.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;
mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deploy::{
    Action, Back, Deployed, Error, Event, IfInUse, Interrupt, Options, PlanSummary, Restored, Strategy, Wish,
};
use deploys::{deploy_text, desired, options, silence};
use engine::{Api, Filter, TaskFilter};
use serde_json::{Value, json};
use sim::{Behaviour, Faults, Halt, Sim, Snapshot};

const STRATEGY: Strategy = Strategy::Recreate;

/// The stack in a release whose back network has another subnet than in the one before.
fn stack(release: u32) -> String {
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

fn gate(rows: &str) -> Behaviour {
    let report = format!(
        r#"{{"event":"report","run":"${{TIDEGATE_RUN}}","rows":["{rows}"],"heads":["{rows}"],"applied":["{rows}"],"outcome":"migrated","error":null,"message":"m"}}"#
    );
    Behaviour::exits_after(Duration::from_secs(2), 0).says(Duration::from_secs(1), report)
}

/// Managers with the first release of the stack.
async fn world(seed: u64) -> Sim {
    let sim = Sim::new(seed);
    for release in 1..=3 {
        sim.behave(&format!("migrate:{release}"), gate(&format!("r{release}")));
    }
    deploy_text(&sim.another(), &stack(1), "first").await.unwrap();
    sim
}

fn recreating(run: &str) -> Options {
    let mut options = options(run);
    options.plan.strategy = Some(STRATEGY);
    options
}

async fn recreate(caller: &Sim, release: u32, options: &Options) -> Result<Deployed, Error> {
    deploy::deploy(caller, desired("shop", &stack(release)), options, &silence).await
}

async fn plan(sim: &Sim, release: u32, options: &Options) -> PlanSummary {
    let caller = sim.another();
    let (summary, _) =
        deploy::make_plan(&caller, desired("shop", &stack(release)), options, &silence).await.unwrap();
    assert_eq!(caller.write_count(), 0, "{:?}", caller.writes());
    summary
}

/// What is there: every service's spec with its networks' names in place of their ids, and every network.
#[derive(Debug, PartialEq)]
struct Seen {
    specs: BTreeMap<String, Value>,
    networks: BTreeMap<String, Value>,
}

async fn seen(sim: &Sim) -> Seen {
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
    fn images(&self) -> Vec<&str> {
        let specs = self.specs.values();
        specs.filter_map(|spec| spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str()).collect()
    }

    fn subnet(&self) -> &str {
        self.networks["shop_back"][0]["Config"][0]["Subnet"].as_str().unwrap()
    }
}

async fn ids(sim: &Sim) -> Vec<String> {
    let networks = sim.networks(&Filter::stack("shop")).await.unwrap();
    networks.iter().map(|network| network.id().to_owned()).collect()
}

/// Specs as they were, but for what says how they came about.
fn content(seen: Seen) -> Seen {
    let mut seen = seen;
    for spec in seen.specs.values_mut() {
        spec["Labels"].as_object_mut().unwrap().remove("tidegate.release");
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn everything_is_made_anew_once_the_gate_is_crossed() {
    let sim = world(1).await;
    let before = ids(&sim).await;
    let planned = plan(&sim, 2, &recreating("plan")).await;
    let told = planned.recreate.clone().unwrap();
    assert!(told.costs[0].starts_with("every service of the stack is removed"), "{told:?}");
    assert_eq!(told.networks[0].network, "shop_back");
    assert_eq!(told.networks[0].changes, ["its addresses are 10.1.0.0/24, not 10.2.0.0/24"]);
    let actions: Vec<(&str, bool)> = planned
        .waves
        .iter()
        .flat_map(|wave| &wave.services)
        .map(|service| (service.service.as_str(), matches!(service.action, Action::Replace { .. })))
        .collect();
    assert_eq!(actions, [("db", true), ("migrate", false), ("api", true), ("worker", true)]);
    // Going service by service says that it does not change the network.
    let rolling = plan(&sim, 2, &options("plan")).await;
    assert!(rolling.recreate.is_none());
    assert!(
        rolling.warnings.iter().any(|warning| warning.contains("--strategy recreate makes it anew")),
        "{rolling:?}"
    );

    let caller = sim.another();
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let sink = move |event: Event| heard.lock().unwrap().push(serde_json::to_value(event).unwrap());
    deploy::deploy(&caller, desired("shop", &stack(2)), &recreating("second"), &sink).await.unwrap();
    let after = seen(&sim).await;
    assert_eq!(after.images(), ["api:2", "db:1", "worker:2"]);
    assert_eq!(after.subnet(), "10.2.0.0/24");
    assert!(ids(&sim).await.iter().all(|id| !before.contains(id)));

    let phases: Vec<Value> = events
        .lock()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "recreating")
        .map(|event| event["phase"].clone())
        .collect();
    assert_eq!(phases, ["removing", "gone"]);
    // The gate first, then the applications, then what they need; and back in the order of the waves.
    let writes = caller.writes();
    let at = |what: &str| {
        writes.iter().rposition(|write| write == what).unwrap_or_else(|| panic!("{what}: {writes:?}"))
    };
    assert!(at("create the service shop_migrate-r2") < at("create the service shop_recreate-r2"));
    assert!(at("create the service shop_recreate-r2") < at("create the network shop_back"));
    assert!(at("create the network shop_back") < at("create the service shop_db"));
    assert!(at("create the service shop_db") < at("create the service shop_api"));
    let releases = deploy::releases(&sim, "shop").await.unwrap();
    assert_eq!((releases[1].state, releases[1].rows.clone()), ("succeeded", Some(vec!["r2".to_owned()])));

    // Told again it is done again; without a word there is nothing to do.
    assert!(!recreate(&sim.another(), 2, &options("third")).await.unwrap().changed);
    let ids_before = ids(&sim).await;
    let told_again = plan(&sim, 2, &recreating("plan")).await;
    assert!(told_again.recreate.unwrap().costs.iter().any(|cost| cost.contains("--strategy rolling")));
    assert!(recreate(&sim.another(), 2, &recreating("fourth")).await.unwrap().changed);
    assert!(ids(&sim).await.iter().all(|id| !ids_before.contains(id)));
    assert_eq!(shape(content(seen(&sim).await)), shape(content(after)));
}

#[tokio::test(start_paused = true)]
async fn by_the_files_word_only_what_has_something_to_do_is_recreated() {
    let file = |release: u32| format!("x-tidegate: {{ strategy: recreate }}\n{}", stack(release));
    let sim = world(2).await;
    let before = ids(&sim).await;
    // The word alone is no change.
    assert!(!deploy_text(&sim.another(), &file(1), "second").await.unwrap().changed);
    deploy_text(&sim.another(), &file(2), "third").await.unwrap();
    assert!(ids(&sim).await.iter().all(|id| !before.contains(id)));
    let caller = sim.another();
    assert!(!deploy_text(&caller, &file(2), "fourth").await.unwrap().changed);
    assert_eq!(caller.write_count(), 0, "{:?}", caller.writes());
    // The command line's word counts more.
    let before = ids(&sim).await;
    let mut rolling = options("fifth");
    rolling.plan.strategy = Some(Strategy::Rolling);
    deploy::deploy(&sim.another(), desired("shop", &file(3)), &rolling, &silence).await.unwrap();
    assert_eq!(ids(&sim).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_fails_has_removed_nothing() {
    let sim = world(3).await;
    let (before, networks) = (seen(&sim).await, ids(&sim).await);
    let tasks = sim.tasks(&TaskFilter::stack("shop")).await.unwrap().len();
    sim.behave("migrate:2", Behaviour::exits_after(Duration::from_secs(1), 1));
    let caller = sim.another();
    let error = recreate(&caller, 2, &recreating("second")).await.unwrap_err();
    assert!(matches!(&error, Error::Gate { restored: Restored::Whole, .. }), "{error:?}");
    assert_eq!((seen(&sim).await, ids(&sim).await), (before, networks));
    let gates = sim.tasks(&TaskFilter::stack("shop")).await.unwrap().len() - tasks;
    assert_eq!(gates, 1, "no task but the gate's is new");
}

#[tokio::test(start_paused = true)]
async fn who_uses_the_networks_is_named_and_refused_or_makes_it_rolling() {
    let sim = world(4).await;
    let job = json!({ "Name": "jobs_run", "Labels": { "com.docker.stack.namespace": "jobs" }, "TaskTemplate": {
        "ContainerSpec": { "Image": "job:1" }, "Networks": [{ "Target": "shop_back" }] } });
    sim.create_service(&job, None).await.unwrap();
    assert!(sim.attach("shop_back", "execution-7"));
    assert!(!sim.attach("shop_front", "execution-8"), "it is not attachable");
    let before = seen(&sim).await;

    let planned = plan(&sim, 2, &recreating("plan")).await;
    assert_eq!(planned.recreate.unwrap().in_use.len(), 2);
    let caller = sim.another();
    let error = recreate(&caller, 2, &recreating("second")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "stack `shop` is not recreated, because its networks are used from outside it: container `execution-7` on node \
         `node-1` uses network `shop_back`, service `jobs_run` uses network `shop_back`"
    );
    assert_eq!((caller.write_count(), seen(&sim).await), (0, before));

    let networks = ids(&sim).await;
    let mut either = recreating("third");
    either.plan.if_in_use = Some(IfInUse::Rolling);
    let planned = plan(&sim, 2, &either).await;
    assert!(planned.recreate.is_none());
    assert!(
        planned
            .warnings
            .iter()
            .any(|warning| warning.contains("service by service: container `execution-7`")),
        "{planned:?}"
    );
    recreate(&sim.another(), 2, &either).await.unwrap();
    assert_eq!(seen(&sim).await.images(), ["api:2", "db:1", "worker:2"]);
    assert_eq!(ids(&sim).await, networks);

    // Nobody uses them any more.
    sim.remove_service("jobs_run").await.unwrap();
    sim.detach("execution-7");
    recreate(&sim.another(), 3, &either).await.unwrap();
    assert_eq!(seen(&sim).await.subnet(), "10.3.0.0/24");
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_the_gate_runs_is_seen_before_anything_goes() {
    for rolling in [false, true] {
        let sim = world(5).await;
        let mut options = recreating("second");
        options.plan.if_in_use = rolling.then_some(IfInUse::Rolling);
        let (before, networks) = (seen(&sim).await, ids(&sim).await);
        let caller = sim.another();
        let late = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(sim.attach("shop_back", "late"));
        };
        let (ended, ()) = tokio::join!(recreate(&caller, 2, &options), late);
        assert_eq!(ids(&sim).await, networks);
        if rolling {
            ended.unwrap();
            assert_eq!(seen(&sim).await.images(), ["api:2", "db:1", "worker:2"]);
        } else {
            let error = ended.unwrap_err();
            assert!(matches!(&error, Error::Rollout { restored: Restored::Whole, .. }), "{error:?}");
            assert!(error.to_string().contains("container `late`"), "{error}");
            assert_eq!(seen(&sim).await, before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_drains_is_waited_for_and_what_does_not_end_is_named_and_put_back() {
    let sim = world(6).await;
    sim.behave("api:2", Behaviour::default().stops_in(Duration::from_secs(9)));
    recreate(&sim.another(), 2, &recreating("second")).await.unwrap();
    let begun = sim.now();
    recreate(&sim.another(), 3, &recreating("third")).await.unwrap();
    assert!(sim.now().saturating_sub(begun) > Duration::from_secs(9));
    assert_eq!(seen(&sim).await.subnet(), "10.3.0.0/24");

    // Somebody attaches a container in the middle of the removal: the network cannot go, and that is said.
    let before = seen(&sim).await;
    let caller = sim.another();
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let other = sim.another();
    let sink = move |event: Event| {
        if matches!(&event, Event::Recreating { phase: "removing", .. }) {
            assert!(other.attach("shop_back", "stubborn"));
        }
        heard.lock().unwrap().push(serde_json::to_string(&event).unwrap());
    };
    let error =
        deploy::deploy(&caller, desired("shop", &stack(2)), &recreating("fourth"), &sink).await.unwrap_err();
    assert!(matches!(&error, Error::Rollout { restored: Restored::Whole, .. }), "{error:?}");
    assert!(
        error.to_string().contains("container `stubborn` on node `node-1` uses network `shop_back`"),
        "{error}"
    );
    assert_eq!(content(seen(&sim).await), content(before));
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_removal_puts_back_specs_and_networks() {
    for image in ["api:2", "worker:2"] {
        let sim = world(7).await;
        let (before, networks) = (seen(&sim).await, ids(&sim).await);
        sim.behave(image, Behaviour::exits_after(Duration::from_secs(1), 3));
        let error = recreate(&sim.another(), 2, &recreating("second")).await.unwrap_err();
        let Error::Rollout { restored, database, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*restored, Restored::Whole, "{error:?}");
        assert!(database.as_ref().is_some_and(|words| words.contains("r2")), "{database:?}");
        assert_eq!(seen(&sim).await, before, "field for field, with the subnets that they had");
        assert!(ids(&sim).await.iter().all(|id| !networks.contains(id)), "they were made again");
        // What was put back is known: nobody has changed anything, and the first release has nothing to do.
        assert!(!recreate(&sim.another(), 1, &options("third")).await.unwrap().changed);
        sim.behave(image, Behaviour::default());
        recreate(&sim.another(), 2, &recreating("fourth")).await.unwrap();
        assert_eq!(seen(&sim).await.subnet(), "10.2.0.0/24");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_third_call_and_run_again_it_ends_in_the_same_place() {
    let sim = world(8).await;
    let first = sim.snapshot();
    let caller = sim.another();
    recreate(&caller, 2, &recreating("second")).await.unwrap();
    let (wanted, calls) = (content(seen(&sim).await), caller.call_count());
    for at in (1..calls).step_by(3) {
        let sim = killed(&first, at).await;
        let starts = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&starts);
        sim.behave("migrate:2", gate("r2").on_start(move |_| *counted.lock().unwrap() += 1));
        let continued = recreate(&sim.another(), 2, &recreating("third")).await;
        continued.unwrap_or_else(|error| panic!("killed at call {at} of {calls}: {error:?}"));
        assert_eq!(
            shape(content(seen(&sim).await)),
            shape(content_of(&wanted)),
            "killed at call {at} of {calls}"
        );
        assert!(*starts.lock().unwrap() <= 1, "killed at call {at}: the gate ran again and again");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_sixth_call_the_way_back_is_to_what_was_before() {
    let sim = world(8).await;
    let (before, first) = (content(seen(&sim).await), sim.snapshot());
    let caller = sim.another();
    recreate(&caller, 2, &recreating("second")).await.unwrap();
    for at in (1..caller.call_count()).step_by(6) {
        let sim = killed(&first, at).await;
        let to = Back { release: Some(1), with_migrations: false };
        let back = deploy::rollback(&sim.another(), "shop", to, &options("third"), &silence).await;
        back.unwrap_or_else(|error| panic!("killed at call {at}: {error:?}"));
        let after = content(seen(&sim).await);
        // Once the release has its record the way back is a release like any other, and leaves networks as they are.
        let released = deploy::releases(&sim, "shop").await.unwrap();
        if released.iter().any(|release| release.number == 2 && release.state == "succeeded") {
            assert_eq!(after.images(), before.images(), "killed at call {at}");
        } else {
            assert_eq!(shape(after), shape(content_of(&before)), "killed at call {at}");
        }
    }
}

/// Managers on which the second release was killed at this call.
async fn killed(first: &Snapshot, at: u64) -> Sim {
    let sim = Sim::resume(first, at);
    let caller = sim.another();
    caller.halt_at(Halt::AfterCall(at));
    let options = recreating("second");
    tokio::select! {
        _ = recreate(&caller, 2, &options) => {}
        () = tokio::time::sleep(Duration::from_mins(5)) => {}
    }
    sim
}

fn content_of(seen: &Seen) -> Seen {
    Seen { specs: seen.specs.clone(), networks: seen.networks.clone() }
}

/// Without the addresses that the managers chose, the stack's key, and how often a service was forced.
fn shape(mut seen: Seen) -> Seen {
    for spec in seen.specs.values_mut() {
        spec["Labels"].as_object_mut().unwrap().remove("tidegate.seal");
        spec["TaskTemplate"].as_object_mut().unwrap().remove("ForceUpdate");
    }
    seen.networks.get_mut("shop_front").unwrap()[0] = Value::Null;
    seen
}

#[tokio::test(start_paused = true)]
async fn stopped_at_any_second_it_is_put_back_or_left_and_continued() {
    let first = world(12).await.snapshot();
    for second in (0..30).step_by(2) {
        for wish in [Wish::RollBack, Wish::Leave] {
            let sim = Sim::resume(&first, second);
            let before = content(seen(&sim).await);
            let (interrupter, interrupt) = Interrupt::channel();
            let options = Options { interrupt, ..recreating("second") };
            let caller = sim.another();
            let operator = async {
                tokio::time::sleep(Duration::from_secs(second)).await;
                interrupter.wish(wish);
            };
            match tokio::join!(recreate(&caller, 2, &options), operator).0 {
                Ok(_) => assert_eq!(seen(&sim).await.subnet(), "10.2.0.0/24"),
                Err(Error::Stopped { restored: Restored::Whole, .. }) => {
                    assert_eq!(content(seen(&sim).await), before, "stopped after {second} s");
                }
                Err(Error::Left { release: 2 }) if wish == Wish::Leave => {}
                other => panic!("stopped after {second} s: {other:?}"),
            }
            recreate(&sim.another(), 2, &recreating("third")).await.unwrap();
            assert_eq!(seen(&sim).await.subnet(), "10.2.0.0/24", "stopped after {second} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_faults_it_is_wholly_there_or_wholly_where_it_was() {
    let first = world(13).await.snapshot();
    for seed in 0..40 {
        let sim = Sim::resume(&first, seed);
        let before = content(seen(&sim).await);
        let caller = sim.another();
        caller.set_faults(Faults::by_seed(seed, 100));
        let ended = recreate(&caller, 2, &recreating("second")).await;
        match &ended {
            Ok(_) => assert_eq!(seen(&sim).await.subnet(), "10.2.0.0/24", "seed {seed}"),
            Err(
                Error::Rollout { restored: Restored::Whole, .. }
                | Error::Gate { restored: Restored::Whole, .. },
            ) if sim.foreign_services().is_empty() => {
                assert_eq!(content(seen(&sim).await), before, "seed {seed}: {ended:?}");
            }
            Err(_) => {}
        }
        // Some faults are somebody's edits.
        let mut again = recreating("third");
        again.plan.on_drift = deploy::OnDrift::Overwrite;
        recreate(&sim.another(), 2, &again).await.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        let after = seen(&sim).await;
        assert_eq!(
            (after.images(), after.subnet()),
            (vec!["api:2", "db:1", "worker:2"], "10.2.0.0/24"),
            "seed {seed}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_from_before_a_recreation_is_gone_back_to_on_todays_networks_or_on_its_own() {
    let sim = world(9).await;
    let before = content(seen(&sim).await);
    recreate(&sim.another(), 2, &recreating("second")).await.unwrap();
    let networks = ids(&sim).await;
    let to = Back { release: Some(1), with_migrations: false };
    let dry = deploy::plan_rollback(&sim, "shop", to, &options("plan")).await.unwrap();
    assert!(dry.warnings.iter().any(|warning| warning.contains("10.2.0.0/24, not 10.1.0.0/24")), "{dry:?}");
    deploy::rollback(&sim.another(), "shop", to, &options("third"), &silence).await.unwrap();
    let after = content(seen(&sim).await);
    assert_eq!(
        (shape(content_of(&after)).specs, ids(&sim).await),
        (shape(content_of(&before)).specs, networks)
    );
    assert_eq!(after.subnet(), "10.2.0.0/24");
    // It is release 1 again, so there is nothing to do; unless its networks are wanted too.
    let to = Back { release: Some(1), with_migrations: false };
    assert!(
        !deploy::rollback(&sim.another(), "shop", to, &options("fourth"), &silence).await.unwrap().changed
    );
    deploy::rollback(&sim.another(), "shop", to, &recreating("fifth"), &silence).await.unwrap();
    assert_eq!(shape(content(seen(&sim).await)), shape(before));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_the_file_does_not_have_is_made_again_and_volumes_and_secrets_stay() {
    let sim = world(10).await;
    let extra = json!({
        "Name": "shop_extra", "Labels": { "com.docker.stack.namespace": "shop" },
        "TaskTemplate": { "ContainerSpec": { "Image": "extra:1" }, "Networks": [{ "Target": "shop_back" }] },
    });
    sim.create_service(&extra, None).await.unwrap();
    let before = seen(&sim).await.specs["shop_extra"].clone();
    recreate(&sim.another(), 2, &recreating("second")).await.unwrap();
    assert_eq!(seen(&sim).await.specs["shop_extra"], before);
    let mut pruned = recreating("third");
    pruned.plan.prune = true;
    recreate(&sim.another(), 3, &pruned).await.unwrap();
    assert!(!seen(&sim).await.specs.contains_key("shop_extra"));
}

#[tokio::test(start_paused = true)]
async fn an_edit_in_the_middle_is_not_removed() {
    let sim = world(11).await;
    let caller = sim.another();
    let sink = |event: Event| {
        if matches!(&event, Event::Recreating { phase: "removing", .. }) {
            assert!(sim.edit_service("shop_db", |spec| spec["Labels"]["edited-by"] = "somebody".into()));
        }
    };
    let error =
        deploy::deploy(&caller, desired("shop", &stack(2)), &recreating("second"), &sink).await.unwrap_err();
    assert!(error.to_string().contains("service `db`: somebody else changed it meanwhile"), "{error}");
    assert!(sim.overwritten().is_empty(), "{:?}", sim.overwritten());
    let after = seen(&sim).await;
    assert_eq!(after.images(), ["api:1", "db:1", "worker:1"]);
    assert_eq!(after.specs["shop_db"]["Labels"]["edited-by"], "somebody");
}
