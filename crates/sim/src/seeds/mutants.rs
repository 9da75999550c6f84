//! The mutation check: bugs planted in the deployer, each of which the seeds must find, as the invariant that it breaks.

use deploy::planted::{Bug, plant};

use super::campaign::{Campaign, Failure};
use super::{of_seed, play};

/// A planted bug, found.
#[derive(Clone, Debug)]
pub struct Caught {
    /// How many seeds it took until something was broken at all.
    pub first: u64,
    /// How many it took until its own invariant was.
    pub seeds: u64,
    /// That seed, and what it broke.
    pub failure: Failure,
}

/// The invariant that a bug breaks. A seed that breaks others only shows that something is wrong, and not what.
pub fn breaks(bug: Bug) -> u8 {
    match bug {
        Bug::OldGateLeft => 1,
        Bug::GateFailureIgnored | Bug::GateRowsIgnored => 2,
        Bug::NoLeaseCheck | Bug::LeaseStolen | Bug::MixedIsPrevious => 3,
        Bug::RetryWithoutCompare | Bug::ForeignOverwritten => 4,
        // What it has written itself it takes for somebody else's.
        Bug::AmbiguousIsSuccess | Bug::RecordAfterEffect => 5,
        Bug::RollbackFromPreviousSpec | Bug::CreatedServicesKept => 6,
        Bug::MonitorNotHeld | Bug::StartingCounts | Bug::LateAnswerCounts => 7,
        Bug::SecondRunWrites => 8,
    }
}

/// Looks for a planted bug in this many seeds. What the seed breaks without the bug as well does not count.
pub fn hunt(bug: Bug, from: u64, seeds: u64, jobs: usize) -> Option<Caught> {
    let (mut begun, mut first) = (0, None);
    while begun < seeds {
        let campaign =
            Campaign { from: from + begun, seeds: seeds - begun, jobs, keep_going: false, bug: Some(bug) };
        let failure = campaign.run(|_| {}).failures.into_iter().next()?;
        begun = failure.seed + 1 - from;
        plant(None);
        if !play(failure.seed, &of_seed(failure.seed)).is_empty() {
            continue;
        }
        let first = *first.get_or_insert(begun);
        if failure.broken.iter().any(|broken| broken.invariant == breaks(bug)) {
            return Some(Caught { first, seeds: begun, failure });
        }
    }
    None
}
