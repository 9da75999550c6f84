//! Secrets and configs whose content changes: new names, services that follow, old ones that go.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use deploy::{Error, Restored};
use deploys::{deploy_text, desired};
use engine::{Api, FileKind, Filter};
use serde_json::{Value, json};
use sim::{Behaviour, Halt, Sim};

/// A service that uses a config and a secret, and one that uses neither. `more` goes into the service that does.
fn stack(config: &str, secret: &str, image: &str) -> String {
    format!(
        "services:
  api:
    image: '{image}'
    configs: [conf]
    secrets: [pass]
    deploy: {{ update_config: {{ monitor: 2s }} }}
  proxy: {{ image: 'proxy:1' }}
configs: {{ conf: {{ content: '{config}' }} }}
secrets: {{ pass: {{ environment: {secret} }} }}
"
    )
}

/// The names of the stack's secrets and configs that are not records.
async fn names(sim: &Sim, kind: FileKind) -> Vec<String> {
    let mut names: Vec<String> = sim
        .file_objects(kind, &Filter::stack("shop"))
        .await
        .unwrap()
        .iter()
        .map(|o| o.name().to_owned())
        .collect();
    names.sort();
    names
}

async fn spec(sim: &Sim, service: &str) -> Value {
    Value::clone(&sim.service(service).await.unwrap().unwrap().spec)
}

