//! What a plan promises: that it is refused once anything has moved, that drift is kept or replaced as asked, that a
//! change of mode replaces the service, and that no more services go at once than asked.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deploy::{Error, OnDrift, Options, PlanOptions, Restored};
use deploys::{deploy_text, desired, options, silence};
use engine::{Api, Filter, Service};
use serde_json::json;
use sim::{Behaviour, Sim};

fn stack(image: &str, replicas: u32) -> String {
    format!(
        "services:
  api:
    image: '{image}'
    environment: {{ A: '1', B: '1' }}
    deploy: {{ replicas: {replicas}, update_config: {{ monitor: 2s }} }}
  proxy: {{ image: 'proxy:1' }}
"
    )
}

async fn api(sim: &Sim) -> Service {
    sim.service("shop_api").await.unwrap().unwrap()
}

fn replicas(service: &Service) -> u64 {
    service.spec["Mode"]["Replicated"]["Replicas"].as_u64().unwrap()
}

fn on_drift(run: &str, on_drift: OnDrift) -> Options {
    let options = options(run);
    Options { plan: PlanOptions { on_drift, ..options.plan }, ..options }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_was_agreed_to_is_refused_once_anything_has_moved() {
    let sim = Sim::new(1);
    deploy_text(&sim, &stack("api:1", 2), "first").await.unwrap();
    let text = stack("api:2", 2);
    let (summary, file) =
        deploy::make_plan(&sim, desired("shop", &text), &options("plan"), &silence).await.unwrap();
    assert!(!summary.empty && summary.undo[0].contains("goes back to release 1"), "{summary:?}");
    let agreed = |run: &str| Options { agreed: Some(file.clone()), ..options(run) };

    let other = deploy::deploy(&sim, desired("shop", &stack("api:3", 2)), &agreed("second"), &silence).await;
    assert!(matches!(&other, Err(Error::Moved { .. })), "{other:?}");
    sim.edit_service("shop_proxy", |spec| spec["Labels"]["by"] = json!("hand"));
    let overwrite = Options { plan: on_drift("", OnDrift::Overwrite).plan, ..agreed("third") };
    let moved = deploy::deploy(&sim, desired("shop", &text), &overwrite, &silence).await.unwrap_err();
    assert!(
        matches!(&moved, Error::Moved { moved, .. } if moved == &["service `shop_proxy` was changed"]),
        "{moved:?}"
    );
    sim.edit_service("shop_proxy", |spec| drop(spec["Labels"].as_object_mut().unwrap().remove("by")));
    deploy::deploy(&sim, desired("shop", &text), &agreed("fourth"), &silence).await.unwrap();
    let again = deploy::deploy(&sim, desired("shop", &text), &agreed("fifth"), &silence).await.unwrap_err();
    assert!(matches!(&again, Error::Moved { .. }), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn drift_that_is_kept_stays_and_is_shown_again() {
    let sim = Sim::new(2);
    deploy_text(&sim, &stack("api:1", 2), "first").await.unwrap();
    sim.edit_service("shop_api", |spec| {
        spec["Mode"]["Replicated"]["Replicas"] = json!(5);
        spec["TaskTemplate"]["ContainerSpec"]["Env"] = json!(["A=1", "B=hand", "C=hand"]);
    });
    let text = stack("api:2", 2);
    let stopped = deploy_text(&sim, &text, "second").await.unwrap_err();
    assert!(matches!(&stopped, Error::Foreign { .. }), "{stopped:?}");
    let keep = async |run: &str, text: &str| {
        deploy::deploy(&sim, desired("shop", text), &on_drift(run, OnDrift::Keep), &silence).await
    };
    keep("third", &text).await.unwrap();
    let kept = api(&sim).await;
    assert_eq!((kept.image(), replicas(&kept)), ("api:2", 5));
    let environment = &kept.spec["TaskTemplate"]["ContainerSpec"]["Env"];
    assert_eq!(environment, &json!(["A=1", "B=hand", "C=hand"]));
    // Kept again, nothing is to be done; and without a word it is still somebody's change.
    assert!(!keep("fourth", &text).await.unwrap().changed);
    let again = deploy_text(&sim, &text, "fifth").await.unwrap_err();
    assert!(matches!(&again, Error::Foreign { foreign } if foreign.len() == 1), "{again:?}");
    deploy::deploy(&sim, desired("shop", &text), &on_drift("sixth", OnDrift::Overwrite), &silence)
        .await
        .unwrap();
    assert_eq!(replicas(&api(&sim).await), 2);
    assert!(!deploy_text(&sim, &text, "seventh").await.unwrap().changed);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_mode_replaces_the_service_and_its_failure_puts_it_back() {
    let sim = Sim::new(3);
    let text = |mode: &str, image: &str| {
        format!("services:\n  api: {{ image: '{image}', deploy: {{ mode: {mode} }} }}\n")
    };
    deploy_text(&sim, &text("replicated", "api:1"), "first").await.unwrap();
    let before = api(&sim).await;
    sim.behave("api:2", Behaviour::exits_after(Duration::from_secs(1), 1));
    deploy_text(&sim, &text("global", "api:2"), "second").await.unwrap_err();
    assert_eq!(api(&sim).await.spec, before.spec);
    deploy_text(&sim, &text("global", "api:1"), "third").await.unwrap();
    let after = api(&sim).await;
    assert!(after.spec["Mode"].get("Global").is_some() && after.id != before.id, "{:?}", after.spec);
    assert!(!deploy_text(&sim, &text("global", "api:1"), "fourth").await.unwrap().changed);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_replaced_has_ended_before_the_new_one_starts() {
    let sim = Sim::new(5);
    let text = |mode: &str| {
        format!(
            "services:\n  api: {{ image: 'api:1', stop_grace_period: 1m, deploy: {{ mode: {mode} }} }}\n  \
             other: {{ image: 'other:1' }}\n"
        )
    };
    sim.behave("api:1", Behaviour::default().stops_in(Duration::from_secs(9)));
    deploy_text(&sim, &text("replicated"), "first").await.unwrap();
    let caller = sim.another();
    let moments = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&moments);
    caller.on_call(move |sim, call| {
        if call.what.starts_with("remove the service ") || call.what == "create the service shop_api" {
            seen.lock().unwrap().push(sim.now());
        }
    });
    deploy_text(&caller, &text("global"), "second").await.unwrap();
    let moments = moments.lock().unwrap().clone();
    assert!(
        moments.len() == 2 && moments[1].saturating_sub(moments[0]) >= Duration::from_secs(9),
        "{moments:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_services_go_at_once_than_asked() {
    for (parallel, most) in [(Some(2), 2), (None, 6)] {
        let sim = Sim::new(4);
        let (starts, ends) = (Arc::new(Mutex::new(Vec::new())), Duration::from_secs(3));
        for number in 0..6 {
            let starts = Arc::clone(&starts);
            let behaviour =
                Behaviour::up_after(ends).on_start(move |start| starts.lock().unwrap().push(start.at));
            sim.behave(&format!("s{number}:1"), behaviour);
        }
        let services: Vec<String> =
            (0..6).map(|number| format!("  s{number}: {{ image: 's{number}:1' }}")).collect();
        let services = services.join("\n");
        let mut options = options("first");
        options.plan.parallel = parallel.and_then(NonZeroUsize::new);
        deploy::deploy(&sim, desired("shop", &format!("services:\n{services}")), &options, &silence)
            .await
            .unwrap();
        let starts = starts.lock().unwrap().clone();
        let at_once =
            |at: Duration| starts.iter().filter(|start| **start >= at && **start < at + ends).count();
        assert_eq!(starts.iter().map(|start| at_once(*start)).max(), Some(most), "{starts:?}");
    }
    assert!(Sim::new(5).services(&Filter::all()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stock_migrator_that_still_runs_is_ended_before_the_gate() {
    let sim = Sim::new(6);
    let running = Arc::new(Mutex::new(0_i32));
    let text = "services:
  db: { image: 'db:1' }
  migrate:
    image: 'migrate:1'
    depends_on: [db]
    deploy: { restart_policy: { condition: on-failure }, labels: { tidegate.gate: 'true' } }
  api: { image: 'api:1', depends_on: [migrate] }
";
    // As the stock client makes it, and its migration hangs.
    let stock = sim.another();
    sim.behave("migrate:0", Behaviour::default());
    let labels = json!({ "com.docker.stack.namespace": "shop" });
    let task =
        json!({ "ContainerSpec": { "Image": "migrate:0" }, "RestartPolicy": { "Condition": "on-failure" } });
    stock
        .create_service(&json!({ "Name": "shop_migrate", "Labels": labels, "TaskTemplate": task }), None)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (seen, world) = (Arc::clone(&running), sim.another());
    sim.behave(
        "migrate:1",
        Behaviour::exits_after(Duration::from_secs(2), 0).on_start(move |_| {
            let _ = &world;
            *seen.lock().unwrap() += 1;
        }),
    );
    let beside = sim.another();
    let watch = move |event: deploy::Event| {
        if let deploy::Event::Service(service) = event
            && service.service == "migrate"
            && service.state == deploy::ServiceState::Completed
        {
            assert!(!beside.edit_service("shop_migrate", |_| {}), "the stock service was still there");
        }
    };
    deploy::deploy(&sim, desired("shop", text), &options("first"), &watch).await.unwrap();
    assert_eq!(*running.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stock_migrator_that_always_fails_is_put_back_as_it_was() {
    let sim = Sim::new(8);
    let text = "services:
  migrate:
    image: 'migrate:1'
    deploy: { restart_policy: { condition: on-failure }, labels: { tidegate.gate: 'true' } }
  api: { image: 'api:1', depends_on: [migrate] }
";
    sim.behave("migrate:0", Behaviour::exits_after(Duration::from_secs(1), 255));
    sim.behave("migrate:1", Behaviour::exits_after(Duration::from_secs(1), 1));
    let labels = json!({ "com.docker.stack.namespace": "shop" });
    let task = json!({ "ContainerSpec": { "Image": "migrate:0" }, "RestartPolicy": { "Condition": "on-failure", "Delay": 1 } });
    let body = json!({ "Name": "shop_migrate", "Labels": labels, "TaskTemplate": task });
    sim.create_service(&body, None).await.unwrap();
    for round in 0..8_u64 {
        // Whether a task of its runs at the moment when the gate comes is chance.
        tokio::time::sleep(Duration::from_millis(200 * round)).await;
        let before = sim.service("shop_migrate").await.unwrap().unwrap().spec;
        let failed = deploy_text(&sim, text, &format!("run-{round}")).await.unwrap_err();
        assert!(matches!(&failed, Error::Gate { restored: Restored::Whole, .. }), "{failed:?}");
        assert_eq!(sim.service("shop_migrate").await.unwrap().unwrap().spec, before);
    }
}
