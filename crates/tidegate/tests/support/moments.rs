//! Moments within a duration, decided by a seed: the same ones each time, unless `TIDEGATE_SEED` says otherwise.
//! `TIDEGATE_KILLS` says how many.

use std::time::Duration;

/// Moments, each somewhere in its own part of the whole, so that no part is left out.
pub struct Moments {
    number: u32,
    next: u32,
    whole: Duration,
    state: u64,
}

impl Moments {
    /// This many, unless the environment says how many.
    pub fn new(usual: u32, whole: Duration) -> Self {
        let variable = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let number = variable("TIDEGATE_KILLS").and_then(|number| u32::try_from(number).ok());
        let state = variable("TIDEGATE_SEED").unwrap_or(1);
        Self { number: number.unwrap_or(usual).max(1), next: 0, whole, state }
    }
}

impl Iterator for Moments {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.next == self.number {
            return None;
        }
        // Knuth's constants for a linear congruential generator of 64 bits.
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = f64::from(u32::try_from(self.state >> 32).unwrap_or_default()) / f64::from(u32::MAX);
        let moment = self.whole.mul_f64((f64::from(self.next) + share) / f64::from(self.number));
        self.next += 1;
        Some(moment)
    }
}
