//! What goes wrong on the way, and callers that are stopped for good.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use engine::{Api, Error};
use serde_json::json;
use sim::{Fault, Faults, Halt, Sim, When};
use support::{image, service, spec};

/// Tries one update under a fault; returns the error and whether the update took effect.
async fn update_under(fault: Fault) -> (Option<Error>, bool) {
    let sim = Sim::new(1);
    sim.create_service(&spec("api", "api:1"), None).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let caller = sim.another();
    caller.set_faults(Faults::at([(When::Write(1), fault)]));
    let before = service(&caller, "api").await;
    let result = caller
        .update_service(
            &before.id,
            before.version,
            &image(serde_json::Value::clone(&before.spec), "api:2"),
            None,
        )
        .await;
    let applied = service(&caller, "api").await.image() == "api:2";
    assert_eq!(caller.faults_happened(), [(2, fault)]);
    (result.err(), applied)
}

#[tokio::test(start_paused = true)]
async fn each_fault_gives_the_error_that_its_effect_deserves() {
    let cases = [
        (Fault::Unreachable, "Unreachable", false),
        (Fault::LostRequest, "Ambiguous", false),
        (Fault::LostAnswer, "Ambiguous", true),
        (Fault::Resent, "OutOfSequence", true),
        (Fault::StatusWrite, "OutOfSequence", false),
        (Fault::ForeignEdit, "OutOfSequence", false),
        (Fault::NoLeader, "NoLeader", false),
        (Fault::NoLeaderAfter, "NoLeader", true),
    ];
    for (fault, kind, applied) in cases {
        let (error, was_applied) = update_under(fault).await;
        let error = error.unwrap();
        assert!(format!("{error:?}").starts_with(kind), "{fault:?}: {error:?}");
        assert_eq!(was_applied, applied, "{fault:?}");
        assert!(!applied || error.may_have_been_applied(), "{fault:?} hides its effect: {error:?}");
    }
    let (error, applied) = update_under(Fault::Slow(3000)).await;
    assert!(error.is_none() && applied);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_edit_is_there_to_be_seen_and_a_status_write_changes_nothing() {
    for (fault, replicas) in [(Fault::ForeignEdit, 2), (Fault::StatusWrite, 1)] {
        let sim = Sim::new(1);
        sim.create_service(&spec("api", "api:1"), None).await.unwrap();
        let before = service(&sim, "api").await;
        sim.set_faults(Faults::at([(When::Write(2), fault)]));
        sim.update_service(&before.id, before.version, &before.spec, None).await.unwrap_err();
        let after = service(&sim, "api").await;
        assert_eq!(after.spec["Mode"]["Replicated"]["Replicas"], json!(replicas), "{fault:?}");
        assert!(after.version > before.version);
    }
}

#[tokio::test(start_paused = true)]
async fn a_halted_caller_never_returns_and_another_sees_what_it_left() {
    for (halt, made) in [(Halt::BeforeWrite(2), 1), (Halt::AfterWrite(2), 2), (Halt::BeforeCall(1), 0)] {
        let sim = Sim::new(1);
        let caller = sim.another();
        caller.halt_at(halt);
        let work = async {
            for name in ["a", "b", "c"] {
                caller.create_service(&spec(name, "x:1"), None).await.unwrap();
            }
        };
        tokio::select! {
            () = work => panic!("it should have been stopped at {halt:?}"),
            () = caller.halted() => {}
        }
        let left = sim.services(&engine::Filter::all()).await.unwrap();
        assert_eq!(left.len(), made, "{halt:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_run_around_the_write_they_name() {
    let sim = Sim::new(1);
    sim.create_service(&spec("api", "api:1"), None).await.unwrap();
    let before = service(&sim, "api").await;
    sim.before_write(2, |sim| assert!(sim.edit_service("api", |spec| spec["Labels"]["by"] = json!("me"))));
    let error = sim.update_service(&before.id, before.version, &before.spec, None).await.unwrap_err();
    assert!(matches!(error, Error::OutOfSequence { .. }), "{error:?}");
    assert_eq!(service(&sim, "api").await.label("by"), Some("me"));
    assert_eq!(sim.writes(), ["create the service api", "update the service api"]);
    assert_eq!(sim.write_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_seeds_faults_are_the_same_every_time_and_hit_reads_only_where_they_can() {
    async fn run(seed: u64) -> (Vec<(u64, Fault)>, u64) {
        let sim = Sim::new(1);
        sim.set_faults(Faults::by_seed(seed, 300));
        for _ in 0..200 {
            drop(sim.info().await);
        }
        (sim.faults_happened(), sim.call_count())
    }
    let (first, calls) = run(3).await;
    assert_eq!((first.clone(), calls), run(3).await);
    assert!(first.len() > 10, "{first:?}");
    assert!(
        first
            .iter()
            .all(|(_, fault)| !matches!(fault, Fault::Resent | Fault::StatusWrite | Fault::ForeignEdit))
    );
    assert_ne!(first, run(4).await.0);
}
