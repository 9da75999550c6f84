//! The deployer against the simulator, by seed: faults, kills at any call, a second deployer, somebody else's changes, bad
//! releases. A failing seed replays exactly.
//!
//! `SIM_SEEDS=N SIM_FROM=S cargo test -p sim --test deploys` runs more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "deploys/run.rs"]
mod run;
#[path = "deploys/stack.rs"]
mod stack;

use run::Found;

fn play(seed: u64) -> Found {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(run::run(seed))
}

#[test]
fn no_seed_breaks_an_invariant() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (seeds, from) = (number("SIM_SEEDS").unwrap_or(100), number("SIM_FROM").unwrap_or(0));
    let mut failed = Vec::new();
    for seed in from..from + seeds {
        let found = play(seed);
        if !found.broken.is_empty() {
            failed.push(format!("seed {seed}: {}\n    {}", found.story, found.broken.join("\n    ")));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {seeds} seeds from {from} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// Seeds that have shown something; each stays for good.
const REMEMBERED: [u64; 9] = [0, 87, 125, 126, 152, 248, 260, 341, 3330];

#[test]
fn what_seeds_have_shown_stays_mended() {
    let mut failed = Vec::new();
    for seed in REMEMBERED {
        let found = play(seed);
        if !found.broken.is_empty() || !found.overwritten.is_empty() {
            let wrong = [found.broken, found.overwritten].concat();
            failed.push(format!("seed {seed}: {}\n    {}", found.story, wrong.join("\n    ")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
