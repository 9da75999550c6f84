//! The strategy `recreate`: everything is removed once the gates are crossed, waited for until it is really gone, and made
//! anew; refused or turned into the other strategy while others use the networks. What becomes of it when it fails or is
//! interrupted is in `recreate_back.rs`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;
#[path = "support/recreate.rs"]
mod recreate;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deploy::{Action, Error, Event, IfInUse, Restored, Strategy};
use deploys::{deploy_text, desired, options, silence};
use engine::{Api, TaskFilter};
use recreate::{content, ids, plan, recreate, recreating, seen, shape, stack, world};
use serde_json::{Value, json};
use sim::Behaviour;

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
