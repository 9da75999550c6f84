//! The stack that the seeds deploy: a database that comes first, a gate, and two applications behind it, in two releases.

#[path = "../support/deploys.rs"]
mod deploys;

use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) use deploys::silence;

use deploy::{Options, ResolveImage};
use sim::{Behaviour, Sim};
use stackfile::Desired;

/// The stack's name.
pub(crate) const STACK: &str = "shop";
/// Its services that are not gates, and how many tasks each has.
pub(crate) const SERVICES: [(&str, usize); 3] = [("shop_db", 1), ("shop_api", 2), ("shop_worker", 1)];
/// How long a gate runs.
pub(crate) const GATE_RUNS: Duration = Duration::from_secs(4);

/// How the second release behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Second {
    /// As it should.
    Good,
    /// Its gate exits with code 1.
    GateFails,
    /// Its gate exits with code 0 and reports rows that are not the heads.
    GateLies,
    /// Its API exits soon after each start.
    ApiCrashes,
    /// The image of its worker does not exist.
    WorkerMissing,
    /// Its API never becomes healthy.
    ApiUnhealthy,
}

impl Second {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Good,
        Self::GateFails,
        Self::GateLies,
        Self::ApiCrashes,
        Self::WorkerMissing,
        Self::ApiUnhealthy,
    ];

    /// Whether the gate refuses it.
    pub(crate) fn is_refused(self) -> bool {
        matches!(self, Self::GateFails | Self::GateLies)
    }
}

/// The gates' starts: when, and of which image.
pub(crate) type Gates = Arc<Mutex<Vec<(Duration, &'static str)>>>;

/// Tells the simulator how the images of both releases behave.
pub(crate) fn teach(sim: &Sim, second: Second) -> Gates {
    let gates = Gates::default();
    sim.behave("db:1", Behaviour::up_after(Duration::from_secs(2)));
    sim.behave("migrate:1", gate("migrate:1", "one", "one", 0, &gates));
    let (row, code) = match second {
        Second::GateFails => ("one", 1),
        Second::GateLies => ("one", 0),
        _ => ("two", 0),
    };
    sim.behave("migrate:2", gate("migrate:2", row, "two", code, &gates));
    sim.behave(
        "api:2",
        match second {
            Second::ApiCrashes => {
                Behaviour::exits_after(Duration::from_secs(1), 7).complains(Duration::ZERO, "boom")
            }
            Second::ApiUnhealthy => Behaviour::unhealthy_after(Duration::from_secs(5)),
            _ => Behaviour::up_after(Duration::from_secs(3)),
        },
    );
    sim.behave(
        "worker:2",
        match second {
            Second::WorkerMissing => Behaviour::missing(),
            _ => Behaviour::default().stops_in(Duration::from_secs(5)),
        },
    );
    gates
}

fn gate(image: &'static str, row: &str, head: &str, code: i64, gates: &Gates) -> Behaviour {
    let outcome = if code == 0 { "migrated" } else { "failed" };
    let report = format!(
        r#"{{"event":"report","run":"${{TIDEGATE_RUN}}","rows_before":[],"rows":["{row}"],"heads":["{head}"],"applied":[],"outcome":"{outcome}","error":null,"message":"m"}}"#
    );
    let gates = Arc::clone(gates);
    Behaviour::exits_after(GATE_RUNS, code)
        .says(Duration::from_secs(3), report)
        .on_start(move |start| gates.lock().unwrap().push((start.at, image)))
}

/// The stack in its first or second release.
pub(crate) fn release(number: u32) -> Desired {
    let text = format!(
        r#"
x-tidegate:
  environment: staging
services:
  db:
    image: db:1
    networks: [back]
    healthcheck: {{test: [CMD, "true"]}}
  migrate:
    image: migrate:{number}
    command: [tidegate, migrate]
    networks: [back]
    depends_on: {{db: {{condition: service_healthy}}}}
    deploy:
      restart_policy: {{condition: on-failure}}
      labels: {{tidegate.gate: "true"}}
  api:
    image: api:{number}
    networks: [back, front]
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
    healthcheck: {{test: [CMD, "true"]}}
    environment: {{RELEASE: "{number}"}}
    deploy:
      replicas: 2
      update_config: {{order: start-first, parallelism: 1, failure_action: rollback, monitor: 5s}}
  worker:
    image: worker:{number}
    networks: [back]
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
    deploy:
      update_config: {{parallelism: 1, monitor: 2s}}
networks:
  back: {{}}
  front: {{}}
"#
    );
    deploys::desired(STACK, &text)
}

/// A deployer's options; `run` tells the deployers apart.
pub(crate) fn options(run: &str) -> Options {
    Options { resolve_image: ResolveImage::Always, ..deploys::options(run) }
}
