//! Why a service does not come up: the kinds of trouble, their words, and what to do about each.

use engine::{Task, TaskState};
use serde_json::Value;

/// Why a service does not converge. [`Trouble::hint`] says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Its tasks end, or are ended as unhealthy, again and again.
    #[error("its tasks fail: {failures} of the new spec ended, the last {last}")]
    CrashLoop {
        /// How many tasks failed.
        failures: usize,
        /// The last one.
        last: Box<Witness>,
    },
    /// A node refuses its tasks: the image is missing, a mount cannot be made.
    #[error("its tasks are rejected: {last}")]
    Rejected {
        /// The last one.
        last: Box<Witness>,
    },
    /// No node fits.
    #[error("no node can take it: {error}{}", after(asked.as_deref()))]
    NoNode {
        /// The engine's words.
        error: String,
        /// What the service asks for and no node offers, if the engine's words say which kind of thing that is.
        asked: Option<String>,
    },
    /// The manager cannot give its tasks what they need to be placed.
    #[error(
        "its tasks stay in state New without a node: there is no free address left in {}",
        one_of(networks)
    )]
    NoAddress {
        /// The networks that it joins, the ingress network among them if it publishes ports through that.
        networks: Vec<String>,
    },
    /// Swarm stopped its update.
    #[error("Swarm paused its update: {}", reason(message, cause.as_deref()))]
    Paused {
        /// The engine's words.
        message: String,
        /// What happened to a new task, if that is known.
        cause: Option<Box<Witness>>,
    },
    /// Swarm put its old spec back.
    #[error("Swarm rolled it back by itself: {}", reason(message, cause.as_deref()))]
    SwarmRolledBack {
        /// The engine's words.
        message: String,
        /// What happened to a new task, if that is known.
        cause: Option<Box<Witness>>,
    },
    /// Swarm's updater waits for a task whose node was lost before the task ran. It does not go on by itself, though the
    /// task has a successor elsewhere; only another update moves it (measured on 20.10).
    #[error(
        "node `{node}` was lost while a new task came up there, and Swarm's update of the service does not go on"
    )]
    NodeLost {
        /// The node's host name; its id, if that is all that is known.
        node: String,
    },
    /// Somebody else changed it.
    #[error("somebody else changed it meanwhile")]
    Changed,
    /// Somebody else removed it.
    #[error("somebody else removed it meanwhile")]
    Removed,
    /// Its time is up.
    #[error(
        "it did not converge within {seconds} s: {running} of {wanted} tasks run the new spec{}{}",
        after(note.as_deref()),
        after(witness.as_ref().map(|witness| format!("a task {witness}")).as_deref())
    )]
    Deadline {
        /// The bound.
        seconds: u64,
        /// Tasks that run the wanted spec.
        running: u64,
        /// Tasks that should.
        wanted: u64,
        /// What the others do.
        note: Option<String>,
        /// A task that shows what is wrong.
        witness: Option<Box<Witness>>,
    },
}

/// What is wrong with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its node could not take it.
    Rejected,
    /// Its healthcheck failed, and it was ended.
    Unhealthy,
    /// It ended by itself.
    Ended,
    /// It has started, and its healthcheck has not passed yet.
    NotHealthyYet,
}

/// A task that shows what is wrong with its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The task's id, for its log.
    pub task: String,
    /// Its node.
    pub node: Option<String>,
    /// Its container, once there was one.
    pub container: Option<String>,
    /// The image it was made from.
    pub image: String,
    /// What is wrong.
    pub fate: Fate,
    /// How it ended.
    pub exit_code: Option<i64>,
    /// The engine's words.
    pub error: String,
    /// What its healthcheck said, or why that is not known; read once the trouble is certain.
    pub health: Option<String>,
}

impl Witness {
    /// What a task of a state that is no good shows.
    pub(crate) fn of(task: &Task) -> Self {
        let status = &task.status;
        let fate = match status.state {
            TaskState::Rejected => Fate::Rejected,
            TaskState::Starting => Fate::NotHealthyYet,
            _ if status.err.contains("unhealthy") => Fate::Unhealthy,
            _ => Fate::Ended,
        };
        let error =
            if status.err.is_empty() && fate == Fate::Rejected { &status.message } else { &status.err };
        Self {
            task: task.id.clone(),
            node: task.node_id.clone(),
            container: status.container_id.clone(),
            image: task.image().to_owned(),
            fate,
            exit_code: status.exit_code,
            error: error.clone(),
            health: None,
        }
    }

    /// Whether its healthcheck's words say more.
    pub(crate) fn has_healthcheck_to_read(&self) -> bool {
        matches!(self.fate, Fate::Unhealthy | Fate::NotHealthyYet)
    }

