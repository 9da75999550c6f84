//! Going back to a recorded release: field for field, with what came since gone and what went since back; interrupted,
//! with faults, and refused where something is gone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;

use std::collections::BTreeMap;
use std::time::Duration;

use deploy::{Back, Deployed, Error, OnDrift};
use deploys::{deploy_text, options, silence};
use engine::{Api, FileKind, Filter};
use serde_json::Value;
use sim::{Behaviour, Faults, Halt, Sim};

/// Two releases that differ in everything that can differ.
const ONE: &str = "services:
  api:
    image: 'api:1'
    environment: {MODE: one}
    networks: [back]
    configs: [conf]
    secrets: [pass]
    deploy: {replicas: 2, update_config: {monitor: 2s}}
  agent: {image: 'agent:1', networks: [back]}
  old: {image: 'old:1', networks: [back]}
networks: {back: {}}
configs: {conf: {content: one}}
secrets: {pass: {environment: P1}}
";
const TWO: &str = "services:
  api:
    image: 'api:2'
    environment: {MODE: two, MORE: x}
    networks: [back, front]
    configs: [conf]
    secrets: [pass]
    deploy: {replicas: 3, update_config: {monitor: 2s, order: start-first}}
  agent: {image: 'agent:1', networks: [back], deploy: {mode: global}}
  new: {image: 'new:1', networks: [front]}
networks: {back: {}, front: {}}
configs: {conf: {content: two}}
secrets: {pass: {environment: P2}}
";

/// Every service's spec, without what says how it came about.
async fn specs(sim: &Sim) -> BTreeMap<String, Value> {
    let services = sim.services(&Filter::stack("shop")).await.unwrap();
    services
        .into_iter()
        .map(|service| {
            let mut spec = serde_json::Value::clone(&service.spec);
            spec["Labels"].as_object_mut().unwrap().remove("tidegate.release");
            // The engine counts how often a service was forced.
            spec["TaskTemplate"].as_object_mut().unwrap().remove("ForceUpdate");
            (service.name().to_owned(), spec)
        })
        .collect()
}

async fn deploy_pruned(caller: &Sim, text: &str, run: &str) -> Result<Deployed, Error> {
    let mut options = options(run);
    options.plan.prune = true;
    deploy::deploy(caller, deploys::desired("shop", text), &options, &silence).await
}

async fn back(caller: &Sim, release: Option<u64>, run: &str) -> Result<Deployed, Error> {
    let to = Back { release, with_migrations: false };
    deploy::rollback(caller, "shop", to, &options(run), &silence).await
}

