//! Bugs that can be switched on, one at a time and for one thread: the simulator's seeds must find each of them. Only with the
//! feature `planted`, which no shipped binary has; without it `planted!` is `false`.

use std::cell::Cell;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// After "update out of sequence" the write is tried again without a look at what is there now.
    RetryWithoutCompare,
    /// A rollback puts `PreviousSpec` back instead of the recorded spec.
    RollbackFromPreviousSpec,
    /// A deploy that has lost its lease goes on.
    NoLeaseCheck,
    /// A waiter takes the lease over at once.
    LeaseStolen,
    /// A gate that failed counts as crossed.
    GateFailureIgnored,
    /// The gate's exit code decides alone, and not the database's rows.
    GateRowsIgnored,
    /// A service counts as converged as soon as its tasks are up.
    MonitorNotHeld,
    /// A rollback leaves the services that the release created.
    CreatedServicesKept,
    /// A service is written whatever somebody else has made of it.
    ForeignOverwritten,
    /// A write whose answer was lost counts as done.
    AmbiguousIsSuccess,
    /// A deploy with nothing to do writes a release all the same.
    SecondRunWrites,
    /// A gate that an earlier deploy left running goes on beside the new one.
    OldGateLeft,
    /// What is about to be done is recorded after it was done.
    RecordAfterEffect,
    /// What an interrupted release left half done counts as what was before it.
    MixedIsPrevious,
    /// A task that is still starting counts as up.
    StartingCounts,
    /// The time that an answer takes counts as time that a task was up.
    LateAnswerCounts,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::RetryWithoutCompare,
        Self::RollbackFromPreviousSpec,
        Self::NoLeaseCheck,
        Self::LeaseStolen,
        Self::GateFailureIgnored,
        Self::GateRowsIgnored,
        Self::MonitorNotHeld,
        Self::CreatedServicesKept,
        Self::ForeignOverwritten,
        Self::AmbiguousIsSuccess,
        Self::SecondRunWrites,
        Self::OldGateLeft,
        Self::RecordAfterEffect,
        Self::MixedIsPrevious,
        Self::StartingCounts,
        Self::LateAnswerCounts,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// From now on deploys on this thread have this bug, and no other.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}