    fn lacks_image(&self) -> bool {
        self.fate == Fate::Rejected && self.error.contains("No such image")
    }

    fn hint(&self) -> &'static str {
        match self.fate {
            Fate::Rejected if self.lacks_image() => {
                "check the image's name and tag, and push it; if its registry wants credentials, run `docker login` and deploy \
                 with --with-registry-auth"
            }
            Fate::Rejected => {
                "correct what the node complains about: the mounts, the networks or the devices of the service"
            }
            Fate::Unhealthy | Fate::NotHealthyYet => {
                "make the healthcheck pass, or give the service more time with `start_period`, `interval` and `retries` of its \
                 healthcheck"
            }
            Fate::Ended => {
                "see its log for the reason; then correct the image, its command or its configuration, and deploy again"
            }
        }
    }
}

impl std::fmt::Display for Witness {
    /// Continues "the last task", "a task".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.fate {
            Fate::Rejected if self.lacks_image() => {
                write!(f, "its node can neither find nor pull the image {}", self.image)
            }
            Fate::Rejected => f.write_str(&self.error),
            Fate::Unhealthy => f.write_str("as unhealthy"),
            Fate::NotHealthyYet => f.write_str("has started and is not healthy yet"),
            Fate::Ended => match (self.exit_code, more_than_the_code(&self.error)) {
                (Some(code), None) => write!(f, "with exit code {code}"),
                (Some(code), Some(error)) => write!(f, "with exit code {code} ({error})"),
                (None, Some(error)) => write!(f, "with: {error}"),
                (None, None) => f.write_str("without a word"),
            },
        }?;
        match &self.health {
            Some(health) => write!(f, "; {health}"),
            None => Ok(()),
        }
    }
}

/// The engine's words about an end, without what the exit code says.
fn more_than_the_code(error: &str) -> Option<&str> {
    let more = match error.strip_prefix("task: non-zero exit (") {
        Some(rest) => rest.split_once(')').map_or("", |(_, more)| more.trim_start_matches(": ")),
        None => error,
    };
    (!more.is_empty()).then_some(more)
}

/// Why Swarm stepped in: its own words name no more than a task's id, so they are used only where nothing else is known.
fn reason(message: &str, cause: Option<&Witness>) -> String {
    match cause {
        Some(cause) if matches!(cause.fate, Fate::Ended | Fate::Unhealthy) => {
            format!("a new task ended {cause}")
        }
        Some(cause) if cause.fate == Fate::Rejected => format!("a new task was rejected: {cause}"),
        Some(cause) => format!("a new task {cause}"),
        None => message.to_owned(),
    }
}

fn after(note: Option<&str>) -> String {
    note.map_or(String::new(), |note| format!("; {note}"))
}

fn one_of(networks: &[String]) -> String {
    match networks {
        [] => "one of its networks".to_owned(),
        [one] => format!("the network `{one}`"),
        [rest @ .., last] => {
            let rest: Vec<String> = rest.iter().map(|name| format!("`{name}`")).collect();
            format!("one of the networks {} and `{last}`", rest.join(", "))
        }
    }
}

impl Trouble {
    /// The task whose log may say more.
    pub fn task(&self) -> Option<&str> {
        let witness = self.witness()?;
        // A task that was rejected never ran.
        (witness.fate != Fate::Rejected).then_some(witness.task.as_str())
    }

    /// The task that shows what is wrong.
    pub fn witness(&self) -> Option<&Witness> {
        match self {
            Self::CrashLoop { last, .. } | Self::Rejected { last } => Some(last),
            Self::Paused { cause: witness, .. }
            | Self::SwarmRolledBack { cause: witness, .. }
            | Self::Deadline { witness, .. } => witness.as_deref(),
            Self::NoNode { .. }
            | Self::NoAddress { .. }
            | Self::NodeLost { .. }
            | Self::Changed
            | Self::Removed => None,
        }
    }

