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
use scenario::{Image, Run, Scenarios};
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
        let sim = Sim::new(number as u64);
        for (name, image) in &all.images {
            sim.behave(name, behaviour(image));
        }
        seen.push((scenario.name.clone(), Run::new(&sim, number).play(scenario).await));
    }
    seen
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
    let all = Arc::new(scenarios());
    let engine = Engine::start();
    let scripts = all
        .images
        .iter()
        .filter(|(_, image)| !image.missing)
        .map(|(name, image)| (name.as_str(), script(image)));
    let scripts: Vec<_> = scripts.collect();
    engine.import_scripts(scripts.iter().map(|(name, script)| (*name, script.as_str())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let real = runtime.block_on(real(&engine, &all));
    let paused =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let simulated = paused.block_on(simulated(&all));
    let mut differences = String::new();
    assert_eq!(simulated.len(), real.len());
    for ((name, simulated), real) in simulated.iter().zip(&real) {
        assert_eq!(simulated.len(), real.len(), "{name}");
        for (simulated, real) in simulated.iter().zip(real) {
            if simulated != real {
                let show = |value: &Value| serde_json::to_string_pretty(&value[2]).unwrap();
                differences += &format!(
                    "\n== {name}: {} {}\nsimulated: {}\nreal: {}\n",
                    simulated[0],
                    simulated[1],
                    show(simulated),
                    show(real)
                );
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// All scenarios side by side on the real engine.
async fn real(engine: &Engine, all: &Arc<Scenarios>) -> Vec<Vec<Value>> {
    let endpoint = Endpoint::resolve(Some(&engine.host()), None, &engine::Environment::default()).unwrap();
    let client = Arc::new(Client::connect(endpoint, Timeouts::default()).await.unwrap());
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
