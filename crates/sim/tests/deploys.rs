//! The deployer against the simulator, by seed: faults, kills at any moment, a second deployer, somebody else's changes, bad
//! releases. `cargo run --release -p sim -- --seeds N --from S` runs more of them.

use std::time::{Duration, Instant};

use sim::seeds::campaign::Campaign;
use sim::seeds::{Faults, of_seed, play, tell};

/// How long a test goes on through its list: a slow machine tests less of it, and never takes longer.
const BUDGET: Duration = Duration::from_secs(12);

#[test]
fn no_seed_breaks_an_invariant() {
    let begun = Instant::now();
    let mut from = 0;
    while from < 1000 && begun.elapsed() < BUDGET {
        let campaign = Campaign {
            from,
            seeds: 20,
            jobs: 2,
            keep_going: true,
            #[cfg(feature = "planted")]
            bug: None,
        };
        let failures = campaign.run(|_| {}).failures;
        assert!(failures.is_empty(), "{failures:#?}");
        from += 20;
    }
    assert!(from > 0);
}

/// What seeds have shown, each as the shortest list of faults that showed it.
const REMEMBERED: [(u64, &str, &str); 16] = [
    (
        0,
        "Swarm's own rollback, in the middle of an interrupted release's second run",
        "release=api-unhealthy,crash-before-110,same-machine",
    ),
    (0, "the same before the next release", "release=api-unhealthy,crash-after-92,same-machine,then=3"),
    (0, "the same, right after the last write", "release=api-unhealthy,crash-after-w8,same-machine"),
    (0, "an edit of a service that an unfinished release had made", "edit-mail@4799"),
    (4022, "a lost read in the rollback", "release=api-crashes,119:lost-request"),
    (2210, "a lost answer in the rollback", "release=worker-missing,97:lost-answer"),
    (4127, "a crash loop between two late looks", "release=mail-crashes,167:slow-1927"),
    (4127, "an answer that comes after its task has crashed", "release=mail-crashes,121:late-1927"),
    (
        0,
        "an edit of what the stack file does not set, right at a kill",
        "release=api-crashes,tweak-worker@4600,crash@4800,same-machine",
    ),
    (103_956, "an edit before a removal is tried again", "w8:foreign-edit,w9:lost-request,edit-mail@12520"),
    (
        2323,
        "a stack that was recreated twice and put back, on networks that no record knew",
        "release=worker-missing,crash@9679,rival@4372,strategy=recreate",
    ),
    (
        4670,
        "a process that stood still while its lease was renewed",
        "22:lost-answer,30:freeze-40761,rival@6831",
    ),
    (256_872, "a process that stood still while it took its lease", "14:freeze-49806,rival@5996"),
    (
        266_626,
        "an edit while the answer before a removal is late",
        "release=worker-missing,97:late-1044,w1:lost-request,edit-mail@w10",
    ),
    (
        10_886,
        "a service whose update Swarm paused in the release before",
        "release=api-unhealthy,fail-worker@8728,then=1",
    ),
    (
        825,
        "a release that fails after one that could not be put back whole",
        "release=mail-crashes,119:late-2765,fail-api@14194",
    ),
];

#[test]
fn what_seeds_have_shown_stays_mended() {
    for (seed, what, faults) in REMEMBERED {
        let faults: Faults = faults.parse().unwrap_or_else(|error| panic!("{what}: {error}"));
        let broken = play(seed, &faults);
        assert!(broken.is_empty(), "{what}: {faults}: {broken:#?}");
    }
}

/// Somebody's edit of each service after each write of a release that fails: neither the rollback nor the next deploy may
/// replace it. (Seeds of the first simulator found three ways in which they did.)
#[test]
fn an_edit_after_any_write_of_a_failing_release_is_kept() {
    let begun = Instant::now();
    for write in 4..16 {
        for victim in ["api", "worker", "mail"] {
            for second in ["api-crashes", "worker-missing"] {
                let faults: Faults = format!("release={second},edit-{victim}@w{write}")
                    .parse()
                    .unwrap_or_else(|error| panic!("{error}"));
                let broken = play(0, &faults);
                assert!(broken.is_empty(), "{faults}: {broken:#?}");
            }
            if begun.elapsed() > BUDGET {
                return;
            }
        }
    }
}

/// A release that recreates the stack: killed around its writes, with faults at them, and bad in each of the ways.
#[test]
fn a_stack_that_is_recreated_breaks_no_invariant() {
    let begun = Instant::now();
    let bad =
        ["good", "gate-fails", "gate-lies", "api-crashes", "api-unhealthy", "worker-missing", "mail-crashes"];
    let bad = bad.iter().map(|release| format!("strategy=recreate,release={release}"));
    let attacked = (1..60).flat_map(|write| {
        [
            "crash-before-w#,same-machine",
            "w#:lost-answer",
            "w#:no-leader",
            "release=api-crashes,crash-after-w#,same-machine",
        ]
        .map(|fault| format!("strategy=recreate,{}", fault.replace('#', &write.to_string())))
    });
    for faults in bad.chain(attacked) {
        let list: Faults = faults.parse().unwrap_or_else(|error| panic!("{error}"));
        let broken = play(0, &list);
        assert!(broken.is_empty(), "{faults}: {broken:#?}");
        if begun.elapsed() > 3 * BUDGET {
            return;
        }
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [1, 7, 23] {
        let faults = of_seed(seed);
        assert_eq!(tell(seed, &faults), tell(seed, &faults), "seed {seed}, faults {faults}");
    }
}

#[test]
fn a_list_of_faults_is_read_as_it_is_written() {
    for seed in 0..500 {
        let faults = of_seed(seed);
        assert_eq!(faults.to_string().parse(), Ok(faults.clone()), "seed {seed}: {faults}");
    }
    assert!("12:nonsense".parse::<Faults>().is_err());
}

#[cfg(feature = "planted")]
#[test]
fn a_planted_bug_is_found_and_the_list_that_is_printed_replays_exactly() {
    use deploy::planted::{Bug, plant};
    use sim::seeds::mutants::{breaks, hunt};

    let bug = Bug::GateFailureIgnored;
    let failure = hunt(bug, 0, 500, 1).map(|caught| caught.failure);
    let failure = failure.unwrap_or_else(|| panic!("{bug:?} is not found"));
    let printed: Faults = failure.faults.to_string().parse().unwrap_or_else(|error| panic!("{error}"));
    assert!(printed.0.len() <= of_seed(failure.seed).0.len());
    plant(Some(bug));
    let (one, other) = (tell(failure.seed, &printed), tell(failure.seed, &printed));
    plant(None);
    assert_eq!(one, other);
    assert!(one.0.iter().any(|broken| broken.invariant == breaks(bug)), "{:?}", one.0);
    assert!(play(failure.seed, &printed).is_empty());
}
