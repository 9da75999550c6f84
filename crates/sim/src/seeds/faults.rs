//! The faults of one run, as a list: data that can be printed, read back, and made shorter.
//!
//! | written | means |
//! |---|---|
//! | `release=gate-fails` | how the attacked release behaves ([`Second`]) |
//! | `gate=9000` | the gates run for 9,000 ms |
//! | `12:lost-answer` | what happens to the deployer's call 12 of all calls ([`Fault`]) |
//! | `w3:foreign-edit` | the same for its writing call 3 |
//! | `crash-before-12`, `crash-after-12` | the deployer is killed around its call 12 |
//! | `crash@4500` | it is killed 4,500 ms after it began, wherever it is |
//! | `same-machine` | the next command knows that the killed process is gone, and need not wait for the lease to run out |
//! | `rival@500` | a second deployer of the same release begins after 500 ms |
//! | `edit-api@3000`, `edit-api@w5` | somebody scales a service after 3,000 ms, or after the deployer's write 5 |
//! | `tweak-api@3000` | somebody adds a label, of which the stack file says nothing; no seed does that by itself: docs/reliability.md says why |
//! | `noop-api@3000` | somebody writes the spec that the service has, once more |
//! | `fail-api@3000` | a running task of the service fails |
//! | `drain-api=3000` | the tasks that the service has take 3,000 ms to stop |
//! | `strategy=recreate` | the attacked release recreates the stack |
//! | `then=1` | the next command deploys this release instead of the attacked one |

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{Fault, Halt, When};

/// How the second release behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Second {
    /// As it should.
    #[default]
    Good,
    /// Its gate exits with code 1.
    GateFails,
    /// Its gate exits with code 0 and reports rows that are not the heads.
    GateLies,
    /// Its API exits soon after each start.
    ApiCrashes,
    /// Its API never becomes healthy.
    ApiUnhealthy,
    /// The image of its worker does not exist.
    WorkerMissing,
    /// A service that it brings with it exits within the monitor period.
    MailCrashes,
}

impl Second {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Good, "good"),
        (Self::GateFails, "gate-fails"),
        (Self::GateLies, "gate-lies"),
        (Self::ApiCrashes, "api-crashes"),
        (Self::ApiUnhealthy, "api-unhealthy"),
        (Self::WorkerMissing, "worker-missing"),
        (Self::MailCrashes, "mail-crashes"),
    ];

    /// Whether the gate refuses it.
    pub fn is_refused(self) -> bool {
        matches!(self, Self::GateFails | Self::GateLies)
    }
}

/// A service that something happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The database, which no release changes.
    Db,
    /// The API: two replicas, start-first, rolled back by Swarm itself.
    Api,
    /// The worker.
    Worker,
    /// The service that the second release brings.
    Mail,
}

impl Victim {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Db, "db"), (Self::Api, "api"), (Self::Worker, "worker"), (Self::Mail, "mail")];

    /// The service's full name.
    pub fn service(self) -> &'static str {
        match self {
            Self::Db => "shop_db",
            Self::Api => "shop_api",
            Self::Worker => "shop_worker",
            Self::Mail => "shop_mail",
        }
    }
}

/// One thing that goes wrong, or is out of the ordinary. Times are milliseconds from the begin of the attacked deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// How the attacked release behaves.
    Release(Second),
    /// How long the gates run.
    Gate(u32),
    /// The release that the next command deploys.
    Then(u32),
    /// The attacked release recreates the stack.
    Recreate,
    /// What happens to one call of the attacked deployer.
    Call(When, Fault),
    /// Where it is killed. [`Halt::At`] counts from its begin.
    Crash(Halt),
    /// The next command runs on the killed process's machine.
    SameMachine,
    /// A second deployer begins.
    Rival(u32),
    /// Somebody scales a service.
    Edit(Victim, u32),
    /// Somebody scales a service right after this write of the attacked deployer.
    EditAfter(Victim, u64),
    /// Somebody adds a label.
    Tweak(Victim, u32),
    /// Somebody writes a service's spec once more.
    Noop(Victim, u32),
    /// A running task fails.
    Fail(Victim, u32),
    /// Its tasks take this long to stop.
    Drain(Victim, u32),
}

const FAULTS: [(Fault, &str); 9] = [
    (Fault::Unreachable, "unreachable"),
    (Fault::LostRequest, "lost-request"),
    (Fault::LostAnswer, "lost-answer"),
    (Fault::Resent, "resent"),
    (Fault::StatusWrite, "status-write"),
    (Fault::ForeignEdit, "foreign-edit"),
    (Fault::NoopUpdate, "noop-update"),
    (Fault::NoLeader, "no-leader"),
    (Fault::NoLeaderAfter, "no-leader-after"),
];

