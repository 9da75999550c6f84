//! The mutation check: the seeds find bugs that are planted in the deployer. With a small bound here;
//! `cargo run --release -p sim --features planted -- --mutants --seeds 10000` is the whole check.
#![cfg(feature = "planted")]

use deploy::planted::Bug;
use sim::seeds::mutants::hunt;

#[test]
fn the_bugs_that_many_seeds_meet_are_found_within_a_few() {
    for bug in [Bug::GateFailureIgnored, Bug::GateRowsIgnored, Bug::SecondRunWrites, Bug::CreatedServicesKept]
    {
        let caught = hunt(bug, 0, 200, 2);
        assert!(caught.is_some(), "{bug:?} was not found");
    }
}