    /// The same, to be filled in.
    pub(crate) fn witness_mut(&mut self) -> Option<&mut Witness> {
        match self {
            Self::CrashLoop { last, .. } | Self::Rejected { last } => Some(last),
            Self::Paused { cause: witness, .. }
            | Self::SwarmRolledBack { cause: witness, .. }
            | Self::Deadline { witness, .. } => witness.as_deref_mut(),
            Self::NoNode { .. }
            | Self::NoAddress { .. }
            | Self::NodeLost { .. }
            | Self::Changed
            | Self::Removed => None,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        if let Some(witness) = self.witness() {
            return match self {
                Self::Deadline { .. } if witness.fate == Fate::NotHealthyYet => {
                    format!("{}; {MORE_TIME}", witness.hint())
                }
                _ => witness.hint().to_owned(),
            };
        }
        match self {
            Self::NoNode { error, .. } => match Lack::of(error) {
                Some(Lack::Constraint) => {
                    "give a node what the constraint asks for (`docker node update --label-add`), or change the constraint"
                }
                Some(Lack::Resources) => "reserve less under `deploy.resources.reservations`, or add a node that has as much",
                Some(Lack::HostPort) => {
                    "free the port on a node (`docker service ls` and `docker ps` show who has it), or publish another one"
                }
                Some(Lack::Platform) => "build the image for the platform of the nodes",
                None => "look at `docker node ls`: a node that is down, drained or paused takes no tasks",
            }
            .to_owned(),
            Self::NoAddress { networks } if networks.iter().any(|network| network == INGRESS) => {
                "free addresses: remove services that use these networks, or give an own network a larger subnet; addresses of \
                 the ingress network that removed services have left behind are freed by a restart of the engine"
                    .to_owned()
            }
            Self::NoAddress { .. } => {
                "remove services that use these networks, or give the network a larger subnet under `ipam`: a network must be \
                 made anew for that"
                    .to_owned()
            }
            Self::NodeLost { .. } => {
                "deploy again: the managers know now that the node is gone (`docker node ls`), and give it no tasks".to_owned()
            }
            Self::Changed | Self::Removed => {
                "find out who works on the stack beside this deploy, then deploy again".to_owned()
            }
            Self::Deadline { .. } => format!("look at its tasks with `docker service ps --no-trunc`; {MORE_TIME}"),
            _ => "look at its tasks with `docker service ps --no-trunc`, correct what they complain about, and deploy again"
                .to_owned(),
        }
    }
}

/// How a service gets more time.
const MORE_TIME: &str =
    "a service that only needs more time gets it by the label `tidegate.timeout` or by --timeout";

/// The name of the network through which ports are published.
pub(crate) const INGRESS: &str = "ingress";

/// What the scheduler says is lacking (swarmkit, manager/scheduler/filter.go, `Explain`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Constraint,
    Resources,
    HostPort,
    Platform,
}

impl Lack {
    fn of(error: &str) -> Option<Self> {
        let lacks = [
            ("scheduling constraints", Self::Constraint),
            ("insufficient resources", Self::Resources),
            ("host-mode port", Self::HostPort),
            ("unsupported platform", Self::Platform),
        ];
        lacks.into_iter().find(|(words, _)| error.contains(words)).map(|(_, lack)| lack)
    }
}

/// What a spec asks for that no node offers, going by the scheduler's words.
pub(crate) fn asked(spec: &Value, error: &str) -> Option<String> {
    let texts = |pointer: &str| {
        let list = spec.pointer(pointer).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|text| format!("`{text}`"))
            .collect::<Vec<_>>()
    };
    match Lack::of(error)? {
        Lack::Constraint => {
            let constraints = texts("/TaskTemplate/Placement/Constraints");
            let many = if constraints.len() == 1 { "constraint is" } else { "constraints are" };
            (!constraints.is_empty()).then(|| format!("its {many} {}", constraints.join(", ")))
        }
        Lack::Resources => reserved(spec.pointer("/TaskTemplate/Resources/Reservations")?),
        Lack::HostPort => {
            let ports = spec.pointer("/EndpointSpec/Ports").and_then(Value::as_array);
            let host = ports.into_iter().flatten().filter(|port| port["PublishMode"] == "host");
            let ports: Vec<String> =
                host.filter_map(|port| port["PublishedPort"].as_u64()).map(|port| port.to_string()).collect();
            (!ports.is_empty()).then(|| format!("it publishes port {} of its node", ports.join(" and port ")))
        }
        Lack::Platform => None,
    }
}

fn reserved(reservations: &Value) -> Option<String> {
    let number = |key: &str| reservations.get(key).and_then(Value::as_u64).filter(|number| *number > 0);
    let cpus = number("NanoCPUs")
        .map(|nanos| format!("{}.{:03} CPUs", nanos / 1_000_000_000, nanos / 1_000_000 % 1000));
    let memory = number("MemoryBytes").map(|bytes| match (bytes >> 30, bytes % (1 << 30)) {
        (gib @ 1.., 0) => format!("{gib} GiB of memory"),
        _ => format!("{} MiB of memory", bytes >> 20),
    });
    let all: Vec<String> = cpus.into_iter().chain(memory).collect();
    (!all.is_empty()).then(|| format!("it reserves {}", all.join(" and ")))
}
