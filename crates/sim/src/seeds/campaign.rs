//! Many seeds on many threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Broken, Faults, of_seed, play, prepare, shrink};

/// Which seeds, and how.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// On how many threads.
    pub jobs: usize,
    /// Go on after a failure.
    pub keep_going: bool,
    /// The bug that the deployers have.
    #[cfg(feature = "planted")]
    pub bug: Option<deploy::planted::Bug>,
}

/// A seed that broke something.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What it broke.
    pub broken: Vec<Broken>,
    /// The shortest list of faults that breaks the first of that, or of a planted bug's own invariant.
    pub faults: Faults,
}

/// What a campaign found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seeds that broke something, in order.
    pub failures: Vec<Failure>,
    /// How many seeds were run.
    pub seeds: u64,
    /// How long that took.
    pub time: Duration,
}

impl Found {
    /// Seeds per second, of all threads together.
    pub fn rate(&self) -> f64 {
        // Counts of seeds are far below the precision of a float.
        #[allow(clippy::cast_precision_loss)]
        let seeds = self.seeds as f64;
        seeds / self.time.as_secs_f64().max(1e-9)
    }
}

impl Campaign {
    /// Runs the seeds. `each` hears of every failure at once, and how many seeds are done from time to time.
    pub fn run(&self, each: impl Fn(&Failure) + Sync) -> Found {
        prepare();
        let begun = Instant::now();
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        let failures = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    #[cfg(feature = "planted")]
                    deploy::planted::plant(self.bug);
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds {
                            return;
                        }
                        let failure = self.one(self.from + number);
                        done.fetch_add(1, Ordering::Relaxed);
                        if let Some(failure) = failure {
                            each(&failure);
                            failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                            stop.fetch_or(!self.keep_going, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        failures.sort_by_key(|failure| failure.seed);
        Found { failures, seeds: done.into_inner(), time: begun.elapsed() }
    }

    fn one(&self, seed: u64) -> Option<Failure> {
        let faults = of_seed(seed);
        let broken = play(seed, &faults);
        let first = self.looked_for(&broken)?.invariant;
        Some(Failure { seed, faults: shrink(seed, &faults, first), broken })
    }

    /// What the shortest list of faults must break: the first that is broken, but for a planted bug its own invariant.
    #[cfg_attr(not(feature = "planted"), allow(clippy::unused_self))]
    fn looked_for<'b>(&self, broken: &'b [Broken]) -> Option<&'b Broken> {
        #[cfg(feature = "planted")]
        let own = self.bug.and_then(|bug| {
            let own = super::mutants::breaks(bug);
            broken.iter().find(|broken| broken.invariant == own)
        });
        #[cfg(not(feature = "planted"))]
        let own = None;
        own.or(broken.first())
    }
}
