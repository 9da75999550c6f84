//! What the engine says, step by step, and what the watch answers.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::{Service, Task};
use serde_json::{Value, json};

use super::{Count, Look, Progress, Trouble, Watch, count};

const DEADLINE: Duration = Duration::from_mins(2);

fn spec(image: &str, replicas: u64) -> Value {
    json!({
        "Name": "shop_api",
        "Mode": { "Replicated": { "Replicas": replicas } },
        // The engine names the runtime in the service's template, and not in its tasks' specs.
        "TaskTemplate": { "ContainerSpec": { "Image": image }, "Runtime": "container" },
        "UpdateConfig": { "Monitor": 3_000_000_000_u64 },
    })
}

fn service(spec: &Value, update: &str) -> Service {
    let mut service = json!({ "ID": "s1", "Version": { "Index": 7 }, "Spec": spec });
    if !update.is_empty() {
        service["UpdateStatus"] = json!({ "State": update, "Message": "as the engine says" });
    }
    serde_json::from_value(service).unwrap()
}

fn task(id: &str, image: &str, state: &str, desired: &str) -> Task {
    serde_json::from_value(json!({
        "ID": id, "ServiceID": "s1", "NodeID": "n1", "Version": { "Index": 1 },
        "Spec": { "ContainerSpec": { "Image": image } },
        "Status": { "State": state, "ContainerStatus": { "ContainerID": "c", "ExitCode": i64::from(state == "failed") * 3 } },
        "DesiredState": desired,
    }))
    .unwrap()
}

fn unplaced(id: &str, state: &str, error: &str) -> Task {
    let mut task = task(id, "v2", state, "running");
    task.node_id = None;
    task.status.err = error.to_owned();
    task
}

