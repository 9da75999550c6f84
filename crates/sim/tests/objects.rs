//! Networks, configs and secrets, logs and events.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::time::Duration;

use engine::{
    Api, Error, EventFilter, FileKind, FileObject, Filter, LogOptions, LogSource, LogStream, TaskFilter,
    TaskState,
};
use serde_json::{Value, json};
use sim::{Behaviour, Sim};
use support::{SECOND, image, seconds, service, spec, tasks, update};

#[tokio::test(start_paused = true)]
async fn a_configs_name_is_unique_and_only_its_labels_change() {
    let sim = Sim::new(1);
    let made = FileObject::spec("lease", [("holder", "a")], b"{}");
    let id = sim.create_file_object(FileKind::Config, &made).await.unwrap();
    let taken = sim
        .create_file_object(FileKind::Config, &FileObject::spec::<&str, &str>("LEASE", [], b"x"))
        .await
        .unwrap_err();
    assert!(matches!(taken, Error::NameConflict { .. }), "{taken:?}");
    let config = sim.file_object(FileKind::Config, "lease").await.unwrap().unwrap();
    assert_eq!((config.data().unwrap().as_slice(), config.label("holder")), (b"{}".as_slice(), Some("a")));

    let taken_over = config.relabelled([("holder", "b")]);
    sim.update_file_object(FileKind::Config, &id, config.version, &taken_over).await.unwrap();
    let late = sim
        .update_file_object(FileKind::Config, &id, config.version, &config.relabelled([("holder", "c")]))
        .await;
    assert!(matches!(late, Err(Error::OutOfSequence { .. })));
    let config = sim.file_object(FileKind::Config, &id).await.unwrap().unwrap();
    assert_eq!(config.label("holder"), Some("b"));

    let mut other = Value::clone(&config.spec);
    other["Data"] = json!("eA==");
    let refused = sim.update_file_object(FileKind::Config, &id, config.version, &other).await.unwrap_err();
    assert!(refused.to_string().contains("only updates to Labels are allowed"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_file_in_use_cannot_be_removed_and_a_secret_cannot_be_read() {
    let sim = Sim::new(1);
    let made = FileObject::spec::<&str, &str>("key", [], b"swordfish");
    let id = sim.create_file_object(FileKind::Secret, &made).await.unwrap();
    let secret = sim.file_object(FileKind::Secret, "key").await.unwrap().unwrap();
    assert!(secret.data().is_none() && !format!("{secret:?}").contains("c3dv"));
    let mut api = spec("api", "api:1");
    api["TaskTemplate"]["ContainerSpec"]["Secrets"] = json!([{ "SecretID": id, "SecretName": "key" }]);
    sim.create_service(&api, None).await.unwrap();
    let used = sim.remove_file_object(FileKind::Secret, &id).await.unwrap_err();
    assert!(matches!(&used, Error::InUse { message, .. } if message.contains("service: api")), "{used:?}");
    sim.remove_service("api").await.unwrap();
    assert!(sim.remove_file_object(FileKind::Secret, &id).await.unwrap());
    assert!(!sim.remove_file_object(FileKind::Secret, &id).await.unwrap());
    let missing = sim.create_service(&api, None).await.unwrap_err();
    assert!(missing.to_string().contains("secret not found: key"), "{missing}");
}

#[tokio::test(start_paused = true)]
async fn limits_on_configs_and_secrets_are_the_managers() {
    let sim = Sim::new(1);
    for (kind, limit) in [(FileKind::Config, 1_024_000), (FileKind::Secret, 512_000)] {
        for (name, size, fits) in [
            ("a", limit - 1, true),
            ("b", limit, false),
            ("c", 0, false),
            ("d d", 1, false),
            ("-e", 1, false),
        ] {
            let made = FileObject::spec::<&str, &str>(name, [], &vec![b'x'; size]);
            assert_eq!(
                sim.create_file_object(kind, &made).await.is_ok(),
                fits,
                "{kind} {name} of {size} bytes"
            );
        }
    }
}

/// The founding failure: `stack rm`, then a deploy at once.
#[tokio::test(start_paused = true)]
async fn a_removed_network_haunts_its_node_until_the_last_container_has_left() {
    let sim = Sim::new(1);
    sim.behave("api:1", Behaviour::default().stops_in(Duration::from_secs(30)));
    let network = sim.create_network(&json!({ "Name": "shop_back", "Driver": "overlay" })).await.unwrap();
    let mut api = spec("api", "api:1");
    api["Labels"] = json!({ "com.docker.stack.namespace": "shop" });
    api["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"] = json!(60 * SECOND);
    api["TaskTemplate"]["Networks"] = json!([{ "Target": "shop_back" }]);
    sim.create_service(&api, None).await.unwrap();
    assert_eq!(service(&sim, "api").await.spec["TaskTemplate"]["Networks"][0]["Target"], json!(network));
    seconds(2).await;
    let used = sim.remove_network(&network).await.unwrap_err();
    assert!(matches!(used, Error::InUse { .. }), "{used:?}");

    sim.remove_service("api").await.unwrap();
    assert!(sim.remove_network(&network).await.unwrap());
    assert!(sim.network("shop_back").await.unwrap().is_some(), "its node still shows it");
    let joined = sim.create_service(&api, None).await.unwrap_err();
    assert!(joined.to_string().contains("network shop_back not found"), "{joined}");
    let again = sim.create_network(&json!({ "Name": "shop_back" })).await.unwrap_err();
    assert!(matches!(again, Error::NameConflict { .. }), "{again:?}");
    let draining = sim.tasks(&TaskFilter::stack("shop")).await.unwrap();
    assert_eq!(
        (draining[0].status.state, draining[0].desired_state),
        (TaskState::Running, TaskState::Remove)
    );

    seconds(40).await;
    assert!(sim.network("shop_back").await.unwrap().is_none());
    assert!(sim.tasks(&TaskFilter::stack("shop")).await.unwrap().is_empty());
    sim.create_network(&json!({ "Name": "shop_back" })).await.unwrap();
    sim.create_service(&api, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lists_are_filtered_by_label_and_exact_name() {
    let sim = Sim::new(1);
    for (name, stack) in [("shop_a", "shop"), ("shop_ab", "shop"), ("blog_a", "blog")] {
        let mut made = spec(name, "x:1");
        made["Labels"] = json!({ "com.docker.stack.namespace": stack });
        sim.create_service(&made, None).await.unwrap();
    }
    let names = async |filter: Filter| {
        let services = sim.services(&filter).await.unwrap();
        services.iter().map(|service| service.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(Filter::stack("shop")).await, ["shop_a", "shop_ab"]);
    assert_eq!(names(Filter::names(["shop_a", "blog_a"])).await, ["blog_a", "shop_a"]);
    assert_eq!(names(Filter::stack("nix")).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_line_by_line_with_the_tasks_environment_in_it() {
    let sim = Sim::new(1);
    let behaviour = Behaviour::exits_after(Duration::from_secs(3), 0)
        .says(Duration::ZERO, "run ${RUN} begins")
        .complains(Duration::from_secs(1), "hm")
        .says(Duration::from_mins(1), "never reached");
    sim.behave("gate:1", behaviour);
    let mut gate = spec("gate", "gate:1");
    gate["TaskTemplate"]["ContainerSpec"]["Env"] = json!(["RUN=r1"]);
    gate["TaskTemplate"]["RestartPolicy"] = json!({ "Condition": "none" });
    sim.create_service(&gate, None).await.unwrap();
    let mut followed = sim.follow_logs(LogSource::Service("gate"), &LogOptions::default()).await.unwrap();
    let first = followed.next().await.unwrap().unwrap();
    assert_eq!((first.text.as_str(), first.stream), ("run r1 begins", LogStream::Stdout));
    assert_eq!(first.task_id, tasks(&sim, "gate").await[0].id);
    let second = followed.next().await.unwrap().unwrap();
    assert_eq!((second.text.as_str(), second.stream), ("hm", LogStream::Stderr));
    seconds(100).await;
    let tail = LogOptions { tail: Some(1), since: None };
    let last = sim.logs(LogSource::Task(&first.task_id), &tail).await.unwrap();
    assert_eq!(last, [second]);
    sim.remove_service("gate").await.unwrap();
    assert!(followed.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn events_tell_of_updates_as_they_happen() {
    let sim = Sim::new(1);
    sim.create_service(&spec("api", "api:1"), None).await.unwrap();
    seconds(2).await;
    let filter = EventFilter { kinds: vec!["service".into()], labels: vec![] };
    let mut events = sim.events(&filter).await.unwrap();
    update(&sim, "api", |spec| image(spec, "api:2")).await;
    let mut states = Vec::new();
    for _ in 0..3 {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!((event.kind.as_str(), event.action.as_str()), ("service", "update"));
        states.push(event.attributes.get("updatestate.new").cloned().unwrap_or_default());
    }
    assert_eq!(states, ["", "updating", "completed"]);
}
