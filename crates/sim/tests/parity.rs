//! The simulator's honesty: the scenarios of `scenarios.json`, run against it and against a real engine, give the same
//! observations. What the simulator shows is kept as a snapshot, so that a change in it is seen without a real engine too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "parity/scenario.rs"]
mod scenario;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::{Client, Endpoint, Timeouts};
use scenario::{Image, Run, Scenario, Scenarios};
use serde_json::{Value, json};
use sim::{Behaviour, Sim};
use testbed::engine::Engine;

fn scenarios() -> Scenarios {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

async fn simulated(all: &Scenarios) -> Vec<(String, Vec<Value>)> {
    let mut seen = Vec::new();
    for (number, scenario) in all.scenarios.iter().enumerate() {
        seen.push((scenario.name.clone(), simulate(all, scenario, number).await));
    }
    seen
}

/// One scenario on a simulator of its own; `number` is in every name.
async fn simulate(all: &Scenarios, scenario: &Scenario, number: usize) -> Vec<Value> {
    let sim = Sim::new(number as u64);
    for (name, image) in &all.images {
        sim.behave(name, behaviour(image));
    }
    Run::new(&sim, number).play(scenario).await
}

fn behaviour(image: &Image) -> Behaviour {
    let seconds = Duration::from_secs;
    if image.missing {
        return Behaviour::missing();
    }
    match (&image.exits, image.unhealthy, image.stops_in) {
        (Some(exit), ..) => Behaviour::exits_after(seconds(exit.after), exit.code),
        (None, Some(after), _) => Behaviour::unhealthy_after(seconds(after)),
        (None, None, Some(stops)) => Behaviour::default().stops_in(seconds(stops)),
        // A shell's `sleep` ignores the request to stop and is killed after its grace period.
        (None, None, None) => Behaviour::default().stops_in(seconds(60)),
    }
}

/// What a real container of the image runs.
fn script(image: &Image) -> String {
    match (&image.exits, image.stops_in) {
        (Some(exit), _) => format!("sleep {}; exit {}", exit.after, exit.code),
        (None, Some(stops)) => format!("trap 'sleep {stops}; exit 0' TERM; while true; do sleep 0.1; done"),
        (None, None) => "exec sleep 100000".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_simulator_shows_what_it_showed_before() {
    let seen: Value = simulated(&scenarios())
        .await
        .into_iter()
        .map(|(name, seen)| json!({ "scenario": name, "seen": seen }))
        .collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&seen).unwrap());
}

#[test]
fn the_simulator_shows_what_a_real_engine_shows() {
    compare_with(&Engine::start());
}

#[test]
fn the_simulator_shows_what_engine_26_1_shows() {
    if let Some(engine) = Engine::start_version("26.1") {
        compare_with(&engine);
    }
}

#[test]
fn the_simulator_shows_what_engine_28_5_shows() {
    if let Some(engine) = Engine::start_version("28.5") {
        compare_with(&engine);
    }
}

/// Panics when a scenario shows differently on the simulator and on the engine.
fn compare_with(engine: &Engine) {
    let all = Arc::new(scenarios());
    let scripts = all
        .images
        .iter()
        .filter(|(_, image)| !image.missing)
        .map(|(name, image)| (name.as_str(), script(image)));
    let scripts: Vec<_> = scripts.collect();
    engine.import_scripts(scripts.iter().map(|(name, script)| (*name, script.as_str())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let real = runtime.block_on(real(engine, &all));
    let paused =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let simulated = paused.block_on(simulated(&all));
    let mut found = String::new();
    assert_eq!(simulated.len(), real.len());
    for (number, (scenario, (_, simulated))) in all.scenarios.iter().zip(&simulated).enumerate() {
        let mut differing = differences(&scenario.name, simulated, &real[number]);
        // Side by side on a busy machine a step can take longer than its scenario allows. The rules of the engine do not
        // change with the load, so a scenario that differs for that reason agrees when it is played alone.
        for again in 1..=REPLAYS {
            if differing.is_empty() {
                break;
            }
            eprintln!("played again alone, because it differed:{differing}");
            let number = number + again * all.scenarios.len();
            let real = runtime.block_on(async {
                let client = client(engine).await;
                Run::new(client.as_ref(), number).play(scenario).await
            });
            let simulated = paused.block_on(simulate(&all, scenario, number));
            differing = differences(&scenario.name, &simulated, &real);
        }
        found += &differing;
    }
    assert!(found.is_empty(), "{found}");
}

/// How often a scenario that differs is played again, alone.
const REPLAYS: usize = 3;

/// What a scenario shows differently on the two.
fn differences(name: &str, simulated: &[Value], real: &[Value]) -> String {
    assert_eq!(simulated.len(), real.len(), "{name}");
    let show = |value: &Value| serde_json::to_string_pretty(&value[2]).unwrap();
    let pairs = simulated.iter().zip(real).filter(|(simulated, real)| simulated != real);
    let mut text = String::new();
    for (simulated, real) in pairs {
        let (step, subject) = (&simulated[0], &simulated[1]);
        text +=
            &format!("\n== {name}: {step} {subject}\nsimulated: {}\nreal: {}\n", show(simulated), show(real));
    }
    text
}

async fn client(engine: &Engine) -> Arc<Client> {
    let endpoint = Endpoint::resolve(Some(&engine.host()), None, &engine::Environment::default()).unwrap();
    Arc::new(Client::connect(endpoint, Timeouts::default()).await.unwrap())
}

/// All scenarios side by side on the real engine.
async fn real(engine: &Engine, all: &Arc<Scenarios>) -> Vec<Vec<Value>> {
    let client = client(engine).await;
    let runs: Vec<_> = (0..all.scenarios.len())
        .map(|number| {
            let (client, all) = (Arc::clone(&client), Arc::clone(all));
            tokio::spawn(async move { Run::new(client.as_ref(), number).play(&all.scenarios[number]).await })
        })
        .collect();
    let mut seen = Vec::new();
    for run in runs {
        seen.push(run.await.unwrap());
    }
    seen
}
