//! The deployer against the simulator, by seed: faults on the way, kills at any moment, a second deployer, somebody else's
//! changes, bad releases; and after each run a judge who knows the invariants (DESIGN.md, ARCHITECTURE.md).
//!
//! | module | is |
//! |---|---|
//! | `stack` | the stack that is deployed, in three releases |
//! | [`faults`] | the faults of one run as a list: printed, read back |
//! | `draw` | a seed's list |
//! | `run` | one run of a list: the attacked deploy, the same command again, a further one |
//! | `picture` | the stack at one moment, and what keeps it from being at a release |
//! | `judge` | the invariants |
//! | `shrink` | the shortest list that breaks the same invariant |
//! | [`campaign`] | many seeds on many threads |
//! | [`scale`] | a large stack |
//! | `mutants` (feature `planted`) | planted bugs, each of which the seeds must find |
//!
//! A list of faults and a seed (which then decides only ids) replay exactly: time is virtual, and nothing else is random.

pub mod campaign;
mod draw;
pub mod faults;
mod judge;
#[cfg(feature = "planted")]
pub mod mutants;
mod picture;
mod run;
pub mod scale;
mod shrink;
mod stack;

pub use faults::Faults;
pub use judge::Broken;
pub use run::prepare;
pub use shrink::shrink;

/// The faults that a seed decides.
pub fn of_seed(seed: u64) -> Faults {
    draw::draw(seed)
}

/// Runs a list of faults; returns what it has broken.
pub fn play(seed: u64, faults: &Faults) -> Vec<Broken> {
    run::play(seed, faults, None)
}

/// The same, and tells every call and every event, a line each.
pub fn tell(seed: u64, faults: &Faults) -> (Vec<Broken>, Vec<String>) {
    let story = std::sync::Arc::new(run::Story::default());
    let broken = run::play(seed, faults, Some(std::sync::Arc::clone(&story)));
    (broken, story.lines())
}
