//! Exit codes, which are part of the interface: documented in `docs/exit-codes.md`, never renumbered.

use diagnostics::Diagnostic;

/// Why the process ends, as the number that scripts see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done, or there was nothing to do.
    Ok = 0,
    /// A defect of Tidegate itself.
    Internal = 1,
    /// The command line was not understood.
    Usage = 2,
    /// A stack file, revision file or configuration was refused; nothing was changed.
    Input = 3,
    /// The engine did not answer, is not a manager, or refused; nothing was changed.
    Engine = 4,
    /// The database never became ready, or refused.
    Database = 5,
    /// The gate or its migration failed; no application service was touched.
    Gate = 6,
    /// The rollout failed and every service was put back as it was.
    RolledBack = 7,
    /// The rollout failed and putting back is incomplete: the message lists what is left.
    Incomplete = 8,
    /// Another deploy of the stack holds the lease.
    Lease = 9,
    /// Somebody else changed a service of the stack; it was not overwritten.
    Foreign = 10,
    /// A bounded wait ran out, or `status` found services that are not up.
    Timeout = 11,
    /// Stopped by SIGINT or SIGTERM.
    Interrupted = 12,
    /// A release from something newer went out while this one waited; nothing was changed.
    Superseded = 13,
    /// `plan --detailed-exitcode`: there is something to do.
    Changes = 14,
    /// `check` found what `--level` fails for.
    Findings = 15,
    /// Something outside the stack uses networks that `recreate` would remove; nothing was changed.
    InUse = 16,
}

/// How a command fails: what happened to what, what to do next, and the code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What happened, to what.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The findings about the input, when the input is the reason.
    pub diagnostics: Vec<Diagnostic>,
    /// What belongs to the message: what changed, what is not as it was.
    pub details: Vec<String>,
    /// The last log lines of what failed.
    pub log: Vec<String>,
}

impl Failure {
    /// A failure that a message explains.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            diagnostics: Vec::new(),
            details: Vec::new(),
            log: Vec::new(),
        }
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The input was refused for these reasons.
    pub fn input(message: impl Into<String>, diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, ..Self::new(Code::Input, message) }
    }
}
