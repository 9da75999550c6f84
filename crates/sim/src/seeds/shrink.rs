//! The shortest list of faults that still breaks the same invariant (delta debugging).

use super::faults::Faults;
use super::play;

/// Takes out of a list whatever is not needed to break this invariant. One run of each candidate decides.
pub fn shrink(seed: u64, faults: &Faults, invariant: u8) -> Faults {
    let breaks = |faults: &Faults| play(seed, faults).iter().any(|broken| broken.invariant == invariant);
    let mut kept = faults.clone();
    let mut piece = kept.0.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < kept.0.len() {
            let mut fewer = kept.clone();
            fewer.0.drain(at..kept.0.len().min(at + piece));
            if breaks(&fewer) {
                kept = fewer;
            } else {
                at += piece;
            }
        }
        piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
    }
    kept
}
