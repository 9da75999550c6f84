//! What belongs to others, or to an earlier deploy, on a deploy's way: somebody's edit, somebody's network, a gate that still
//! runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deploy::{Error, Event, Restored};
use deploys::{desired, options};
use engine::{Api, Filter, TaskFilter};
use serde_json::json;
use sim::{Behaviour, Fault, Faults, Sim, When};
use stackfile::Desired;

const GATE_RUNS: Duration = Duration::from_secs(30);

/// A gate that does not report, an application behind it, and a proxy that no release changes.
fn release(number: u32) -> Desired {
    let text = format!(
        "services:
  gate:
    image: gate:{number}
    networks: [back]
    deploy: {{ restart_policy: {{ condition: none }}, labels: {{ tidegate.gate: 'true' }} }}
  api: {{ image: 'api:{number}', networks: [back], depends_on: [gate] }}
  proxy: {{ image: 'proxy:1', networks: [back], depends_on: [api] }}
networks: {{ back: {{}} }}
"
    );
    desired("shop", &text)
}

fn world() -> Sim {
    let sim = Sim::new(7);
    for image in ["gate:1", "gate:2", "gate:3"] {
        sim.behave(image, Behaviour::exits_after(GATE_RUNS, 0));
    }
    sim
}

async fn deploy(
    caller: &Sim,
    number: u32,
    run: &str,
    tell: &(dyn Fn(Event) + Send + Sync),
) -> Result<(), Error> {
    deploy::deploy(caller, release(number), &options(run), tell).await.map(|_| ())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_left_alone_is_not_taken_as_somebody_leaves_it() {
    let sim = world();
    deploy(&sim.another(), 1, "first", &|_| {}).await.unwrap();
    let editor = sim.another();
    let edit = move |event: Event| {
        if matches!(&event, Event::Service(service) if service.service == "gate") {
            let done =
                editor.edit_service("shop_proxy", |spec| spec["Mode"]["Replicated"]["Replicas"] = json!(3));
            assert!(done, "the edit was refused");
        }
    };
    let ended = deploy(&sim.another(), 2, "second", &edit).await.unwrap_err();
    assert!(
        matches!(&ended, Error::Rollout { restored: Restored::Incomplete(left), .. } if left[0].contains("shop_proxy")),
        "{ended:?}"
    );
    // And the next deploy shows it instead of replacing it.
    let next = deploy(&sim.another(), 2, "third", &|_| {}).await.unwrap_err();
    assert!(matches!(&next, Error::Foreign { foreign } if foreign[0].service == "shop_proxy"), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_an_interrupted_deploy_left_is_ended_before_the_next_one_starts() {
    let sim = world();
    deploy(&sim.another(), 1, "first", &|_| {}).await.unwrap();
    let killed = sim.another();
    tokio::select! {
        result = deploy(&killed, 2, "second", &|_| {}) => panic!("it ended: {result:?}"),
        () = tokio::time::sleep(GATE_RUNS / 3) => {}
    }
    let running = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&running);
    sim.behave(
        "gate:3",
        Behaviour::exits_after(GATE_RUNS, 0).on_start(move |start| seen.lock().unwrap().push(start.at)),
    );
    deploy(&sim.another(), 3, "third", &|_| {}).await.unwrap();
    assert_eq!(running.lock().unwrap().len(), 1);
    let services = sim.services(&Filter::stack("shop")).await.unwrap();
    let gates: Vec<&str> =
        services.iter().map(engine::Service::name).filter(|n| n.contains("gate")).collect();
    assert_eq!(gates, ["shop_gate-r3"]);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_somebody_prepared_is_used_as_it_is() {
    let sim = world();
    let body = json!({ "Name": "shop_back", "Driver": "overlay", "Labels": { "made.by": "hand" } });
    let id = sim.create_network(&body).await.unwrap();
    deploy(&sim.another(), 1, "first", &|_| {}).await.unwrap();
    assert_eq!(sim.network("shop_back").await.unwrap().unwrap().id(), id);
    let api = sim.service("shop_api").await.unwrap().unwrap();
    assert!(!sim.tasks(&TaskFilter::service(api.id)).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deploy_that_begins_during_an_election_waits_for_its_end() {
    let sim = world();
    let caller = sim.another();
    let first_calls = 1..=12;
    caller.set_faults(Faults::at(first_calls.map(|call| (When::Call(call), Fault::NoLeader))));
    let warned = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&warned);
    let hear = move |event: Event| {
        if let Event::Warning { message } = event {
            heard.lock().unwrap().push(message);
        }
    };
    deploy(&caller, 1, "first", &hear).await.unwrap();
    let warned = warned.lock().unwrap();
    assert_eq!(warned.iter().filter(|message| message.contains("no leader")).count(), 1, "{warned:?}");
}
