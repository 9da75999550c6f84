//! The managers' refusals, in their own words and with the status that the engine gives them.

/// A refusal as the engine answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, format!("rpc error: code = InvalidArgument desc = {message}"))
    }

    pub(crate) fn in_use(message: &str) -> Self {
        Self::new(400, format!("rpc error: code = FailedPrecondition desc = {message}"))
    }

    pub(crate) fn unimplemented(message: &str) -> Self {
        Self::new(501, format!("rpc error: code = Unimplemented desc = {message}"))
    }

    pub(crate) fn out_of_sequence() -> Self {
        Self::new(500, "rpc error: code = Unknown desc = update out of sequence")
    }

    pub(crate) fn not_found(kind: &str, name: &str) -> Self {
        Self::new(404, format!("{kind} {name} not found"))
    }

    pub(crate) fn no_leader() -> Self {
        Self::new(
            500,
            "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are \
             online. Make sure more than half of the managers are online.",
        )
    }
}
