//! Why a deploy, a removal or a plan ends without what was asked for.

use diagnostics::Diagnostic;

use crate::outsiders::NetworkUser;
use crate::plan::Foreign;
use crate::release::RecordError;
use crate::seal::SealError;

/// Why it ended. [`Error::hint`] says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine did not answer, or refused, before anything was changed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The stack file was refused.
    #[error("the stack files were refused; nothing was changed")]
    Input(Vec<Diagnostic>),
    /// Something that the stack file calls external is not there.
    #[error("these external objects do not exist: {}", names.join(", "))]
    MissingExternal {
        /// Kind and full name of each.
        names: Vec<String>,
    },
    /// A secret or config has another content, which the engine cannot change in place.
    #[error("the content of {} has changed, and Swarm cannot change the content of a secret or config", names.join(", "))]
    ChangedContent {
        /// Kind and full name of each.
        names: Vec<String>,
    },
    /// Somebody else changed services since the last release.
    #[error("{} changed since the last release, and not by Tidegate", services(foreign))]
    Foreign {
        /// The changes.
        foreign: Vec<Foreign>,
    },
    /// Something outside the stack uses networks that would be removed.
    #[error(
        "stack `{stack}` is not recreated, because its networks are used from outside it: {}",
        words(users)
    )]
    InUse {
        /// The stack.
        stack: String,
        /// What uses which network.
        users: Vec<NetworkUser>,
    },
    /// There is no such release.
    #[error("stack `{stack}` has no record of {wanted}")]
    NoRelease {
        /// The stack.
        stack: String,
        /// What was asked for.
        wanted: String,
        /// The releases that are recorded.
        known: Vec<u64>,
    },
    /// A release cannot be gone back to.
    #[error("stack `{stack}` cannot go back to release {number}: {}", reasons.join("; "))]
    NoReturn {
        /// The stack.
        stack: String,
        /// The release.
        number: u64,
        /// Why.
        reasons: Vec<String>,
    },
    /// A release from something newer has gone out while this one waited.
    #[error(
        "superseded: release {number} of stack `{stack}`, made from something newer, has gone out while this one waited"
    )]
    Superseded {
        /// The stack.
        stack: String,
        /// The newer release.
        number: u64,
        /// What it was made from, and when.
        newer: String,
    },
    /// The plan that was agreed to is not the plan any more.
    #[error("stack `{stack}` is not as it was when the plan was made: {}", moved.join("; "))]
    Moved {
        /// The stack.
        stack: String,
        /// What is different.
        moved: Vec<String>,
    },
    /// The operator stopped it, and everything is as it was.
    #[error("release {release} was stopped")]
    Stopped {
        /// The release.
        release: u64,
        /// What was put back.
        restored: Restored,
        /// What of the release is left in the database, if anything is.
        database: Option<String>,
    },
    /// The operator stopped it where it was.
    #[error("release {release} was stopped where it was: the stack may be between two releases")]
    Left {
        /// The release.
        release: u64,
    },
    /// Another deploy of the stack holds the lease.
    #[error("{holder} is deploying stack `{stack}`; waited {seconds} s for it")]
    LeaseHeld {
        /// The stack.
        stack: String,
        /// Who.
        holder: String,
        /// How long this deploy waited.
        seconds: u64,
    },
    /// The lease was lost in mid-work: nothing more was written.
    #[error("this deploy lost its lease on stack `{stack}`: {reason}")]
    LeaseLost {
        /// The stack.
        stack: String,
        /// How.
        reason: String,
    },
    /// A release record could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The gate was not crossed. No application service was touched.
    #[error("release {release} stopped at the gate `{gate}`: {message}")]
    Gate {
        /// The release.
        release: u64,
        /// The gate.
        gate: String,
        /// What happened.
        message: String,
        /// What the gate says to do next.
        hint: Option<String>,
        /// The last lines of its log.
        log: Vec<String>,
        /// What was put back.
        restored: Restored,
    },
    /// A service did not become what it should.
    #[error("release {release} failed: {reason}")]
    Rollout {
        /// The release.
        release: u64,
        /// Which service, and why.
        reason: String,
        /// What to do next.
        hint: Option<String>,
        /// The last lines of the log of a failed task.
        log: Vec<String>,
        /// What of the release is left in the database, if anything is.
        database: Option<String>,
        /// What was put back.
        restored: Restored,
    },
    /// A bounded wait ran out.
    #[error("waited {seconds} s for {what}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// The bound.
        seconds: u64,
    },
}

/// How far everything is as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// Every service is as it was.
    Whole,
    /// These are not: which, and why.
    Incomplete(Vec<String>),
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Self::Record(RecordError::Seal(error))
    }
}

fn services(foreign: &[Foreign]) -> String {
    foreign.iter().map(|change| format!("`{}`", change.service)).collect::<Vec<_>>().join(", ")
}

fn words(users: &[NetworkUser]) -> String {
    users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Engine(error) => error.hint(),
            Self::MissingExternal { .. } => {
                "create them, or take `external: true` away so that the stack creates them".to_owned()
            }
            Self::ChangedContent { .. } => {
                "take the label `tidegate.rename: \"false\"` away, and the new content gets a name of its own; or give it one \
                 yourself (`name: app-2`)"
                    .to_owned()
            }
            Self::Foreign { .. } => {
                "bring the change into the stack file; or deploy with --on-drift keep to leave it, or overwrite to replace it"
                    .to_owned()
            }
            Self::InUse { .. } => {
                "remove them or take them off the network; or deploy with --strategy rolling, which leaves networks as they are \
                 (--if-in-use rolling does so by itself)"
                    .to_owned()
            }
            Self::NoRelease { known, .. } if known.is_empty() => {
                "it has no releases: deploy it first".to_owned()
            }
            Self::NoRelease { known, .. } => {
                let known: Vec<String> = known.iter().map(u64::to_string).collect();
                format!("there is {}", known.join(", "))
            }
            Self::NoReturn { .. } => "`tidegate releases STACK` lists those that can be gone back to".to_owned(),
            Self::Superseded { newer, .. } => {
                format!("it was made from {newer}; nothing is to be done, or deploy anyway with --even-if-superseded")
            }
            Self::Moved { .. } => "make a new plan, look at it, and deploy that".to_owned(),
            Self::Left { .. } => {
                "run the same command again: it continues; or `tidegate rollback STACK` to go back".to_owned()
            }
            Self::LeaseHeld { .. } => "wait for it to end, or give --wait-lease a longer time".to_owned(),
            Self::LeaseLost { .. } => "run the same command again, over another manager if this one is gone: it continues, or yields to who took over".to_owned(),
                        Self::Rollout { restored: Restored::Incomplete(_), .. }
            | Self::Stopped { restored: Restored::Incomplete(_), .. } => {
                "look at the services named above, then run the deploy of the release you want".to_owned()
            }
            Self::TimedOut { .. } => "look at what is named above with `docker service ps`, then run it again".to_owned(),
            Self::Gate { hint, .. } | Self::Rollout { hint, .. } => return hint.clone(),
            Self::Input(_) | Self::Record(_) | Self::Stopped { .. } => return None,
        })
    }
}
