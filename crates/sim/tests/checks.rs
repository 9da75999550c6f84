//! Checks after convergence: passing is recorded, failing puts everything back, and neither takes longer than it may.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deploy::{Answer, Asking, Error, Event, Probe, Restored, Url};
use deploys::{desired, options};
use engine::{Api, Filter};
use sim::{Behaviour, Sim};
use tokio::time::{Instant, sleep};

/// A network on which each URL and each address answers from a moment on.
#[derive(Debug)]
struct FakeNetwork {
    begun: Instant,
    answers: BTreeMap<&'static str, (Duration, u16, &'static str)>,
    asked: Mutex<u32>,
}

impl FakeNetwork {
    fn answering(answers: &[(&'static str, u64, u16, &'static str)]) -> Arc<Self> {
        let answer = |(at, after, status, body): &(&'static str, u64, u16, &'static str)| {
            (*at, (Duration::from_secs(*after), *status, *body))
        };
        let answers = answers.iter().map(answer).collect();
        Arc::new(Self { begun: Instant::now(), answers, asked: Mutex::default() })
    }

    fn ask(&self, at: &str) -> Result<Answer, String> {
        *self.asked.lock().unwrap() += 1;
        match self.answers.get(at) {
            Some((after, status, body)) if self.begun.elapsed() >= *after => {
                Ok(Answer { status: *status, body: body.as_bytes().to_vec() })
            }
            _ => Err("cannot be reached: Connection refused".to_owned()),
        }
    }
}

impl Probe for FakeNetwork {
    fn get<'a>(&'a self, url: &'a Url) -> Asking<'a, Answer> {
        Box::pin(async move {
            if url.host == "silent" {
                sleep(Duration::from_hours(1)).await;
            }
            self.ask(&url.to_string())
        })
    }

    fn connect<'a>(&'a self, address: &'a str) -> Asking<'a, ()> {
        Box::pin(async move { self.ask(address).map(drop) })
    }
}

/// A stack whose second release has a new image and these checks.
fn stack(number: u32, checks: &str) -> String {
    format!("services: {{ api: {{ image: 'api:{number}' }} }}\nx-tidegate: {{ checks: {{ {checks} }} }}\n")
}

/// Deploys the first release without checks, then the second with them.
async fn second(sim: &Sim, network: &Arc<FakeNetwork>, checks: &str) -> (Result<(), Error>, Vec<Event>) {
    let mut options = options("run");
    options.probe = Arc::clone(network) as Arc<dyn Probe>;
    deploy::deploy(sim, desired("shop", &stack(1, "")), &options, &deploys::silence).await.unwrap();
    let events: Mutex<Vec<Event>> = Mutex::default();
    let tell = |event| events.lock().unwrap().push(event);
    "second".clone_into(&mut options.holder.nonce);
    let ended = deploy::deploy(sim, desired("shop", &stack(2, checks)), &options, &tell).await;
    (ended.map(drop), events.into_inner().unwrap())
}

async fn image(sim: &Sim) -> String {
    let services = sim.services(&Filter::stack("shop")).await.unwrap();
    assert_eq!(services.len(), 1, "a check's service is left");
    services[0].image().to_owned()
}

