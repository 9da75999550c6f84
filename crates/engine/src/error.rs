//! What can go wrong with a call to the engine, told apart by what the caller must do next. The words of an answer are
//! classified in `classify.rs`; this file is the list.

mod classify;

use std::fmt;
use std::io;

/// One call to the engine, as error messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What the call does and to what: `update service shop_api`.
    pub what: String,
    /// Whether it can change anything.
    pub writes: bool,
}

impl Call {
    /// A call that changes nothing.
    pub fn read(what: impl Into<String>) -> Self {
        Self { what: what.into(), writes: false }
    }

    /// A call that can change something.
    pub fn write(what: impl Into<String>) -> Self {
        Self { what: what.into(), writes: true }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Why a call to the engine failed. [`Error::hint`] says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine's address makes no sense, or names something that does not exist.
    #[error("cannot use the engine address {address}: {reason}")]
    BadAddress {
        /// The address, or the context's name.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials for a registry cannot be had.
    #[error("cannot get registry credentials from {of}: {reason}")]
    Credentials {
        /// The file, the registry's entry or the helper.
        of: String,
        /// What is wrong.
        reason: String,
    },
    /// No connection could be made: nothing was sent.
    #[error("cannot reach the engine at {endpoint}: {source}")]
    Unreachable {
        /// The engine's address.
        endpoint: String,
        /// What the system said.
        source: io::Error,
    },
    /// The two sides do not accept each other's certificates: nothing was sent.
    #[error("no secure connection to the engine at {endpoint}: {reason}")]
    TlsRefused {
        /// The engine's address.
        endpoint: String,
        /// What is not accepted.
        reason: String,
    },
    /// A call that changes nothing was not answered in time; or any call, before it was sent.
    #[error("the engine gave no answer within {seconds} s to: {what}")]
    Timeout {
        /// The call.
        what: String,
        /// Its deadline in seconds.
        seconds: u64,
    },
    /// The connection was lost during a call that changes nothing.
    #[error("the connection to the engine was lost during: {what} ({reason})")]
    Interrupted {
        /// The call.
        what: String,
        /// How it was lost.
        reason: String,
    },
    /// A request that changes something was sent, and no answer came: only reading can tell whether it was carried out.
    #[error("the engine may or may not have carried out: {what} ({reason})")]
    Ambiguous {
        /// The call.
        what: String,
        /// How the answer was lost.
        reason: String,
    },
    /// The object's version index has moved since it was read. The cause can be another writer, the manager's own status
    /// writes, or this very request, sent twice by a manager on its way to the leader.
    #[error("update out of sequence: {what}")]
    OutOfSequence {
        /// The call.
        what: String,
    },
    /// The name is taken.
    #[error("the name is already in use: {what} ({message})")]
    NameConflict {
        /// The call.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// The call names an object that does not exist.
    #[error("not found: {what} ({message})")]
    NotFound {
        /// The call.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// The object is used by others.
    #[error("still in use: {what} ({message})")]
    InUse {
        /// The call.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// The engine is a worker of its swarm.
    #[error("this engine is a worker of its swarm, not a manager: {what}")]
    NotManager {
        /// The call.
        what: String,
    },
    /// The engine is in no swarm, or its swarm is locked.
    #[error("this engine is not part of an active swarm: {what} ({message})")]
    SwarmInactive {
        /// The call.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// The swarm has no leader at this moment, or lost it during the call.
    #[error("the swarm has no leader at this moment: {what} ({message})")]
    NoLeader {
        /// The call.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// The engine is too old, or too new.
    #[error("the engine at {endpoint} speaks API {found}; Tidegate speaks {spoken}")]
    ApiVersion {
        /// The engine's address.
        endpoint: String,
        /// What the engine speaks.
        found: String,
        /// What this client speaks.
        spoken: String,
    },
    /// The engine refused for a reason of its own.
    #[error("the engine refused to {what}: {message}")]
    Refused {
        /// The call.
        what: String,
        /// The HTTP status of the answer.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// An answer to a call that makes no sense to this client.
    #[error("the engine's answer is not understood: {what}: {reason}")]
    Protocol {
        /// The call.
        what: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl Error {
    /// Whether a failed *write* may nevertheless have taken effect, now or soon: then the caller must read and compare
    /// before it tries again.
    pub fn may_have_been_applied(&self) -> bool {
        match self {
            Self::BadAddress { .. }
            | Self::Credentials { .. }
            | Self::Unreachable { .. }
            | Self::TlsRefused { .. }
            | Self::Timeout { .. }
            | Self::Interrupted { .. }
            | Self::NotFound { .. }
            | Self::InUse { .. }
            | Self::NotManager { .. }
            | Self::SwarmInactive { .. }
            | Self::ApiVersion { .. } => false,
            // A manager that is not the leader passes a write on, and resends it once after a lost connection: the second
            // copy then meets the effect of the first. A leader can lose its place after it has proposed the write.
            Self::Ambiguous { .. }
            | Self::OutOfSequence { .. }
            | Self::NameConflict { .. }
            | Self::NoLeader { .. }
            | Self::Protocol { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
        }
    }

    /// Whether the same call can succeed a moment later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Interrupted { .. }
            | Self::Ambiguous { .. }
            | Self::NoLeader { .. } => true,
            Self::Unreachable { source, .. } => {
                !matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
            }
            _ => false,
        }
    }

    /// What to do next, as one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::BadAddress { .. } => "give an address such as unix:///var/run/docker.sock, tcp://host:2376 or \
                 ssh://user@host with --host or DOCKER_HOST, or name a context that `docker context ls` lists"
                .into(),
            Self::Unreachable { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    "run as a user who may use the engine (a member of the group docker, or root)".into()
                }
                io::ErrorKind::NotFound => {
                    "start the engine (`systemctl start docker`), or name another with --host or DOCKER_HOST".into()
                }
                _ => "check that the engine runs and that its address (--host, DOCKER_HOST, the docker context) is right"
                    .into(),
            },
            Self::Credentials { .. } => "run `docker login` for the registry again, or correct the docker client's \
                 config.json"
                .into(),
            Self::TlsRefused { .. } => "check ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH (or the context), and that \
                 the server's certificate names the host in the address"
                .into(),
            Self::Timeout { .. } => "check the engine's load and log; the call changed nothing, so it is safe to run \
                 the command again"
                .into(),
            Self::Interrupted { .. } => "check that the engine is running; it is safe to run the command again".into(),
            Self::Ambiguous { .. } => "run the command again: it reads what is there before it writes anything".into(),
            Self::OutOfSequence { .. } => "somebody else changes the same object; run the command again".into(),
            Self::NameConflict { .. } => "remove the object of that name, or choose another name".into(),
            Self::NotFound { .. } => "somebody may have removed it meanwhile; run the command again".into(),
            Self::InUse { .. } => "wait until what uses it has ended, or remove that first".into(),
            Self::NotManager { .. } => "talk to a manager (`docker node ls` on a manager lists them), or promote this node \
                 with `docker node promote`"
                .into(),
            Self::SwarmInactive { .. } => {
                "make the engine a manager with `docker swarm init`, join one with `docker swarm join`, or unlock it with \
                 `docker swarm unlock`"
                    .into()
            }
            Self::NoLeader { .. } => "wait until more than half of the managers are up (`docker node ls`), then run the \
                 command again"
                .into(),
            Self::ApiVersion { .. } => "use an engine of version 20.10 or later, or a newer Tidegate".into(),
            Self::Refused { status, .. } if *status >= 500 => "look into the engine's log (`journalctl -u docker`)".into(),
            Self::Refused { .. } => "correct what the engine complains about".into(),
            Self::Protocol { .. } => "check that the address is a Docker engine's, without a proxy that changes its \
                 answers"
                .into(),
        }
    }
}