/// The content that a service reads from its config.
async fn content(sim: &Sim, service: &str) -> String {
    let spec = spec(sim, service).await;
    let reference = &spec["TaskTemplate"]["ContainerSpec"]["Configs"][0];
    let name = reference["ConfigName"].as_str().unwrap();
    let object = sim.file_object(FileKind::Config, name).await.unwrap().unwrap();
    assert_eq!(
        reference["ConfigID"].as_str(),
        Some(object.id.as_str()),
        "name and id are of the same config"
    );
    String::from_utf8(object.data().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn services_follow_new_content_and_only_those_that_use_it_are_touched() {
    let sim = Sim::new(1);
    deploy_text(&sim, &stack("one", "P1", "api:1"), "first").await.unwrap();
    assert_eq!(names(&sim, FileKind::Config).await, ["shop_conf"], "the stock client's name");
    let proxy = sim.service("shop_proxy").await.unwrap().unwrap().version;
    deploy_text(&sim, &stack("two", "P1", "api:1"), "second").await.unwrap();
    assert_eq!(content(&sim, "shop_api").await, "two");
    assert_eq!(sim.service("shop_proxy").await.unwrap().unwrap().version, proxy);
    // The old one stays as long as a release can be gone back to that refers to it.
    let configs = names(&sim, FileKind::Config).await;
    assert!(
        configs.len() == 2 && configs[0] == "shop_conf" && configs[1].starts_with("shop_conf-"),
        "{configs:?}"
    );
    assert_eq!(names(&sim, FileKind::Secret).await, ["shop_pass"]);
    let again = deploy_text(&sim, &stack("two", "P1", "api:1"), "third").await.unwrap();
    assert!(!again.changed);

    deploy_text(&sim, &stack("two", "P2", "api:1"), "fourth").await.unwrap();
    let secrets = names(&sim, FileKind::Secret).await;
    assert!(secrets.len() == 2 && secrets[1].starts_with("shop_pass-"), "{secrets:?}");
    let again = deploy_text(&sim, &stack("two", "P2", "api:1"), "fifth").await.unwrap();
    assert!(!again.changed);
}

#[tokio::test(start_paused = true)]
async fn content_that_comes_back_has_its_name_again() {
    let sim = Sim::new(2);
    for (round, config) in ["one", "two", "one", "two"].into_iter().enumerate() {
        deploy_text(&sim, &stack(config, "P1", "api:1"), &format!("run-{round}")).await.unwrap();
        assert_eq!(content(&sim, "shop_api").await, config);
    }
    assert_eq!(names(&sim, FileKind::Config).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_no_kept_release_refers_to_goes() {
    let sim = Sim::new(3);
    let kept = |config: &str| format!("{}x-tidegate: {{ keep-releases: 2 }}\n", stack(config, "P1", "api:1"));
    for round in 0..6 {
        deploy_text(&sim, &kept(&format!("content {round}")), &format!("run-{round}")).await.unwrap();
    }
    let configs = names(&sim, FileKind::Config).await;
    // Two releases, and what the older of them would put back.
    assert_eq!(configs.len(), 3, "{configs:?}");
    // A name with a digest is found again also where the first name is free.
    let again = deploy_text(&sim, &kept("content 5"), "again").await.unwrap();
    assert!(!again.changed);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_takes_its_new_content_away_again() {
    let sim = Sim::new(4);
    sim.behave("api:2", Behaviour::exits_after(std::time::Duration::from_secs(1), 1));
    deploy_text(&sim, &stack("one", "P1", "api:1"), "first").await.unwrap();
    let before = spec(&sim, "shop_api").await;
    let failed = deploy_text(&sim, &stack("two", "P2", "api:2"), "second").await.unwrap_err();
    assert!(matches!(&failed, Error::Rollout { restored: Restored::Whole, .. }), "{failed:?}");
    assert_eq!(spec(&sim, "shop_api").await, before);
    assert_eq!(names(&sim, FileKind::Config).await, ["shop_conf"]);
    assert_eq!(names(&sim, FileKind::Secret).await, ["shop_pass"]);
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_call_and_run_again_it_ends_in_the_same_place() {
    let text = stack("two", "P2", "api:1");
    let mut ended = 0;
    for at in (1..200).step_by(3) {
        let sim = Sim::new(at);
        deploy_text(&sim.another(), &stack("one", "P1", "api:1"), "first").await.unwrap();
        let caller = sim.another();
        caller.halt_at(Halt::AfterCall(at));
        let mut whole = false;
        tokio::select! {
            result = deploy_text(&caller, &text, "second") => whole = result.is_ok(),
            () = tokio::time::sleep(std::time::Duration::from_mins(5)) => {}
        }
        deploy_text(&sim.another(), &text, "third").await.unwrap();
        assert_eq!(content(&sim, "shop_api").await, "two", "killed at call {at}");
        assert_eq!(names(&sim, FileKind::Config).await.len(), 2, "killed at call {at}");
        assert_eq!(names(&sim, FileKind::Secret).await.len(), 2, "killed at call {at}");
        if whole {
            ended += 1;
        }
    }
    assert!(ended > 0, "the last kills come after the end");
}

/// A secret as the stock client makes it: without a fingerprint.
async fn stock_secret(sim: &Sim, data: &str) {
    let body = json!({
        "Name": "shop_pass",
        "Labels": { "com.docker.stack.namespace": "shop" },
        "Data": BASE64_STANDARD.encode(data),
    });
    sim.create_file_object(FileKind::Secret, &body).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_the_stock_client_is_compared_by_the_engine() {
    for there in ["first secret", "another"] {
        let sim = Sim::new(5);
        stock_secret(&sim, there).await;
        let text = stack("one", "P1", "api:1");
        deploy_text(&sim, &text, "first").await.unwrap();
        // Nothing ever referred to the other one, so it goes.
        assert_eq!(names(&sim, FileKind::Secret).await.len(), 1, "{there}");
        let spec = spec(&sim, "shop_api").await;
        let name = spec["TaskTemplate"]["ContainerSpec"]["Secrets"][0]["SecretName"].as_str().unwrap();
        assert_eq!(name == "shop_pass", there == "first secret", "{name}");
        assert!(!deploy_text(&sim, &text, "second").await.unwrap().changed, "{there}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_opts_out_keeps_its_name_and_refuses_new_content() {
    let sim = Sim::new(6);
    let fixed = |config: &str| {
        stack(config, "P1", "api:1").replace(
            &format!("conf: {{ content: '{config}' }}"),
            &format!("conf: {{ content: '{config}', labels: {{ tidegate.rename: 'false' }} }}"),
        )
    };
    deploy_text(&sim, &fixed("one"), "first").await.unwrap();
    let refused = deploy_text(&sim, &fixed("two"), "second").await.unwrap_err();
    assert!(
        matches!(&refused, Error::ChangedContent { names } if names == &["config `shop_conf`"]),
        "{refused:?}"
    );
    assert_eq!(content(&sim, "shop_api").await, "one");
}

#[test]
fn names_are_no_longer_than_the_engine_allows() {
    let long = "n".repeat(64);
    let text = format!(
        "services: {{ api: {{ image: 'api:1' }} }}\nconfigs: {{ {long}: {{ content: x, name: {long} }} }}\n"
    );
    assert_eq!(desired("shop", &text).configs[0].name.len(), 64);
}