#[tokio::test(start_paused = true)]
async fn every_service_is_back_field_for_field() {
    let sim = Sim::new(1);
    deploy_pruned(&sim, ONE, "first").await.unwrap();
    let first = specs(&sim).await;
    deploy_pruned(&sim, TWO, "second").await.unwrap();
    let second = specs(&sim).await;
    assert_ne!(first, second);
    assert_eq!(second.keys().collect::<Vec<_>>(), ["shop_agent", "shop_api", "shop_new"]);

    let returned = back(&sim, None, "third").await.unwrap();
    assert_eq!((returned.release, returned.changed), (3, true));
    assert_eq!(specs(&sim).await, first);
    // The files of that release have nothing to do then.
    assert!(!deploy_pruned(&sim, ONE, "fourth").await.unwrap().changed);
    // Back again is to what was in force before; and to a release by its number.
    back(&sim, None, "fifth").await.unwrap();
    assert_eq!(specs(&sim).await, second);
    back(&sim, Some(1), "sixth").await.unwrap();
    assert_eq!(specs(&sim).await, first);
    assert!(!back(&sim, Some(1), "seventh").await.unwrap().changed, "it is there already");

    let list = deploy::releases(&sim, "shop").await.unwrap();
    let told: Vec<_> =
        list.iter().map(|release| (release.number, release.state, release.returns_to)).collect();
    assert_eq!(
        told,
        [
            (1, "succeeded", None),
            (2, "succeeded", None),
            (3, "succeeded", Some(1)),
            (4, "succeeded", Some(2)),
            (5, "succeeded", Some(1)),
        ]
    );
    let diff = deploy::diff_releases(&sim, "shop", 1, 2).await.unwrap();
    assert_eq!((diff.added, diff.removed), (vec!["shop_new".to_owned()], vec!["shop_old".to_owned()]));
    assert!(
        diff.changed["shop_api"].iter().any(|change| change.path.ends_with("Replicas")),
        "{:?}",
        diff.changed
    );
    assert!(deploy::diff_releases(&sim, "shop", 1, 3).await.unwrap().changed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_gone_back_to_is_refused_and_says_why() {
    let sim = Sim::new(2);
    let none = back(&sim, None, "first").await.unwrap_err();
    assert!(matches!(&none, Error::NoRelease { known, .. } if known.is_empty()), "{none:?}");
    deploy_text(&sim, ONE, "second").await.unwrap();
    let only = back(&sim, None, "third").await.unwrap_err();
    assert!(matches!(&only, Error::NoRelease { .. }), "{only:?}");
    let unknown = back(&sim, Some(9), "fourth").await.unwrap_err();
    assert!(matches!(&unknown, Error::NoRelease { known, .. } if known == &[1]), "{unknown:?}");

    sim.behave("api:2", Behaviour::exits_after(Duration::from_secs(1), 1));
    deploy_text(&sim, TWO, "fifth").await.unwrap_err();
    let failed = back(&sim, Some(2), "sixth").await.unwrap_err();
    assert!(
        matches!(&failed, Error::NoReturn { reasons, .. } if reasons[0] == "it did not succeed"),
        "{failed:?}"
    );

    // A secret that an earlier release used, and that somebody has removed since.
    sim.behave("api:2", Behaviour::default());
    deploy_text(&sim, TWO, "seventh").await.unwrap();
    let before = specs(&sim).await;
    let secret = sim.file_object(FileKind::Secret, "shop_pass").await.unwrap().unwrap();
    sim.remove_file_object(FileKind::Secret, &secret.id).await.unwrap();
    let gone = back(&sim, Some(1), "eighth").await.unwrap_err();
    assert_eq!(
        gone.to_string(),
        "stack `shop` cannot go back to release 1: the secret `shop_pass` is gone, which `shop_api` uses"
    );
    assert_eq!(specs(&sim).await, before, "nothing was changed");
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_third_call_and_run_again_it_ends_in_the_same_place() {
    let sim = Sim::new(3);
    deploy_pruned(&sim, ONE, "first").await.unwrap();
    let first = shapes(&sim).await;
    for at in (1..130).step_by(3) {
        let sim = Sim::new(at);
        deploy_pruned(&sim.another(), ONE, "first").await.unwrap();
        deploy_pruned(&sim.another(), TWO, "second").await.unwrap();
        let caller = sim.another();
        caller.halt_at(Halt::AfterCall(at));
        tokio::select! {
            _ = back(&caller, Some(1), "third") => {}
            () = tokio::time::sleep(Duration::from_mins(5)) => {}
        }
        back(&sim.another(), Some(1), "fourth")
            .await
            .unwrap_or_else(|error| panic!("killed at call {at}: {error:?}"));
        assert_eq!(shapes(&sim).await, first, "killed at call {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_way_back_is_continued_by_the_same_words() {
    let sim = Sim::new(9);
    deploy_pruned(&sim.another(), ONE, "first").await.unwrap();
    let first = specs(&sim).await;
    deploy_pruned(&sim.another(), TWO, "second").await.unwrap();
    let caller = sim.another();
    caller.halt_at(Halt::AfterCall(30));
    tokio::select! {
        _ = back(&caller, None, "third") => panic!("it ended"),
        () = tokio::time::sleep(Duration::from_mins(5)) => {}
    }
    let continued = back(&sim.another(), None, "fourth").await.unwrap();
    assert_eq!((continued.release, specs(&sim).await), (3, first));
}

#[tokio::test(start_paused = true)]
async fn with_faults_it_is_wholly_there_or_wholly_where_it_was() {
    for seed in 0..40 {
        let sim = Sim::new(seed);
        deploy_pruned(&sim.another(), ONE, "first").await.unwrap();
        let first = specs(&sim).await;
        deploy_pruned(&sim.another(), TWO, "second").await.unwrap();
        let second = specs(&sim).await;
        let caller = sim.another();
        caller.set_faults(Faults::by_seed(seed, 150).sparing_reads());
        let ended = back(&caller, Some(1), "third").await;
        let now = specs(&sim).await;
        match &ended {
            Ok(_) => assert_eq!(now, first, "seed {seed}"),
            Err(_) => assert!(now == first || now == second || is_told(&ended), "seed {seed}: {ended:?}"),
        }
        // Some faults are somebody's edits.
        let mut again = options("fourth");
        again.plan.on_drift = OnDrift::Overwrite;
        let returned = deploy::rollback(
            &sim.another(),
            "shop",
            Back { release: Some(1), with_migrations: false },
            &again,
            &silence,
        )
        .await;
        returned.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        assert_eq!(specs(&sim).await, first, "seed {seed}");
    }
}

/// Whether an error says that the stack may be in between.
fn is_told(ended: &Result<Deployed, Error>) -> bool {
    use deploy::Restored::Incomplete;
    matches!(
        ended,
        Err(Error::Rollout { restored: Incomplete(_), .. } | Error::LeaseLost { .. } | Error::Engine(_))
    )
}

/// Specs without ids, which differ between simulators.
async fn shapes(sim: &Sim) -> BTreeMap<String, (String, String)> {
    let specs = specs(sim).await;
    let shape =
        |spec: &Value| (spec["TaskTemplate"]["ContainerSpec"]["Image"].to_string(), spec["Mode"].to_string());
    specs.iter().map(|(name, spec)| (name.clone(), shape(spec))).collect()
}

/// A gate that ends with these rows, and says what it did.
fn gate(rows: &str, reverted: &str) -> Behaviour {
    let report = format!(
        r#"{{"event":"report","run":"${{TIDEGATE_RUN}}","rows":["{rows}"],"heads":["{rows}"],"applied":[],"reverted":[{reverted}],"outcome":"migrated","error":null,"message":"m"}}"#
    );
    Behaviour::exits_after(Duration::from_secs(2), 0).says(Duration::from_secs(1), report)
}

fn with_gate(release: u32) -> String {
    format!(
        "services:
  migrate: {{ image: 'migrate:{release}', command: [tidegate, migrate], deploy: {{ restart_policy: {{ condition: none }} }} }}
  api: {{ image: 'api:{release}', depends_on: {{ migrate: {{ condition: service_completed_successfully }} }} }}
"
    )
}

#[tokio::test(start_paused = true)]
async fn the_newer_gate_takes_the_database_back_first_if_asked() {
    let sim = Sim::new(8);
    sim.behave("migrate:1", gate("one", ""));
    sim.behave("migrate:2", gate("two", ""));
    deploy_text(&sim, &with_gate(1), "first").await.unwrap();
    deploy_text(&sim, &with_gate(2), "second").await.unwrap();
    let to = |with_migrations| Back { release: None, with_migrations };
    let plan = async |to| deploy::plan_rollback(&sim, "shop", to, &options("plan")).await.unwrap();
    let stays = plan(to(false)).await;
    assert!(
        stays.warnings[0].starts_with("the database stays at two: release 1 was deployed with it at one"),
        "{stays:?}"
    );
    let goes = plan(to(true)).await;
    assert!(goes.warnings[0].contains("takes the database back from two to one first"), "{goes:?}");
    assert!(goes.waves[0].gate && goes.waves[0].services[0].service == "migrate", "{goes:?}");

    let started = std::sync::Arc::new(std::sync::Mutex::new(0));
    let seen = std::sync::Arc::clone(&started);
    sim.behave("migrate:2", gate("one", "\"two\"").on_start(move |_| *seen.lock().unwrap() += 1));
    deploy::rollback(&sim, "shop", to(true), &options("third"), &silence).await.unwrap();
    assert_eq!(*started.lock().unwrap(), 1, "the newer image ran once more");
    let run = sim.service("shop_migrate-r3").await.unwrap().unwrap();
    let environment = run.spec["TaskTemplate"]["ContainerSpec"]["Env"].to_string();
    for entry in ["\"TIDEGATE_DOWNGRADE=true\"", "\"TIDEGATE_TARGET=one\"", "\"TIDEGATE_RELEASE=3\""] {
        assert!(environment.contains(entry), "{environment}");
    }
    let list = deploy::releases(&sim, "shop").await.unwrap();
    assert_eq!(list[2].rows.as_deref(), Some(&["one".to_owned()][..]));
    assert_eq!(sim.service("shop_api").await.unwrap().unwrap().image(), "api:1");
}
