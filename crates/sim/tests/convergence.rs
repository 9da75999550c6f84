//! What keeps a service from coming up, as a deploy tells it: the reason, the log, what to do next; and everything is put back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;

use std::time::Duration;

use deploy::{Error, Restored};
use deploys::{deploy_text, desired, options, silence};
use engine::Api;
use sim::{Behaviour, Sim};
use tokio::time::Instant;

/// Deploys `api:1` and then `api:2` with more to its service, which must fail and be put back. Returns what is said of it: the
/// reason, the log and the hint.
async fn fails(sim: &Sim, deploy: &str, more: &str) -> (String, Vec<String>, String) {
    let text = |number: u32, more: &str| {
        format!("services:\n  api:\n    image: api:{number}\n    deploy: {{ {deploy} }}\n{more}")
    };
    deploy_text(sim, &text(1, ""), "first").await.unwrap();
    let before = sim.service("shop_api").await.unwrap().unwrap().spec;
    let failed = deploy_text(&sim.another(), &text(2, more), "second").await.unwrap_err();
    let hint = failed.hint().unwrap_or_default();
    let Error::Rollout { reason, log, restored: Restored::Whole, .. } = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(sim.service("shop_api").await.unwrap().unwrap().spec, before);
    (reason, log, hint)
}

#[tokio::test(start_paused = true)]
async fn a_service_that_crashes_under_failure_action_continue_has_not_come_up() {
    let sim = Sim::new(1);
    let crashes = Behaviour::exits_after(Duration::from_millis(700), 3);
    sim.behave("api:2", crashes.complains(Duration::ZERO, "no database url"));
    let update = "update_config: { failure_action: continue, monitor: 1s }, restart_policy: { delay: 500ms }";
    let (reason, log, hint) = fails(&sim, update, "").await;
    assert_eq!(reason, "service `api`: its tasks fail: 3 of the new spec ended, the last with exit code 3");
    assert_eq!(log, ["no database url"]);
    assert!(hint.contains("see its log"), "{hint}");
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_service_fails_with_the_words_of_its_healthcheck() {
    let sim = Sim::new(2);
    let sick = Behaviour::unhealthy_after(Duration::from_secs(2)).health_says("connection refused\n");
    sim.behave("api:2", sick);
    let (reason, _, hint) = fails(&sim, "update_config: { failure_action: pause }", "").await;
    assert_eq!(
        reason,
        "service `api`: Swarm paused its update: a new task ended as unhealthy; its healthcheck said, with exit code 1: \
         connection refused"
    );
    assert!(hint.contains("make the healthcheck pass"), "{hint}");
}

#[tokio::test(start_paused = true)]
async fn a_healthcheck_on_another_node_is_said_to_be_there() {
    let sim = Sim::with_nodes(3, 2);
    sim.behave("api:2", Behaviour::unhealthy_after(Duration::from_secs(2)).health_says("no"));
    let there =
        "placement: { constraints: [node.hostname == node-2] }, update_config: { failure_action: pause }";
    let (reason, _, _) = fails(&sim, there, "").await;
    assert!(reason.contains("its container is on node `node-2`: `docker inspect "), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_network_without_addresses_is_named() {
    let sim = Sim::new(4);
    deploy_text(&sim, "services: { api: { image: 'api:1' } }", "first").await.unwrap();
    sim.set_ingress_addresses(false);
    let text = "services: { api: { image: 'api:1' }, web: { image: 'web:1', ports: ['80:80'] } }";
    let failed = deploy_text(&sim, text, "second").await.unwrap_err();
    let hint = failed.hint().unwrap();
    let Error::Rollout { reason, restored: Restored::Whole, .. } = failed else { panic!("{failed:?}") };
    assert_eq!(
        reason,
        "service `web`: its tasks stay in state New without a node: there is no free address left in one of the networks \
         `shop_default` and `ingress`"
    );
    assert!(hint.contains("restart of the engine"), "{hint}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_the_flags_the_labels_or_the_default() {
    for (label, flag, seconds) in [("", None, 300), ("30s", None, 30), ("30s", Some(12), 12)] {
        let sim = Sim::new(5);
        sim.behave("api:1", Behaviour::up_after(Duration::from_hours(1)));
        let label = if label.is_empty() { String::new() } else { format!("tidegate.timeout: {label}") };
        let text = format!("services: {{ api: {{ image: 'api:1', deploy: {{ labels: {{ {label} }} }} }} }}");
        let mut options = options("run");
        options.timeout = flag.map(Duration::from_secs);
        let begun = Instant::now();
        let failed = deploy::deploy(&sim, desired("shop", &text), &options, &silence).await.unwrap_err();
        let message = failed.to_string();
        assert!(message.contains(&format!("within {seconds} s: 0 of 1 tasks")), "{message}");
        assert!(failed.hint().unwrap().contains("--timeout"), "{failed:?}");
        assert!(begun.elapsed() < Duration::from_secs(seconds + 20));
    }
}
