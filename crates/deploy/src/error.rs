//! Why a deploy, a removal or a plan ends without what was asked for.

use diagnostics::Diagnostic;

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
                "bring the change into the stack file, or deploy with --on-drift overwrite to replace it".to_owned()
            }
            Self::LeaseHeld { .. } => "wait for it to end, or give --wait-lease a longer time".to_owned(),
            Self::LeaseLost { .. } => "run the same command again: it continues, or yields to who took over".to_owned(),
            Self::Rollout { restored: Restored::Incomplete(_), .. } => {
                "look at the services named above, then run the deploy of the release you want".to_owned()
            }
            Self::TimedOut { .. } => "look at what is named above with `docker service ps`, then run it again".to_owned(),
            Self::Gate { hint, .. } | Self::Rollout { hint, .. } => return hint.clone(),
            Self::Input(_) | Self::Record(_) => return None,
        })
    }
}
