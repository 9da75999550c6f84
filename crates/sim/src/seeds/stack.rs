//! The stack that the seeds deploy: a database that comes first, a gate, and applications behind it, in three releases. The
//! second release is the one under attack; it brings a service and a network of its own.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deploy::{Holder, Options, Records, ResolveImage};
use stackfile::{Desired, Input};

use super::faults::{Faults, Second};
use crate::{Behaviour, Sim};

/// The stack's name.
pub(super) const STACK: &str = "shop";
/// Its services behind the gate: what no release may touch whose gate was not crossed.
pub(super) const BEHIND_THE_GATE: [&str; 3] = ["shop_api", "shop_worker", "shop_mail"];
/// How long a gate runs where nothing else is said.
const GATE_RUNS: Duration = Duration::from_secs(3);
/// How long a task must stay up, by the stack file.
pub(super) const MONITOR: Duration = Duration::from_secs(2);
/// A secret value: in no output, record or error may it be seen.
pub(super) const CANARY: &str = "canary-7f3a";

/// The services of a release that are not gates, the image of each, and how many tasks it has.
pub(super) fn services(release: u32) -> Vec<(&'static str, String, usize)> {
    let mut services = vec![
        ("shop_db", "db:1".to_owned(), 1),
        ("shop_api", format!("api:{release}"), 2),
        ("shop_worker", format!("worker:{release}"), 1),
    ];
    if release > 1 {
        services.push(("shop_mail", format!("mail:{release}"), 1));
    }
    services
}

/// One run of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) image: &'static str,
    pub(super) began: Duration,
    /// When it ended, if it has, by itself or because it was stopped.
    pub(super) ended: Option<Duration>,
}

/// The runs of gates.
#[derive(Clone, Debug, Default)]
pub(super) struct Gates {
    lasts: Duration,
    runs: Arc<Mutex<Vec<Run>>>,
}

impl Gates {
    fn began(&self, image: &'static str, began: Duration) {
        self.lock().push(Run { image, began, ended: None });
    }

    fn ended(&self, image: &str, began: Duration, ended: Duration) {
        let mut runs = self.lock();
        if let Some(run) = runs.iter_mut().find(|run| run.image == image && run.began == began) {
            run.ended = Some(ended);
        }
    }

    /// Whether a gate of the attacked release has run to its own end.
    pub(super) fn crossed(&self, now: Duration) -> bool {
        let whole = |run: &Run| run.ended.unwrap_or(now) >= run.began + self.lasts;
        self.lock().iter().any(|run| run.image == "migrate:2" && whole(run))
    }

