//! The mutation check: bugs planted in the deployer, each of which the seeds must find.

use deploy::planted::{Bug, plant};

use super::campaign::{Campaign, Failure};
use super::{of_seed, play};

/// A planted bug, found.
#[derive(Clone, Debug)]
pub struct Caught {
    /// How many seeds it took.
    pub seeds: u64,
    /// The seed, and what it broke.
    pub failure: Failure,
}

/// Looks for a planted bug in this many seeds. What the seed breaks without the bug as well does not count.
pub fn hunt(bug: Bug, from: u64, seeds: u64, jobs: usize) -> Option<Caught> {
    let mut begun = 0;
    while begun < seeds {
        let campaign =
            Campaign { from: from + begun, seeds: seeds - begun, jobs, keep_going: false, bug: Some(bug) };
        let failure = campaign.run(|_| {}).failures.into_iter().next()?;
        begun = failure.seed + 1 - from;
        plant(None);
        if play(failure.seed, &of_seed(failure.seed)).is_empty() {
            return Some(Caught { seeds: begun, failure });
        }
    }
    None
}