fn watch(spec: &Value) -> Watch {
    Watch::new(spec.clone().into(), BTreeSet::from(["old-failure".to_owned()]), DEADLINE)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An answer that took no time.
fn look(at: Duration) -> Look {
    Look { asked: at, answered: at }
}

fn trouble(progress: Progress) -> Trouble {
    match progress {
        Progress::Failed(trouble) => trouble,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[test]
fn every_task_must_run_the_new_spec_for_the_monitor_period() {
    let wanted = spec("v2", 2);
    let created = service(&wanted, "");
    let mut watch = watch(&wanted);
    let mut at = |time, tasks: &[Task]| watch.observe(look(seconds(time)), Some(&created), tasks);
    let new = [task("a", "v2", "running", "running"), task("b", "v2", "running", "running")];
    let mixed = [task("a", "v2", "running", "running"), task("old", "v1", "running", "running")];
    assert!(matches!(at(0, &mixed), Progress::Waiting { running: 1, wanted: 2, .. }));
    assert!(matches!(at(1, &new), Progress::Waiting { running: 2, wanted: 2, .. }));
    // One task is gone again: the period starts anew.
    assert!(matches!(at(3, &new[..1]), Progress::Waiting { running: 1, wanted: 2, .. }));
    assert!(matches!(at(4, &new), Progress::Waiting { .. }));
    assert!(matches!(at(6, &new), Progress::Waiting { .. }));
    assert_eq!(at(7, &new), Progress::Converged { running: 2, wanted: 2 });
}

#[test]
fn a_late_answer_does_not_count_as_time_that_a_task_was_up() {
    let wanted = spec("v2", 1);
    let (mut watch, live) = (watch(&wanted), service(&wanted, "completed"));
    let tasks = [task("a", "v2", "running", "running")];
    let mut at = |asked, answered| {
        watch.observe(Look { asked: seconds(asked), answered: seconds(answered) }, Some(&live), &tasks)
    };
    // It may have come up only just before the first answer, and may have ended just after the second question.
    assert!(matches!(at(0, 2), Progress::Waiting { .. }));
    assert!(matches!(at(3, 9), Progress::Waiting { .. }));
    assert!(matches!(at(5, 5), Progress::Converged { .. }));
}

#[test]
fn an_update_that_swarm_has_not_completed_is_not_there_and_the_wait_beside_it_counts() {
    let wanted = spec("v2", 1);
    let tasks = [task("a", "v2", "running", "running")];
    let mut watch = watch(&wanted);
    let updating = service(&wanted, "updating");
    assert!(matches!(watch.observe(look(seconds(60)), Some(&updating), &tasks), Progress::Waiting { .. }));
    let completed = service(&wanted, "completed");
    assert!(matches!(watch.observe(look(seconds(62)), Some(&completed), &tasks), Progress::Waiting { .. }));
    assert!(matches!(watch.observe(look(seconds(63)), Some(&completed), &tasks), Progress::Converged { .. }));
}

#[test]
fn an_update_that_swarm_calls_complete_while_its_tasks_crash_is_not_there() {
    let wanted = spec("v2", 1);
    let completed = service(&wanted, "completed");
    let mut watch = watch(&wanted);
    let failed = |id| task(id, "v2", "failed", "shutdown");
    // With `failure_action: continue`; each new task is up for a moment.
    let mut tasks = vec![task("a", "v2", "running", "running")];
    assert!(matches!(watch.observe(look(seconds(0)), Some(&completed), &tasks), Progress::Waiting { .. }));
    tasks = vec![failed("a"), task("b", "v2", "running", "running")];
    assert!(matches!(watch.observe(look(seconds(2)), Some(&completed), &tasks), Progress::Waiting { .. }));
    tasks = vec![failed("a"), failed("b"), task("c", "v2", "running", "running")];
    assert!(matches!(watch.observe(look(seconds(4)), Some(&completed), &tasks), Progress::Waiting { .. }));
    // Up for the monitor period of 3 s, which is too short for a service that has crashed before.
    assert!(matches!(watch.observe(look(seconds(8)), Some(&completed), &tasks), Progress::Waiting { .. }));
    tasks = vec![failed("a"), failed("b"), failed("c")];
    let trouble = trouble(watch.observe(look(seconds(8)), Some(&completed), &tasks));
    assert!(matches!(trouble, Trouble::CrashLoop { failures: 3, .. }), "{trouble}");
}

#[test]
fn a_service_whose_tasks_end_well_and_should_not_end_is_a_crash_loop() {
    let wanted = spec("v2", 1);
    let live = service(&wanted, "");
    let tasks = ["a", "b", "c"].map(|id| task(id, "v2", "complete", "shutdown"));
    let trouble = trouble(watch(&wanted).observe(look(seconds(0)), Some(&live), &tasks));
    assert_eq!(trouble.to_string(), "its tasks fail: 3 of the new spec ended, the last with exit code 0");
}

#[test]
fn a_crash_loop_ends_the_wait_but_old_failures_are_not_ours() {
    let wanted = spec("v2", 1);
    let live = service(&wanted, "");
    let failed = |id| task(id, "v2", "failed", "shutdown");
    let mut watch = watch(&wanted);
    let two = [failed("old-failure"), failed("a"), failed("b")];
    assert!(matches!(watch.observe(look(seconds(1)), Some(&live), &two), Progress::Waiting { .. }));
    let three = [failed("a"), failed("b"), failed("c")];
    let trouble = trouble(watch.observe(look(seconds(2)), Some(&live), &three));
    assert!(matches!(&trouble, Trouble::CrashLoop { failures: 3, .. }));
    let last = trouble.witness().unwrap();
    assert_eq!((last.task.as_str(), last.exit_code), ("c", Some(3)));
}

#[test]
fn a_one_shot_without_restarts_fails_at_once_and_is_there_when_completed() {
    let mut wanted = spec("v2", 1);
    wanted["TaskTemplate"]["RestartPolicy"] = json!({ "Condition": "none" });
    let live = service(&wanted, "");
    let with_policy = |mut task: Task| {
        task.spec = wanted["TaskTemplate"].clone().into();
        task
    };
    let failed = [with_policy(task("a", "v2", "failed", "shutdown"))];
    assert!(matches!(
        trouble(watch(&wanted).observe(look(seconds(0)), Some(&live), &failed)),
        Trouble::CrashLoop { failures: 1, .. }
    ));
    let complete = [with_policy(task("a", "v2", "complete", "shutdown"))];
    assert_eq!(count(&wanted, &complete), Count { running: 1, wanted: 1, outdated: 0 });
}

#[test]
fn what_swarm_does_by_itself_is_noticed_even_when_it_is_over() {
    let (old, wanted) = (spec("v1", 1), spec("v2", 1));
    let tasks = [task("a", "v2", "failed", "shutdown"), task("b", "v1", "running", "running")];
    for state in ["rollback_started", "rollback_completed"] {
        let live = service(&old, state);
        let trouble = trouble(watch(&wanted).observe(look(seconds(0)), Some(&live), &tasks));
        assert!(
            matches!(&trouble, Trouble::SwarmRolledBack { cause: Some(cause), .. } if cause.task == "a"),
            "{state}"
        );
        assert_eq!(trouble.to_string(), "Swarm rolled it back by itself: a new task ended with exit code 3");
    }
    let paused = service(&wanted, "paused");
    assert!(matches!(
        trouble(watch(&wanted).observe(look(seconds(0)), Some(&paused), &tasks)),
        Trouble::Paused { .. }
    ));
    // The same spec back without a rollback is somebody else's doing.
    let foreign = service(&old, "updating");
    assert_eq!(trouble(watch(&wanted).observe(look(seconds(0)), Some(&foreign), &tasks)), Trouble::Changed);
    assert_eq!(trouble(watch(&wanted).observe(look(seconds(0)), None, &tasks)), Trouble::Removed);
}

#[test]
fn when_a_spec_is_put_back_swarms_own_rollback_to_it_is_no_trouble() {
    let old = spec("v1", 1);
    let tasks = [task("b", "v1", "running", "running")];
    let mut watch = watch(&old).after_rollback();
    let live = service(&old, "rollback_started");
    assert!(matches!(watch.observe(look(seconds(0)), Some(&live), &tasks), Progress::Waiting { .. }));
    let live = service(&old, "rollback_completed");
    assert!(matches!(watch.observe(look(seconds(1)), Some(&live), &tasks), Progress::Waiting { .. }));
    assert!(matches!(watch.observe(look(seconds(4)), Some(&live), &tasks), Progress::Converged { .. }));
}

#[test]
fn a_task_that_cannot_be_placed_ends_the_wait_after_a_grace() {
    let wanted = spec("v2", 1);
    let live = service(&wanted, "");
    for (state, expected) in
        [("pending", "no node can take it: no suitable node"), ("new", "no free address")]
    {
        let tasks = [unplaced("a", state, if state == "pending" { "no suitable node" } else { "" })];
        let mut watch = watch(&wanted);
        assert!(matches!(watch.observe(look(seconds(5)), Some(&live), &tasks), Progress::Waiting { .. }));
        assert!(matches!(watch.observe(look(seconds(24)), Some(&live), &tasks), Progress::Waiting { .. }));
        let trouble = trouble(watch.observe(look(seconds(25)), Some(&live), &tasks));
        assert!(trouble.to_string().contains(expected), "{trouble}");
    }
    // Whoever gives it less time than that hears the same.
    let mut watch = Watch::new(wanted.clone().into(), BTreeSet::new(), seconds(3));
    let tasks = [unplaced("a", "pending", "no suitable node")];
    let trouble = trouble(watch.observe(look(seconds(3)), Some(&live), &tasks));
    assert!(matches!(trouble, Trouble::NoNode { .. }), "{trouble}");
}

#[test]
fn what_no_node_offers_is_named() {
    let mut wanted = spec("v2", 1);
    wanted["TaskTemplate"]["Placement"] = json!({ "Constraints": ["node.labels.disk == ssd"] });
    wanted["TaskTemplate"]["Resources"] =
        json!({ "Reservations": { "MemoryBytes": 1_u64 << 40, "NanoCPUs": 1_500_000_000_u64 } });
    wanted["EndpointSpec"] =
        json!({ "Ports": [{ "PublishedPort": 80, "PublishMode": "host" }, { "PublishedPort": 81 }] });
    let live = service(&wanted, "");
    for (error, expected) in [
        ("scheduling constraints not satisfied on 1 node", "its constraint is `node.labels.disk == ssd`"),
        ("insufficient resources on 1 node", "it reserves 1.500 CPUs and 1024 GiB of memory"),
        ("host-mode port already in use on 1 node", "it publishes port 80 of its node"),
    ] {
        let mut task = unplaced("a", "pending", &format!("no suitable node ({error})"));
        task.spec = wanted["TaskTemplate"].clone().into();
        let trouble = trouble(watch(&wanted).observe(look(DEADLINE), Some(&live), &[task]));
        assert_eq!(
            trouble.to_string(),
            format!("no node can take it: no suitable node ({error}); {expected}")
        );
        assert!(!trouble.hint().contains("docker node ls"), "{}", trouble.hint());
    }
}

#[test]
fn a_missing_image_ends_the_wait_and_so_does_the_deadline() {
    let wanted = spec("v2", 1);
    let live = service(&wanted, "");
    let rejected = |id| {
        let mut task = task(id, "v2", "rejected", "shutdown");
        task.status.err = "No such image: v2".to_owned();
        task
    };
    let tasks = [rejected("a"), rejected("b")];
    let missing = trouble(watch(&wanted).observe(look(seconds(3)), Some(&live), &tasks));
    assert_eq!(
        missing.to_string(),
        "its tasks are rejected: its node can neither find nor pull the image v2"
    );
    // It never ran, so it has no log.
    assert_eq!(missing.task(), None);
    let tasks = [task("a", "v2", "starting", "running")];
    let late = trouble(watch(&wanted).observe(look(DEADLINE), Some(&live), &tasks));
    assert_eq!(
        late.to_string(),
        "it did not converge within 120 s: 0 of 1 tasks run the new spec; 1 starting; a task has started and is not healthy yet"
    );
}

#[test]
fn an_update_that_waits_for_a_task_on_a_lost_node_ends_early() {
    let wanted = spec("v2", 2);
    let updating = service(&wanted, "updating");
    // The task was given to the node, given up when that was lost, and runs elsewhere now.
    let lost = task("lost", "v2", "assigned", "shutdown");
    let old = task("old", "v1", "running", "running");
    let standing = [lost.clone(), task("new", "v2", "running", "running"), old.clone()];
    let coming = [lost, task("new", "v2", "starting", "running"), old];

    let mut stuck = watch(&wanted);
    let mut at = |time, tasks: &[Task]| stuck.observe(look(seconds(time)), Some(&updating), tasks);
    assert!(matches!(at(0, &standing), Progress::Waiting { .. }));
    // While a task comes up the updater may still go on: the time begins anew.
    assert!(matches!(at(12, &coming), Progress::Waiting { .. }));
    assert!(matches!(at(14, &standing), Progress::Waiting { .. }));
    assert!(matches!(at(26, &standing), Progress::Waiting { .. }));
    assert_eq!(trouble(at(27, &standing)), Trouble::NodeLost { node: "n1".to_owned() });

    // Swarm may pause as long as the spec says between two tasks.
    let mut delayed = spec("v2", 2);
    delayed["UpdateConfig"]["Delay"] = json!(60_000_000_000_u64);
    let mut patient = watch(&delayed);
    let updating = service(&delayed, "updating");
    assert!(matches!(
        patient.observe(look(seconds(0)), Some(&updating), &standing),
        Progress::Waiting { .. }
    ));
    assert!(matches!(
        patient.observe(look(seconds(72)), Some(&updating), &standing),
        Progress::Waiting { .. }
    ));
}