fn reason(ended: Result<(), Error>) -> (String, Vec<String>) {
    match ended {
        Err(Error::Rollout { reason, log, restored: Restored::Whole, hint: Some(_), .. }) => (reason, log),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn checks_that_pass_in_time_let_the_release_succeed() {
    let sim = Sim::new(1);
    sim.behave("api:2", Behaviour::default());
    let network =
        FakeNetwork::answering(&[("http://a/health", 30, 200, r#"{"state":"ok"}"#), ("b:80", 25, 0, "")]);
    let checks = "web: { http: 'http://a/health', json: { /state: ok } }, port: { tcp: 'b:80' }";
    let (ended, events) = second(&sim, &network, checks).await;
    ended.unwrap();
    assert_eq!(image(&sim).await, "api:2");
    let at = |wanted: &str| {
        events.iter().position(|event| serde_json::to_string(event).unwrap().contains(wanted)).unwrap()
    };
    // All waves have converged before the first check runs, and all checks have passed before the end.
    assert!(at(r#""state":"converged""#) < at(r#""check":"web","state":"running""#));
    assert!(at(r#""check":"web","state":"passed""#) < at(r#""outcome":"succeeded""#));
    assert!(at(r#""check":"port","state":"passed""#) < at(r#""check":"web","state":"passed""#));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_puts_the_release_back_and_says_what_it_was_answered_last() {
    let sim = Sim::new(2);
    let network = FakeNetwork::answering(&[("http://a/", 0, 503, "starting")]);
    let checks = "web: { http: 'http://a', timeout: 20s }, port: { tcp: 'b:80', timeout: 5s }";
    let begun = Instant::now();
    let (ended, events) = second(&sim, &network, checks).await;
    assert_eq!(
        reason(ended).0,
        "check `web` did not pass within 20s: http://a/ answered 503 `starting` instead of 200; check `port` did not pass \
         within 5s: b:80 cannot be reached: Connection refused"
    );
    assert_eq!(image(&sim).await, "api:1");
    // Side by side and bounded: not 25 s, and each was asked once a second.
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    let asked = *network.asked.lock().unwrap();
    assert!((22..=26).contains(&asked), "{asked}");
    assert!(matches!(events.last(), Some(Event::Finished { outcome: "rolled-back", .. })), "{events:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_not_waited_for_longer_than_the_check() {
    let sim = Sim::new(3);
    let network = FakeNetwork::answering(&[]);
    let begun = Instant::now();
    let (ended, _) = second(&sim, &network, "web: { http: 'http://silent/', timeout: 3s }").await;
    assert_eq!(
        reason(ended).0,
        "check `web` did not pass within 3s: http://silent/ did not answer within 3s"
    );
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_command_is_judged_by_its_exit_code_and_its_service_is_removed() {
    for (code, passes) in [(0, true), (2, false)] {
        let sim = Sim::new(4);
        // The service itself runs on; what ends is the command beside it, which has a name of its own.
        let network = FakeNetwork::answering(&[]);
        sim.behave(
            "smoke:1",
            Behaviour::exits_after(Duration::from_secs(1), code).says(Duration::ZERO, "404"),
        );
        let checks = "smoke: { command: [smoke, --fast], service: job, timeout: 12s }";
        let text = |number: u32| {
            format!(
                "services:
  api: {{ image: 'api:{number}' }}
  job: {{ image: 'smoke:1', deploy: {{ replicas: 0 }} }}
x-tidegate: {{ checks: {{ {checks} }} }}
"
            )
        };
        let mut options = options("run");
        options.probe = network;
        let ended = deploy::deploy(&sim, desired("shop", &text(1)), &options, &deploys::silence).await;
        let services = sim.services(&Filter::stack("shop")).await.unwrap();
        if passes {
            ended.unwrap();
            assert_eq!(services.len(), 2, "a check's service is left");
        } else {
            let (reason, log) = reason(ended.map(drop));
            assert_eq!(reason, "check `smoke` did not pass within 12s: its command ended with exit code 2");
            assert_eq!(log, ["404"]);
            assert!(services.is_empty(), "something is left");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deploy_that_was_killed_in_its_checks_runs_them_again_and_leaves_nothing_of_them() {
    let sim = Sim::new(5);
    let runs = Duration::from_secs(20);
    sim.behave("smoke:1", Behaviour::exits_after(runs, 0));
    let text = "services:
  api: { image: 'api:1' }
  job: { image: 'smoke:1', deploy: { replicas: 0 } }
x-tidegate: { checks: { smoke: { command: smoke, service: job, timeout: 1m } } }
";
    let checking = Mutex::new(None);
    let tell = |event| {
        if matches!(event, Event::Check { .. }) {
            checking.lock().unwrap().get_or_insert_with(Instant::now);
        }
    };
    let (killed, first) = (sim.another(), options("first"));
    let in_its_middle = async {
        while checking.lock().unwrap().is_none_or(|begun| begun.elapsed() < runs / 2) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        ended = deploy::deploy(&killed, desired("shop", text), &first, &tell) => panic!("{ended:?}"),
        () = in_its_middle => {}
    }
    let names = async || -> Vec<String> {
        let services = sim.services(&Filter::stack("shop")).await.unwrap();
        services.iter().map(|service| service.name().to_owned()).collect()
    };
    assert_eq!(names().await, ["shop_api", "shop_check-1-r1", "shop_job"]);
    let begun = Instant::now();
    deploys::deploy_text(&sim.another(), text, "second").await.unwrap();
    assert!(begun.elapsed() >= runs, "the check was not run again");
    assert_eq!(names().await, ["shop_api", "shop_job"]);
}
