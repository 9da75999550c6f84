//! A stack that is being recreated and does not get there at once: it fails, is killed, is stopped, meets faults and other
//! people, and is gone back from.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;
#[path = "support/recreate.rs"]
mod recreate;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deploy::{Back, Error, Event, Interrupt, Options, Restored, Wish};
use deploys::{desired, options, silence};
use recreate::{content, gate, ids, recreate, recreating, seen, shape, stack, world};
use sim::{Behaviour, Faults, Halt, Sim, Snapshot};

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
        assert_eq!(shape(content(seen(&sim).await)), shape(wanted.clone()), "killed at call {at} of {calls}");
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
            assert_eq!(shape(after), shape(before.clone()), "killed at call {at}");
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
    assert_eq!((shape(after.clone()).specs, ids(&sim).await), (shape(before.clone()).specs, networks));
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
