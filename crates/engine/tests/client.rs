//! The client against an engine made of fixed answers: what is sent, how far a failed call got, garbage.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod fake;

use engine::{
    Api, Error, EventFilter, FileKind, Filter, LogOptions, LogSource, Secret, ServiceMode, TaskFilter,
    TaskState, UpdateState,
};
use fake::{Fake, Reaction, answer, chunked, json, refusal};
use serde_json::json as value;

const SERVICE: &str = r#"{
    "ID": "s1", "Version": {"Index": 18446744073709551615}, "CreatedAt": "c", "UpdatedAt": "u",
    "Spec": {"Name": "shop_api", "Labels": {"a": "b"}, "Zeta": 1, "Alpha": {"Healthcheck": {"Test": ["NONE"]}},
             "TaskTemplate": {"ContainerSpec": {"Image": "api:1@sha256:0"}}, "Mode": {"Replicated": {"Replicas": 3}}},
    "UpdateStatus": {"State": "rollback_started", "Message": "m"}, "PreviousSpec": {"Name": "shop_api"}
}"#;

fn target(request: &str) -> String {
    request.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned()
}

#[tokio::test]
async fn a_service_keeps_every_field_of_its_spec_in_its_order() {
    let fake = Fake::start(vec![json(SERVICE)]);
    let service = fake.client().await.unwrap().service("shop_api").await.unwrap().unwrap();
    let expected = r#"{"Name":"shop_api","Labels":{"a":"b"},"Zeta":1,"Alpha":{"Healthcheck":{"Test":["NONE"]}},"TaskTemplate":{"ContainerSpec":{"Image":"api:1@sha256:0"}},"Mode":{"Replicated":{"Replicas":3}}}"#;
    assert_eq!(service.spec.to_string(), expected);
    assert_eq!(service.version, u64::MAX);
    assert_eq!(service.label("a"), Some("b"));
    assert_eq!(service.image(), "api:1@sha256:0");
    assert_eq!(service.mode(), ServiceMode::Replicated { replicas: 3 });
    assert_eq!(service.update_state(), Some(UpdateState::RollbackStarted));
    assert_eq!(service.previous_spec.unwrap()["Name"], "shop_api");
    assert_eq!(target(&fake.requests()[0]), "GET /v1.41/services/shop_api");
}

#[tokio::test]
async fn a_name_that_is_only_the_beginning_of_another_id_is_not_found() {
    let fake = Fake::start(vec![json(SERVICE), refusal("404 Not Found", "service s not found")]);
    let client = fake.client().await.unwrap();
    assert_eq!(client.service("s").await.unwrap(), None, "the engine also finds by the beginning of an id");
    assert_eq!(client.service("s").await.unwrap(), None);
}

