//! Services and their updater, against what a real engine was seen to do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::time::Duration;

use engine::{Api, Error, TaskFilter, TaskState, UpdateState};
use serde_json::{Value, json};
use sim::{Behaviour, Sim};
use support::{SECOND, image, running, seconds, service, spec, tasks, until_update, update, with};

#[tokio::test(start_paused = true)]
async fn a_task_passes_through_its_states_to_running() {
    let sim = Sim::new(1);
    sim.create_service(&spec("api", "api:1"), None).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..200 {
        let state = tasks(&sim, "api").await[0].status.state;
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let expected = [
        TaskState::New,
        TaskState::Pending,
        TaskState::Assigned,
        TaskState::Preparing,
        TaskState::Ready,
        TaskState::Starting,
        TaskState::Running,
    ];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_moves_the_version_by_itself() {
    let sim = Sim::new(1);
    sim.create_service(
        &with(spec("api", "api:1"), json!({ "UpdateConfig": { "Monitor": 2 * SECOND } })),
        None,
    )
    .await
    .unwrap();
    seconds(2).await;
    let before = service(&sim, "api").await;
    assert!(before.update_status.is_none() && before.previous_spec.is_none());
    sim.update_service(&before.id, before.version, &image(Value::clone(&before.spec), "api:2"), None)
        .await
        .unwrap();
    let updating = service(&sim, "api").await;
    assert_eq!(updating.update_state(), Some(UpdateState::Updating));
    assert_eq!(updating.previous_spec.unwrap(), before.spec);
    until_update(&sim, "api", &[UpdateState::Completed]).await;
    let after = service(&sim, "api").await;
    assert!(before.version < updating.version && updating.version < after.version);
    let stale = sim.update_service(&after.id, updating.version, &after.spec, None).await.unwrap_err();
    assert!(matches!(stale, Error::OutOfSequence { .. }), "{stale:?}");
    assert_eq!(running(&sim, "api").await, ["api:2"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_changes_nothing_overwrites_the_previous_spec_and_touches_no_task() {
    let sim = Sim::new(1);
    sim.create_service(&spec("api", "api:1"), None).await.unwrap();
    seconds(2).await;
    update(&sim, "api", |spec| image(spec, "api:2")).await;
    until_update(&sim, "api", &[UpdateState::Completed]).await;
    let (before, task) = (service(&sim, "api").await, tasks(&sim, "api").await.pop().unwrap().id);
    update(&sim, "api", |spec| spec).await;
    seconds(10).await;
    let after = service(&sim, "api").await;
    assert!(after.version > before.version);
    assert_eq!(after.previous_spec.as_ref(), Some(&after.spec));
    assert!(after.update_status.is_none(), "the status of the update before is gone");
    assert_eq!(tasks(&sim, "api").await.pop().unwrap().id, task);
}

#[tokio::test(start_paused = true)]
async fn start_first_keeps_the_old_task_until_the_new_one_is_up() {
    let sim = Sim::new(1);
    let config = json!({ "UpdateConfig": { "Parallelism": 1, "Order": "start-first" } });
    sim.create_service(&with(spec("api", "api:1"), config), None).await.unwrap();
    sim.behave("api:2", Behaviour::up_after(Duration::from_secs(8)));
    seconds(2).await;
    update(&sim, "api", |spec| image(spec, "api:2")).await;
    for _ in 0..200 {
        assert!(!running(&sim, "api").await.is_empty());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(running(&sim, "api").await, ["api:2"]);
}

#[tokio::test(start_paused = true)]
async fn stop_first_has_nobody_up_meanwhile_and_goes_slot_by_slot() {
    let sim = Sim::new(1);
    let config = json!({ "UpdateConfig": { "Parallelism": 1, "Delay": SECOND }, "Mode": { "Replicated": { "Replicas": 3 } } });
    sim.create_service(&with(spec("api", "api:1"), config), None).await.unwrap();
    seconds(2).await;
    update(&sim, "api", |spec| image(spec, "api:2")).await;
    let mut fewest = 3;
    let mut mixes = Vec::new();
    for _ in 0..100 {
        let up = running(&sim, "api").await;
        fewest = fewest.min(up.len());
        let new = up.iter().filter(|image| *image == "api:2").count();
        if mixes.last() != Some(&new) {
            mixes.push(new);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((fewest, mixes), (2, vec![0, 1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn an_early_exit_rolls_back_and_loses_the_previous_spec() {
    let sim = Sim::new(1);
    sim.behave("api:2", Behaviour::exits_after(Duration::from_secs(1), 3));
    let config = json!({
        "UpdateConfig": { "Parallelism": 1, "FailureAction": "rollback", "Monitor": 3 * SECOND, "Order": "start-first" },
        "Mode": { "Replicated": { "Replicas": 2 } },
    });
    sim.create_service(&with(spec("api", "api:1"), config), None).await.unwrap();
    seconds(2).await;
    let old = service(&sim, "api").await.spec;
    update(&sim, "api", |spec| image(spec, "api:2")).await;
    let seen = until_update(&sim, "api", &[UpdateState::RollbackCompleted]).await;
    assert_eq!(seen, [UpdateState::Updating, UpdateState::RollbackStarted, UpdateState::RollbackCompleted]);
    let after = service(&sim, "api").await;
    assert_eq!(after.spec, old);
    assert_eq!(after.previous_spec, None, "nothing to build a rollback on");
    assert_eq!(running(&sim, "api").await, ["api:1", "api:1"]);
    let failed = tasks(&sim, "api").await.into_iter().find(|task| task.status.exit_code == Some(3)).unwrap();
    assert_eq!(
        (failed.status.state, failed.status.err.as_str()),
        (TaskState::Failed, "task: non-zero exit (3)")
    );
}

#[tokio::test(start_paused = true)]
async fn a_one_shot_that_succeeds_within_the_monitor_period_pauses_its_update() {
    let sim = Sim::new(1);
    for tag in ["gate:1", "gate:2"] {
        sim.behave(tag, Behaviour::exits_after(Duration::from_secs(1), 0));
    }
    let mut gate = spec("gate", "gate:1");
    gate["TaskTemplate"]["RestartPolicy"] = json!({ "Condition": "none" });
    sim.create_service(&gate, None).await.unwrap();
    seconds(5).await;
    let first = tasks(&sim, "gate").await;
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].status.state, first[0].desired_state), (TaskState::Complete, TaskState::Shutdown));
    update(&sim, "gate", |spec| spec).await;
    seconds(5).await;
    assert_eq!(tasks(&sim, "gate").await.len(), 1, "an unchanged spec does not run again");
    update(&sim, "gate", |spec| image(spec, "gate:2")).await;
    until_update(&sim, "gate", &[UpdateState::Paused]).await;
    let message = service(&sim, "gate").await.update_status.unwrap().message;
    let task = tasks(&sim, "gate").await.pop().unwrap();
    assert_eq!(message, format!("update paused due to failure or early termination of task {}", task.id));
    assert_eq!(task.status.exit_code, Some(0));
}

#[tokio::test(start_paused = true)]
async fn with_rollback_swarm_runs_the_old_one_shot_again_after_the_new_one() {
    let sim = Sim::new(1);
    for tag in ["gate:1", "gate:2"] {
        sim.behave(tag, Behaviour::exits_after(Duration::from_secs(1), 0));
    }
    let mut gate = with(
        spec("gate", "gate:1"),
        json!({ "UpdateConfig": { "FailureAction": "rollback", "Monitor": 60 * SECOND } }),
    );
    gate["TaskTemplate"]["RestartPolicy"] = json!({ "Condition": "none" });
    sim.create_service(&gate, None).await.unwrap();
    seconds(5).await;
    update(&sim, "gate", |spec| image(spec, "gate:2")).await;
    seconds(60).await;
    let images: Vec<_> = tasks(&sim, "gate").await.iter().map(|task| task.image().to_owned()).collect();
    assert_eq!(images, ["gate:1", "gate:2", "gate:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_keeps_five_tasks_and_the_policys_delay() {
    let sim = Sim::new(1);
    sim.behave("api:1", Behaviour::exits_after(Duration::from_secs(1), 7));
    let mut api = spec("api", "api:1");
    api["TaskTemplate"]["RestartPolicy"] =
        json!({ "Condition": "on-failure", "Delay": 2 * SECOND, "MaxAttempts": 9 });
    sim.create_service(&api, None).await.unwrap();
    seconds(20).await;
    let kept = tasks(&sim, "api").await;
    assert_eq!(kept.len(), 5);
    assert!(
        kept.iter().any(|task| task.status.state == TaskState::Failed && task.status.exit_code == Some(7))
    );
    seconds(60).await;
    let last = tasks(&sim, "api").await.pop().unwrap();
    assert_eq!(last.status.state, TaskState::Failed, "after nine attempts it is left alone");
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_and_an_unhealthy_container_say_so() {
    let sim = Sim::new(1);
    sim.behave("gone:1", Behaviour::missing());
    sim.behave("sick:1", Behaviour::unhealthy_after(Duration::from_secs(3)));
    for (name, image) in [("gone", "gone:1"), ("sick", "sick:1")] {
        sim.create_service(&spec(name, image), None).await.unwrap();
    }
    seconds(5).await;
    let gone = &tasks(&sim, "gone").await[0];
    assert_eq!((gone.status.state, gone.status.err.as_str()), (TaskState::Rejected, "No such image: gone:1"));
    assert_eq!(gone.status.exit_code, None);
    let sick = &tasks(&sim, "sick").await[0];
    let err = "task: non-zero exit (137): dockerexec: unhealthy container";
    assert_eq!((sick.status.state, sick.status.err.as_str()), (TaskState::Failed, err));
    assert_eq!(sim.distribution("gone:1", None).await.unwrap(), None);
    assert!(sim.distribution("api:1", None).await.unwrap().unwrap().digest.starts_with("sha256:"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_placed_stays_pending_with_the_reason_and_the_update_never_ends() {
    let sim = Sim::with_nodes(1, 2);
    sim.create_service(&spec("api", "api:1"), None).await.unwrap();
    seconds(2).await;
    let constrain = |mut spec: serde_json::Value| {
        spec["TaskTemplate"]["Placement"] = json!({ "Constraints": ["node.labels.disk==ssd"] });
        spec
    };
    update(&sim, "api", constrain).await;
    seconds(600).await;
    assert_eq!(service(&sim, "api").await.update_state(), Some(UpdateState::Updating));
    let task = tasks(&sim, "api").await.pop().unwrap();
    assert_eq!((task.status.state, task.node_id), (TaskState::Pending, None));
    assert_eq!(task.status.err, "no suitable node (scheduling constraints not satisfied on 2 nodes)");
    sim.label_node("node-2", "disk", "ssd");
    until_update(&sim, "api", &[UpdateState::Completed]).await;
    let nodes = sim.nodes().await.unwrap();
    let node_2 = nodes.iter().find(|node| node.hostname() == "node-2").unwrap();
    let up =
        tasks(&sim, "api").await.into_iter().find(|task| task.status.state == TaskState::Running).unwrap();
    assert_eq!(up.node_id.as_ref(), Some(&node_2.id));
}

#[tokio::test(start_paused = true)]
async fn without_an_ingress_address_a_task_stays_new_without_a_word() {
    let sim = Sim::new(1);
    sim.set_ingress_addresses(false);
    let ports = json!({ "EndpointSpec": { "Ports": [{ "TargetPort": 80, "PublishedPort": 8080 }] } });
    sim.create_service(&with(spec("api", "api:1"), ports), None).await.unwrap();
    seconds(60).await;
    let task = tasks(&sim, "api").await.pop().unwrap();
    assert_eq!((task.status.state, task.status.err.as_str(), task.node_id), (TaskState::New, "", None));
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_again_at_every_update_unchanged_or_not() {
    let sim = Sim::new(1);
    sim.behave("job:1", Behaviour::exits_after(Duration::from_secs(1), 0));
    let mode = json!({ "Mode": { "ReplicatedJob": { "MaxConcurrent": 1, "TotalCompletions": 2 } } });
    sim.create_service(&with(spec("job", "job:1"), mode), None).await.unwrap();
    seconds(10).await;
    assert_eq!(tasks(&sim, "job").await.len(), 2);
    update(&sim, "job", |spec| spec).await;
    seconds(10).await;
    let tasks = tasks(&sim, "job").await;
    assert_eq!(tasks.len(), 4);
    assert!(tasks.iter().all(|task| task.status.state == TaskState::Complete && task.desired_state == TaskState::Complete));
    assert_ne!(tasks[0].job_iteration, tasks[3].job_iteration);
}

#[tokio::test(start_paused = true)]
async fn scaling_touches_no_running_task_and_has_no_update_status() {
    let sim = Sim::new(1);
    sim.create_service(&spec("api", "api:1"), None).await.unwrap();
    seconds(2).await;
    let first = tasks(&sim, "api").await[0].id.clone();
    let scale =
        |replicas: u64| move |spec| with(spec, json!({ "Mode": { "Replicated": { "Replicas": replicas } } }));
    update(&sim, "api", scale(3)).await;
    seconds(2).await;
    assert_eq!(running(&sim, "api").await.len(), 3);
    update(&sim, "api", scale(1)).await;
    seconds(2).await;
    let left = tasks(&sim, "api").await;
    assert_eq!(left.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), [first]);
    assert!(service(&sim, "api").await.update_status.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_global_service_has_a_task_on_every_node_and_moves_with_them() {
    let sim = Sim::with_nodes(1, 3);
    sim.create_service(&with(spec("agent", "agent:1"), json!({ "Mode": { "Global": {} } })), None)
        .await
        .unwrap();
    seconds(2).await;
    assert_eq!(running(&sim, "agent").await.len(), 3);
    sim.set_node_ready("node-3", false);
    seconds(2).await;
    assert_eq!(running(&sim, "agent").await.len(), 2);
    sim.set_node_ready("node-3", true);
    seconds(2).await;
    assert_eq!(running(&sim, "agent").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn names_modes_and_sizes_are_refused_in_the_managers_words() {
    let sim = Sim::new(1);
    sim.create_service(&spec("api", "api:1"), None).await.unwrap();
    let version = service(&sim, "api").await.version;
    let refused = [
        (
            sim.create_service(&spec("a b", "x"), None).await.map(drop),
            "name must be valid as a DNS name component",
        ),
        (
            sim.create_service(&spec(&"x".repeat(64), "x"), None).await.map(drop),
            "name must be 63 characters or fewer",
        ),
        (
            sim.create_service(&spec("x", ""), None).await.map(drop),
            "ContainerSpec: image reference must be provided",
        ),
        (sim.create_service(&spec("API", "x"), None).await.map(drop), "service API already exists"),
        (
            sim.update_service("api", version, &spec("other", "x"), None).await.map(drop),
            "renaming services is not supported",
        ),
        (
            sim.update_service(
                "api",
                version,
                &with(spec("api", "x"), json!({ "Mode": { "Global": {} } })),
                None,
            )
            .await
            .map(drop),
            "service mode change is not allowed",
        ),
        (sim.update_service("nix", 1, &spec("nix", "x"), None).await.map(drop), "service nix not found"),
    ];
    for (result, words) in refused {
        let error = result.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_run() {
    async fn run(seed: u64) -> String {
        let sim = Sim::new(seed);
        sim.behave("api:2", Behaviour::exits_after(Duration::from_secs(1), 3));
        sim.create_service(&spec("api", "api:1"), None).await.unwrap();
        seconds(2).await;
        update(&sim, "api", |spec| image(spec, "api:2")).await;
        seconds(30).await;
        format!("{:?} {:?}", service(&sim, "api").await, sim.tasks(&TaskFilter::default()).await.unwrap())
    }
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
}