    /// Two runs that were there at the same time.
    pub(super) fn overlap(&self) -> Option<(Run, Run)> {
        let mut runs = self.lock().clone();
        runs.sort_by_key(|run| run.began);
        let mut pairs =
            runs.windows(2).filter(|pair| pair[0].ended.is_none_or(|ended| ended > pair[1].began));
        pairs.next().map(|pair| (pair[0].clone(), pair[1].clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Run>> {
        // Only whole entries are ever put in.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the simulator how the images of all releases behave.
pub(super) fn teach(sim: &Sim, faults: &Faults) -> Gates {
    let second = faults.second();
    let gates = Gates { lasts: faults.gate().unwrap_or(GATE_RUNS), ..Gates::default() };
    let up = |milliseconds| Behaviour::up_after(Duration::from_millis(milliseconds));
    sim.behave("db:1", up(1000));
    let (row, code) = match second {
        Second::GateFails => ("one", 1),
        Second::GateLies => ("one", 0),
        _ => ("two", 0),
    };
    for (image, row, head, code) in
        [("migrate:1", "one", "one", 0), ("migrate:2", row, "two", code), ("migrate:3", "two", "two", 0)]
    {
        sim.behave(image, gate(image, row, head, code, &gates));
    }
    let crashes = |milliseconds| {
        Behaviour::exits_after(Duration::from_millis(milliseconds), 7).complains(Duration::ZERO, "boom")
    };
    sim.behave(
        "api:2",
        match second {
            Second::ApiCrashes => crashes(500),
            Second::ApiUnhealthy => Behaviour::unhealthy_after(Duration::from_secs(2)),
            _ => up(800),
        },
    );
    sim.behave(
        "worker:2",
        if second == Second::WorkerMissing { Behaviour::missing() } else { Behaviour::default() },
    );
    // It is up for most of the time that it has to stay up.
    sim.behave("mail:2", if second == Second::MailCrashes { crashes(1500) } else { Behaviour::default() });
    gates
}

fn gate(image: &'static str, row: &str, head: &str, code: i64, gates: &Gates) -> Behaviour {
    let outcome = if code == 0 { "migrated" } else { "failed" };
    let report = format!(
        r#"{{"event":"report","run":"${{TIDEGATE_RUN}}","rows_before":[],"rows":["{row}"],"heads":["{head}"],"applied":[],"outcome":"{outcome}","error":null,"message":"m"}}"#
    );
    let (starting, ending) = (gates.clone(), gates.clone());
    Behaviour::exits_after(gates.lasts, code)
        .says(gates.lasts / 2, report)
        .on_start(move |start| starting.began(image, start.at))
        .on_end(move |began, ended| ending.ended(image, began, ended))
}

static RELEASES: LazyLock<[Desired; 3]> = LazyLock::new(|| [1, 2, 3].map(read));

/// The stack in its first, second or third release.
pub(super) fn release(number: u32) -> Desired {
    RELEASES[number.clamp(1, 3) as usize - 1].clone()
}

fn read(number: u32) -> Desired {
    let options = stackfile::Options {
        working_dir: PathBuf::from("/"),
        environment: [("PASSWORD".to_owned(), CANARY.to_owned())].into_iter().collect(),
        ..stackfile::Options::default()
    };
    let text = text(number);
    let loaded = stackfile::load(&[Input::stdin(&text)], &options);
    let desired = loaded.and_then(|loaded| stackfile::convert(&loaded.stack, STACK));
    desired.unwrap_or_else(|errors| panic!("the seeds' own stack file is refused: {errors:#?}"))
}

fn text(number: u32) -> String {
    let (mail, post) = if number > 1 { (mail(number), "  post: {}\n") } else { (String::new(), "") };
    format!(
        r#"
x-tidegate:
  environment: staging
services:
  db:
    image: db:1
    networks: [back]
    healthcheck: {{test: [CMD, "true"]}}
    deploy: {{replicas: 1}}
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
    environment: {{RELEASE: "{number}", PASSWORD: "${{PASSWORD}}"}}
    deploy:
      replicas: 2
      restart_policy: {{delay: 500ms}}
      update_config: {{order: start-first, parallelism: 1, failure_action: rollback, monitor: 2s}}
  worker:
    image: worker:{number}
    networks: [back]
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
    deploy:
      replicas: 1
      restart_policy: {{delay: 500ms}}
      update_config: {{parallelism: 1, monitor: 2s}}
{mail}networks:
  back: {{}}
  front: {{}}
{post}"#
    )
}

fn mail(number: u32) -> String {
    format!(
        r"  mail:
    image: mail:{number}
    networks: [back, post]
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
    deploy:
      replicas: 1
      restart_policy: {{delay: 500ms}}
      update_config: {{monitor: 2s}}
"
    )
}

/// Whether a process, by its name in the lease, is known to be gone on the machine that asks.
type IsGone = fn(&str) -> bool;

/// The name, in the lease, of a process that is going to be killed.
pub(super) const DOOMED: &str = "doomed";

/// A deployer's options; `run` tells the deployers apart.
pub(super) fn options(run: &str, process: &str, is_gone: IsGone) -> Options {
    let usual = crate::options(run);
    let holder = Holder { process: process.to_owned(), is_gone, ..usual.holder };
    Options { resolve_image: ResolveImage::Always, holder, records: RECORDS.with(Records::clone), ..usual }
}

thread_local! {
    /// The same records are read again and again, and found by their texts: it does not matter whose run opened them.
    static RECORDS: Records = Records::default();
}