#[tokio::test]
async fn lists_hold_exact_names_only_and_are_sorted() {
    let list = r#"[{"ID":"3","Version":{"Index":3},"Spec":{"Name":"b"}},{"ID":"2","Version":{"Index":2},"Spec":{"Name":"ab"}},
                   {"ID":"1","Version":{"Index":1},"Spec":{"Name":"a"}}]"#;
    let fake = Fake::start(vec![json(list), json("null")]);
    let client = fake.client().await.unwrap();
    let filter = Filter::names(["b", "a"]).and_label("k", "v w");
    let found = client.services(&filter).await.unwrap();
    assert_eq!(found.iter().map(|service| service.id.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    let expected = "GET /v1.41/services?filters=%7B%22label%22%3A%5B%22k%3Dv%20w%22%5D%2C%22name%22%3A%5B%22b%22%2C%22a%22%5D%7D";
    assert_eq!(target(&fake.requests()[0]), expected);
    let error = client.services(&filter).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
}

#[tokio::test]
async fn an_update_names_the_version_and_carries_the_credentials_only_in_its_header() {
    let fake = Fake::start(vec![json(r#"{"Warnings":["slow"]}"#), json("null")]);
    let client = fake.client().await.unwrap();
    let spec = value!({ "Name": "x", "B": 1, "A": 2 });
    let auth = Secret::new("c3dvcmRmaXNo");
    assert_eq!(client.update_service("id/1", 7, &spec, Some(&auth)).await.unwrap(), ["slow"]);
    assert!(client.update_service("id/1", 8, &spec, None).await.unwrap().is_empty());
    let requests = fake.requests();
    assert_eq!(target(&requests[0]), "POST /v1.41/services/id%2F1/update?version=7");
    assert!(requests[0].to_lowercase().contains("\r\nx-registry-auth: c3dvcmrmaxno\r\n"), "{}", requests[0]);
    assert!(requests[0].ends_with(r#"{"Name":"x","B":1,"A":2}"#), "{}", requests[0]);
    assert!(!requests[1].to_lowercase().contains("x-registry-auth"), "the engine then keeps what it has");
}

#[tokio::test]
async fn refusals_are_told_apart_by_their_words() {
    let worker = "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager.";
    let inactive = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";
    let leaderless = "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";
    let cases = [
        (
            "500 Internal Server Error",
            "rpc error: code = Unknown desc = update out of sequence",
            "OutOfSequence",
            true,
        ),
        (
            "409 Conflict",
            "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service x already exists",
            "NameConflict",
            true,
        ),
        (
            "409 Conflict",
            "rpc error: code = AlreadyExists desc = config C1 already exists",
            "NameConflict",
            true,
        ),
        ("404 Not Found", "service x not found", "NotFound", false),
        (
            "400 Bad Request",
            "rpc error: code = InvalidArgument desc = config 'c1' is in use by the following service: shop_api",
            "InUse",
            false,
        ),
        ("503 Service Unavailable", worker, "NotManager", false),
        ("503 Service Unavailable", inactive, "SwarmInactive", false),
        (
            "503 Service Unavailable",
            "Swarm is encrypted and needs to be unlocked before it can be used. Please use \"docker swarm unlock\" to unlock it.",
            "SwarmInactive",
            false,
        ),
        ("500 Internal Server Error", leaderless, "NoLeader", true),
        (
            "500 Internal Server Error",
            "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            "NoLeader",
            true,
        ),
        (
            "400 Bad Request",
            "rpc error: code = InvalidArgument desc = name must be valid as a DNS name component",
            "Refused",
            false,
        ),
        ("500 Internal Server Error", "something else", "Refused", true),
    ];
    for (status, message, kind, applied) in cases {
        let fake = Fake::start(vec![refusal(status, message)]);
        let client = fake.client().await.unwrap();
        let error = client.update_service("x", 1, &value!({ "Name": "shop_api" }), None).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{message}: {error:?}");
        assert_eq!(error.may_have_been_applied(), applied, "{error}");
        assert!(error.to_string().contains("update the service shop_api"), "{error}");
        assert!(!error.to_string().contains("rpc error"), "{error}");
        assert!(!error.hint().is_empty());
    }
}

#[tokio::test]
async fn an_empty_or_unusual_refusal_still_says_something() {
    for (body, expected) in
        [("", "HTTP status 502, without a word"), ("<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>")]
    {
        let fake = Fake::start(vec![answer("502 Bad Gateway", "", body)]);
        let error = fake.client().await.unwrap().info().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the engine refused to ask the engine about itself: {expected}")
        );
    }
}

#[tokio::test]
async fn a_write_without_an_answer_is_ambiguous_and_a_read_is_not() {
    let half = Reaction::Send(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"ID\":".to_vec());
    let reactions = [Reaction::Hang, Reaction::Send(Vec::new()), half];
    let spec = value!({ "Name": "shop_api" });
    for reaction in reactions {
        let fake = Fake::start(vec![reaction.clone(), reaction]);
        let client = fake.client().await.unwrap();
        let write = client.create_service(&spec, None).await.unwrap_err();
        assert!(
            matches!(&write, Error::Ambiguous { what, .. } if what == "create the service shop_api"),
            "{write:?}"
        );
        assert!(write.may_have_been_applied());
        let read = client.info().await.unwrap_err();
        assert!(matches!(read, Error::Timeout { .. } | Error::Interrupted { .. }), "{read:?}");
        assert!(!read.may_have_been_applied() && read.is_transient());
    }
}

#[tokio::test]
async fn what_was_not_sent_did_not_happen() {
    let fake = Fake::start(vec![]);
    let client = fake.client().await.unwrap();
    drop(fake);
    let error = client.create_service(&value!({ "Name": "x" }), None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(!error.may_have_been_applied());
}

#[tokio::test]
async fn garbage_is_an_error_and_never_a_panic() {
    let answers: Vec<Reaction> = vec![
        json("[]"),
        json("{\"ID\": 7}"),
        json("[[[[[["),
        json(&"[".repeat(100_000)),
        Reaction::Send(b"\x00\x01\x02\xff garbage".to_vec()),
        Reaction::Send(b"HTTP/1.1 999999 ?\r\n\r\n".to_vec()),
        Reaction::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec()),
        Reaction::Send(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
    ];
    for reaction in answers {
        let fake = Fake::start(vec![reaction.clone(), reaction]);
        let client = fake.client().await.unwrap();
        let read = client.service("x").await.unwrap_err();
        assert!(matches!(read, Error::Protocol { .. } | Error::Interrupted { .. }), "{read:?}");
        let write = client.create_service(&value!({ "Name": "x" }), None).await.unwrap_err();
        assert!(write.may_have_been_applied(), "{write:?}");
    }
}

#[tokio::test]
async fn the_first_contact_tells_what_is_wrong_with_the_engine() {
    let cases = [
        (answer("200 OK", "Api-Version: 1.40\r\n", "OK"), "speaks API 1.40; Tidegate speaks 1.41 to 1.51"),
        (answer("200 OK", "", "hello"), "does not name a version of the Docker Engine API"),
        (answer("503 Service Unavailable", "", "busy"), "the engine refused to greet the engine: busy"),
        (Reaction::Hang, "gave no answer within 0 s to: greet the engine"),
        (Reaction::CloseAtOnce, "cannot reach the engine at unix://"),
    ];
    for (reaction, expected) in cases {
        let fake = Fake::start_rude(vec![reaction]);
        let Err(error) = fake.client().await else { panic!("no error: {expected}") };
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn tasks_are_sorted_by_age_and_a_removed_service_has_none() {
    let task = |id: &str, at: &str, state: &str, code: i64| {
        format!(
            r#"{{"ID":"{id}","Version":{{"Index":1}},"CreatedAt":"{at}","ServiceID":"s","Slot":1,"NodeID":"","Labels":null,
                "Status":{{"State":"{state}","ContainerStatus":{{"ContainerID":"c","PID":0,"ExitCode":{code}}}}},
                "DesiredState":"shutdown"}}"#
        )
    };
    let list = format!(
        "[{},{},{}]",
        task("late", "2026-01-01T00:00:01.51Z", "running", 0),
        task("early", "2026-01-01T00:00:01.5Z", "failed", 3),
        task("odd", "2026-01-01T00:00:02Z", "levitating", 0)
    );
    let fake = Fake::start(vec![json(&list), refusal("404 Not Found", "service s not found")]);
    let client = fake.client().await.unwrap();
    let filter = TaskFilter::service("s").desired(TaskState::Running);
    let tasks = client.tasks(&filter).await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["early", "late", "odd"]);
    assert_eq!((tasks[0].status.state, tasks[0].status.exit_code), (TaskState::Failed, Some(3)));
    assert_eq!(tasks[1].status.exit_code, None, "a running container has no exit code yet");
    assert_eq!(tasks[2].status.state, TaskState::Unknown);
    assert!(tasks[0].node_id.is_none() && !tasks[0].is_wanted());
    assert!(client.tasks(&filter).await.unwrap().is_empty());
}

#[tokio::test]
async fn removing_what_is_gone_is_no_error() {
    let fake = Fake::start(vec![
        answer("200 OK", "", ""),
        refusal("404 Not Found", "secret x not found"),
        Reaction::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
    ]);
    let client = fake.client().await.unwrap();
    assert!(client.remove_service("x").await.unwrap());
    assert!(!client.remove_file_object(FileKind::Secret, "x").await.unwrap());
    assert!(client.remove_network("n").await.unwrap());
    let targets: Vec<_> = fake.requests().iter().map(|request| target(request)).collect();
    assert_eq!(targets, ["DELETE /v1.41/services/x", "DELETE /v1.41/secrets/x", "DELETE /v1.41/networks/n"]);
}

fn log_frame(text: &str) -> Vec<u8> {
    let payload = format!("2026-11-23T11:26:47.104502931Z com.docker.swarm.task.id=t {text}");
    let mut frame = vec![1, 0, 0, 0];
    frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload.as_bytes());
    frame
}

#[tokio::test]
async fn a_log_that_does_not_end_gives_what_has_come() {
    let body = [log_frame("one\n"), log_frame("two\n")].concat();
    let whole = chunked(&body, 7);
    let open = whole[..whole.len() - b"0\r\n\r\n".len()].to_vec();
    let fake = Fake::start(vec![
        Reaction::Send(whole),
        Reaction::SendAndHang(open.clone()),
        Reaction::SendAndHang(open),
    ]);
    let client = fake.client().await.unwrap();
    let options = LogOptions { tail: Some(5), since: None };
    for _ in 0..2 {
        let lines = client.logs(LogSource::Task("t"), &options).await.unwrap();
        assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    }
    let mut followed = client.follow_logs(LogSource::Service("s"), &LogOptions::default()).await.unwrap();
    assert_eq!(followed.next().await.unwrap().unwrap().text, "one");
    assert_eq!(followed.next().await.unwrap().unwrap().text, "two");
    let requests = fake.requests();
    let expected =
        "GET /v1.41/tasks/t/logs?stdout=true&stderr=true&timestamps=true&details=true&follow=false&tail=5";
    assert_eq!(target(&requests[0]), expected);
    assert!(target(&requests[2]).starts_with("GET /v1.41/services/s/logs?"));
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error() {
    let whole = chunked(b"{\"Type\":\"service\",\"Action\":\"update\",\"Actor\":{\"ID\":\"s\"}}\n", 9);
    let cut = whole[..whole.len() - 5].to_vec();
    let fake = Fake::start(vec![Reaction::Send(cut), refusal("400 Bad Request", "invalid filter")]);
    let client = fake.client().await.unwrap();
    let mut events = client.events(&EventFilter::default()).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().action, "update");
    assert!(matches!(events.next().await, Some(Err(Error::Interrupted { .. }))));
    assert!(events.next().await.is_none());
    assert!(matches!(client.events(&EventFilter::default()).await, Err(Error::Refused { status: 400, .. })));
}

#[tokio::test]
async fn an_image_that_the_registry_does_not_have_is_none() {
    let found = r#"{"Descriptor":{"digest":"sha256:ab","size":1},"Platforms":[{"architecture":"amd64","os":"linux"}]}"#;
    let fake = Fake::start(vec![json(found), refusal("404 Not Found", "manifest unknown")]);
    let client = fake.client().await.unwrap();
    let distribution = client.distribution("reg:5000/a/b:1", None).await.unwrap().unwrap();
    assert_eq!(
        (distribution.digest.as_str(), distribution.platforms[0].architecture.as_str()),
        ("sha256:ab", "amd64")
    );
    assert_eq!(client.distribution("reg:5000/a/b:2", None).await.unwrap(), None);
    assert_eq!(target(&fake.requests()[0]), "GET /v1.41/distribution/reg:5000/a/b:1/json");
}

#[tokio::test]
async fn a_control_character_in_the_credentials_shows_them_to_nobody() {
    let fake = Fake::start(vec![]);
    let client = fake.client().await.unwrap();
    let error = client.create_service(&value!({}), Some(&Secret::new("sword\nfish"))).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("fish"), "{error:?}");
}
