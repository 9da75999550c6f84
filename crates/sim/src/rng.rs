//! A small random number generator (SplitMix64): the same seed gives the same numbers on every machine, for ever, which no
//! library promises.

/// A stream of random numbers that its seed determines.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator for one concern, so that numbers drawn for another do not shift its own.
    pub(crate) fn fork(seed: u64, concern: &str) -> Self {
        let mut rng = Self(seed);
        for byte in concern.bytes() {
            rng.0 = rng.0.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
            rng.next();
        }
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, 0 if that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The bias is far below anything a test could notice.
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// True `permille` times in a thousand.
    pub(crate) fn chance(&mut self, permille: u32) -> bool {
        self.below(1000) < u64::from(permille)
    }

    /// An id as Swarm makes them: 25 digits and small letters.
    pub(crate) fn id(&mut self) -> String {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        (0..25).map(|_| char::from(DIGITS[usize::try_from(self.below(36)).unwrap_or(0)])).collect()
    }

    /// This many hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        (0..digits).filter_map(|_| char::from_digit(u32::try_from(self.below(16)).unwrap_or(0), 16)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn a_seed_means_the_same_numbers_for_ever() {
        let mut rng = Rng(0);
        // The first outputs of the reference implementation (https://prng.di.unimi.it/splitmix64.c) for seed 0.
        assert_eq!([rng.next(), rng.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        assert_eq!(Rng(7).id(), Rng(7).id());
        assert_ne!(Rng::fork(7, "ids").next(), Rng::fork(7, "faults").next());
    }
}
