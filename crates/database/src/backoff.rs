//! Waiting between attempts: exponential, with jitter, within a bound. Pure but for the clock and the jitter.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// A bounded wait: how long until the next attempt, or that time is up.
#[derive(Debug)]
pub(crate) struct Backoff {
    started: Instant,
    limit: Duration,
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Starts with pauses of about `first`, doubling up to `longest`, for `limit` in all.
    pub(crate) fn new(first: Duration, longest: Duration, limit: Duration) -> Self {
        Self { started: Instant::now(), limit, next: first, longest }
    }

    /// How long this has been going on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long is left.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.elapsed())
    }

    /// The next pause, never past the limit; `None` when the limit is reached.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        let left = self.left();
        if left.is_zero() {
            return None;
        }
        let pause = jittered(self.next).min(left);
        self.next = (self.next * 2).min(self.longest);
        Some(pause)
    }
}

/// Between a half and one and a half times the duration, so that those who wait for the same thing spread out.
pub(crate) fn jittered(duration: Duration) -> Duration {
    // RandomState is seeded by the system and differs on each call: enough for jitter, no dependency needed.
    let random = RandomState::new().hash_one(0_u8) % 1000;
    let thousandths = u32::try_from(random).unwrap_or(500) + 500;
    duration * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_stay_near_their_bound_and_end() {
        let mut backoff =
            Backoff::new(Duration::from_millis(10), Duration::from_millis(40), Duration::from_mins(1));
        let pauses: Vec<Duration> = (0..5).filter_map(|_| backoff.pause()).collect();
        assert!(pauses[0] >= Duration::from_millis(5) && pauses[0] <= Duration::from_millis(15));
        assert!(pauses[4] >= Duration::from_millis(20) && pauses[4] <= Duration::from_millis(60));
        let mut over = Backoff::new(Duration::from_millis(10), Duration::from_millis(40), Duration::ZERO);
        assert_eq!(over.pause(), None);
    }
}
