//! From an answer's status and words to an [`Error`].
//!
//! The engine passes the managers' own errors on as HTTP 500 with their text, so the words count more than the status. The
//! texts: swarmkit `manager/state/store/memory.go` and `manager/controlapi`, moby `daemon/cluster/errors.go`.

use super::{Call, Error};

impl Error {
    /// The error that an answer of this status with this message means. Public for the simulator, which answers in the
    /// engine's own words.
    pub fn from_answer(call: &Call, status: u16, message: &str) -> Self {
        let what = call.what.clone();
        let remote = message.trim_start().starts_with("rpc error");
        let message = tidy(message);
        let says = |words: &str| message.contains(words);
        if says("update out of sequence") {
            return Self::OutOfSequence { what };
        }
        if says("swarm does not have a leader")
            || says("node lost leader status")
            || says("not the leader")
            || says("no elected primary cluster manager")
            || says("raft: stopped")
            // Without a quorum a manager waits for its peers until its own deadline.
            || remote && says("context deadline exceeded")
        {
            return Self::NoLeader { what, message };
        }
        if says("Worker nodes can't be used") || says("is not a swarm manager. Worker") {
            return Self::NotManager { what };
        }
        if says("This node is not a swarm manager")
            || says("not part of a swarm")
            || says("Swarm is encrypted and needs to be unlocked")
            || says("not participating as a Swarm manager")
        {
            return Self::SwarmInactive { what, message };
        }
        if says("is in use by") || says("has active endpoints") || says("is in use") && status != 409 {
            return Self::InUse { what, message };
        }
        if status == 409 || says("name conflicts with an existing object") {
            return Self::NameConflict { what, message };
        }
        // A network that its last tasks still hold on a node is listed, and yet unknown to the managers: HTTP 500.
        if message.starts_with("network ") && message.ends_with(" not found") {
            return Self::NotFound { what, message };
        }
        match status {
            404 => Self::NotFound { what, message },
            _ => Self::Refused { what, status, message },
        }
    }
}

/// The managers' words without the wrapping of their remote calls.
fn tidy(message: &str) -> String {
    let message = message.trim();
    match message.strip_prefix("rpc error: code = ").and_then(|rest| rest.split_once(" desc = ")) {
        Some((_, description)) if !description.is_empty() => description.to_owned(),
        _ => message.to_owned(),
    }
}