fn name_of<T: Copy + PartialEq>(all: &[(T, &'static str)], wanted: T) -> &'static str {
    all.iter().find(|(value, _)| *value == wanted).map_or("unknown", |(_, name)| *name)
}

fn by_name<T: Copy>(all: &[(T, &'static str)], wanted: &str) -> Option<T> {
    all.iter().find(|(_, name)| *name == wanted).map(|(value, _)| *value)
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let victim = |victim: Victim| name_of(&Victim::ALL, victim);
        match *self {
            Self::Release(second) => write!(f, "release={}", name_of(&Second::ALL, second)),
            Self::Gate(time) => write!(f, "gate={time}"),
            Self::Then(release) => write!(f, "then={release}"),
            Self::Call(when, fault) => {
                match when {
                    When::Call(number) => write!(f, "{number}:")?,
                    When::Write(number) => write!(f, "w{number}:")?,
                }
                match fault {
                    Fault::Slow(milliseconds) => write!(f, "slow-{milliseconds}"),
                    Fault::Late(milliseconds) => write!(f, "late-{milliseconds}"),
                    Fault::Freeze(milliseconds) => write!(f, "freeze-{milliseconds}"),
                    other => f.write_str(name_of(&FAULTS, other)),
                }
            }
            Self::Crash(halt) => match halt {
                Halt::BeforeCall(number) => write!(f, "crash-before-{number}"),
                Halt::AfterCall(number) => write!(f, "crash-after-{number}"),
                Halt::BeforeWrite(number) => write!(f, "crash-before-w{number}"),
                Halt::AfterWrite(number) => write!(f, "crash-after-w{number}"),
                Halt::At(moment) => write!(f, "crash@{}", moment.as_millis()),
            },
            Self::SameMachine => f.write_str("same-machine"),
            Self::Recreate => f.write_str("strategy=recreate"),
            Self::Rival(at) => write!(f, "rival@{at}"),
            Self::Edit(service, at) => write!(f, "edit-{}@{at}", victim(service)),
            Self::EditAfter(service, write) => write!(f, "edit-{}@w{write}", victim(service)),
            Self::Tweak(service, at) => write!(f, "tweak-{}@{at}", victim(service)),
            Self::Noop(service, at) => write!(f, "noop-{}@{at}", victim(service)),
            Self::Fail(service, at) => write!(f, "fail-{}@{at}", victim(service)),
            Self::Drain(service, time) => write!(f, "drain-{}={time}", victim(service)),
        }
    }
}

/// A piece of text that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fault; the module `sim::seeds::faults` lists them")]
pub struct NoFault(String);

impl FromStr for Item {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        parse(text).ok_or_else(|| NoFault(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Item> {
    if text == "same-machine" {
        return Some(Item::SameMachine);
    }
    if text == "strategy=recreate" {
        return Some(Item::Recreate);
    }
    if let Some(halt) = text.strip_prefix("crash").and_then(parse_halt) {
        return Some(Item::Crash(halt));
    }
    if let Some((when, fault)) = text.split_once(':') {
        let when = match when.strip_prefix('w') {
            Some(number) => When::Write(number.parse().ok()?),
            None => When::Call(when.parse().ok()?),
        };
        return Some(Item::Call(when, parse_fault(fault)?));
    }
    if let Some((key, value)) = text.split_once('=') {
        return match key {
            "release" => Some(Item::Release(by_name(&Second::ALL, value)?)),
            "gate" => Some(Item::Gate(value.parse().ok()?)),
            "then" => Some(Item::Then(value.parse().ok()?)),
            key => {
                Some(Item::Drain(by_name(&Victim::ALL, key.strip_prefix("drain-")?)?, value.parse().ok()?))
            }
        };
    }
    let (what, at) = text.split_once('@')?;
    if what == "rival" {
        return Some(Item::Rival(at.parse().ok()?));
    }
    let (what, victim) = what.split_once('-')?;
    let victim = by_name(&Victim::ALL, victim)?;
    Some(match (what, at.strip_prefix('w')) {
        ("edit", Some(write)) => Item::EditAfter(victim, write.parse().ok()?),
        ("edit", None) => Item::Edit(victim, at.parse().ok()?),
        ("tweak", None) => Item::Tweak(victim, at.parse().ok()?),
        ("noop", None) => Item::Noop(victim, at.parse().ok()?),
        ("fail", None) => Item::Fail(victim, at.parse().ok()?),
        _ => return None,
    })
}

fn parse_fault(text: &str) -> Option<Fault> {
    if let Some(milliseconds) = text.strip_prefix("slow-") {
        return Some(Fault::Slow(milliseconds.parse().ok()?));
    }
    if let Some(milliseconds) = text.strip_prefix("late-") {
        return Some(Fault::Late(milliseconds.parse().ok()?));
    }
    if let Some(milliseconds) = text.strip_prefix("freeze-") {
        return Some(Fault::Freeze(milliseconds.parse().ok()?));
    }
    by_name(&FAULTS, text)
}

fn parse_halt(text: &str) -> Option<Halt> {
    if let Some(milliseconds) = text.strip_prefix('@') {
        return Some(Halt::At(Duration::from_millis(milliseconds.parse().ok()?)));
    }
    let (before, number) = match (text.strip_prefix("-before-"), text.strip_prefix("-after-")) {
        (Some(number), _) => (true, number),
        (None, Some(number)) => (false, number),
        (None, None) => return None,
    };
    Some(match (before, number.strip_prefix('w')) {
        (true, None) => Halt::BeforeCall(number.parse().ok()?),
        (false, None) => Halt::AfterCall(number.parse().ok()?),
        (true, Some(number)) => Halt::BeforeWrite(number.parse().ok()?),
        (false, Some(number)) => Halt::AfterWrite(number.parse().ok()?),
    })
}

/// A list of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Item>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{item}")?;
        }
        Ok(())
    }
}

impl FromStr for Faults {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Ok(Self(items.map(str::parse).collect::<Result<_, _>>()?))
    }
}

impl Faults {
    /// How the attacked release behaves.
    pub fn second(&self) -> Second {
        let mut given = self.0.iter().filter_map(|item| match item {
            Item::Release(second) => Some(*second),
            _ => None,
        });
        given.next().unwrap_or_default()
    }

    /// How long the gates run, if it is said.
    pub fn gate(&self) -> Option<Duration> {
        let mut given = self.0.iter().filter_map(|item| match item {
            Item::Gate(time) => Some(Duration::from_millis((*time).into())),
            _ => None,
        });
        given.next()
    }

    /// The release that the next command deploys.
    pub fn then(&self) -> u32 {
        let mut given = self.0.iter().filter_map(|item| match item {
            Item::Then(release) => Some(*release),
            _ => None,
        });
        given.next().unwrap_or(2)
    }
}
