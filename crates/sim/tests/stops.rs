//! A deploy that yields, or that is stopped: by a newer release while it waited, by the operator at any second.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;

use std::collections::BTreeMap;
use std::time::Duration;

use deploy::{Deployed, Error, Interrupt, Options, Restored, Source, Wish};
use deploys::{deploy_text, desired, options, silence};
use engine::{Api, Filter};
use jiff::Timestamp;
use sim::{Behaviour, Sim};

fn stack(release: u32) -> String {
    format!(
        "services:
  db: {{ image: 'db:1' }}
  gate:
    image: 'gate:{release}'
    depends_on: [db]
    deploy: {{ restart_policy: {{ condition: none }}, labels: {{ tidegate.gate: 'true' }} }}
  api: {{ image: 'api:{release}', depends_on: [gate], deploy: {{ update_config: {{ monitor: 3s }} }} }}
  worker: {{ image: 'worker:{release}', depends_on: [api], deploy: {{ update_config: {{ monitor: 3s }} }} }}
"
    )
}

fn world(seed: u64) -> Sim {
    let sim = Sim::new(seed);
    for release in 1..=3 {
        sim.behave(&format!("gate:{release}"), Behaviour::exits_after(Duration::from_secs(5), 0));
    }
    sim
}

async fn images(sim: &Sim) -> BTreeMap<String, String> {
    let services = sim.services(&Filter::stack("shop")).await.unwrap();
    let own = services.iter().filter(|service| !service.name().contains("gate"));
    own.map(|service| (service.name().to_owned(), service.image().to_owned())).collect()
}

/// Made from a commit of this second.
fn made_from(run: &str, second: i64) -> Options {
    let at = Timestamp::from_second(second).unwrap();
    let source = Source { commit: Some(format!("commit-{second}")), committed_at: Some(at), asked_at: at };
    Options { source, ..options(run) }
}

async fn deploy_from(caller: &Sim, release: u32, options: &Options) -> Result<Deployed, Error> {
    deploy::deploy(caller, desired("shop", &stack(release)), options, &silence).await
}

#[tokio::test(start_paused = true)]
async fn an_older_release_that_waited_yields_to_the_newer_one() {
    let sim = world(1);
    deploy_text(&sim, &stack(1), "first").await.unwrap();
    let (one, two) = (sim.another(), sim.another());
    let (newer, older) = (made_from("newer", 2000), made_from("older", 1000));
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        deploy_from(&two, 3, &older).await
    };
    let (first, second) = tokio::join!(deploy_from(&one, 2, &newer), late);
    first.unwrap();
    let error = second.unwrap_err();
    assert!(matches!(&error, Error::Superseded { number: 2, .. }), "{error:?}");
    assert!(images(&sim).await.values().any(|image| image == "api:2"));

    // Who does not wait is not superseded: to deploy something older on purpose is the operator's right.
    deploy_from(&sim.another(), 3, &older).await.unwrap();
    // And the newer one that waited goes on.
    let (one, two) = (sim.another(), sim.another());
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        deploy_from(&two, 2, &newer).await
    };
    let (first, second) = tokio::join!(deploy_from(&one, 1, &older), late);
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert!(images(&sim).await.values().any(|image| image == "api:2"));
}

#[tokio::test(start_paused = true)]
async fn stopped_at_any_second_it_is_put_back_whole() {
    let (mut put_back, mut done) = (0, 0);
    for second in 0..40 {
        let sim = world(second);
        deploy_text(&sim.another(), &stack(1), "first").await.unwrap();
        let before = images(&sim).await;
        let ended = stopped(&sim, second, Wish::RollBack).await;
        match ended {
            Ok(_) => done += 1,
            Err(Error::Stopped { restored: Restored::Whole, .. }) => {
                put_back += 1;
                assert_eq!(images(&sim).await, before, "stopped after {second} s");
            }
            other => panic!("stopped after {second} s: {other:?}"),
        }
        // Whatever it was, the next one finds a stack that it can work with.
        deploy_text(&sim.another(), &stack(3), "third").await.unwrap();
    }
    assert!(put_back > 10 && done > 0, "{put_back} put back, {done} done before they were stopped");
}

#[tokio::test(start_paused = true)]
async fn left_at_any_second_the_same_command_continues_with_the_same_number() {
    let mut left = 0;
    for second in 0..40 {
        let sim = world(second);
        deploy_text(&sim.another(), &stack(1), "first").await.unwrap();
        let ended = stopped(&sim, second, Wish::Leave).await;
        if let Err(error) = &ended {
            assert!(matches!(error, Error::Left { release: 2 }), "left after {second} s: {error:?}");
            left += 1;
        }
        let continued = deploy_text(&sim.another(), &stack(2), "third").await.unwrap();
        assert_eq!(continued.release, 2, "left after {second} s");
        assert!(images(&sim).await.values().any(|image| image == "worker:2"));
    }
    assert!(left > 10, "{left}");
}

#[tokio::test(start_paused = true)]
async fn held_it_begins_nothing_new_and_goes_on_when_told() {
    let sim = world(7);
    deploy_text(&sim.another(), &stack(1), "first").await.unwrap();
    let (interrupter, interrupt) = Interrupt::channel();
    let options = Options { interrupt, ..options("second") };
    let caller = sim.another();
    let operator = async {
        // The gate runs; what comes after it waits.
        tokio::time::sleep(Duration::from_secs(2)).await;
        interrupter.wish(Wish::Hold);
        tokio::time::sleep(Duration::from_mins(1)).await;
        let held = images(&sim).await;
        interrupter.wish(Wish::GoOn);
        held
    };
    let (ended, held) = tokio::join!(deploy_from(&caller, 2, &options), operator);
    ended.unwrap();
    assert!(held.values().all(|image| !image.ends_with(":2")), "{held:?}");
    assert!(images(&sim).await.values().any(|image| image == "worker:2"));
}

async fn stopped(sim: &Sim, second: u64, wish: Wish) -> Result<Deployed, Error> {
    let (interrupter, interrupt) = Interrupt::channel();
    let options = Options { interrupt, ..options("second") };
    let caller = sim.another();
    let operator = async {
        tokio::time::sleep(Duration::from_secs(second)).await;
        interrupter.wish(wish);
    };
    tokio::join!(deploy_from(&caller, 2, &options), operator).0
}
