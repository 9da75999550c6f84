//! `sim`: runs seeds of the deployer against the simulator. For developers; never shipped.

use std::process::ExitCode;

use clap::Parser;
use sim::seeds::campaign::{Campaign, Failure};
use sim::seeds::{self, Faults};

/// Runs the deployer against a simulated Swarm, by seed.
#[derive(Debug, Parser)]
#[command(name = "sim")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// On how many threads; all cores by default.
    #[arg(long)]
    jobs: Option<usize>,
    /// Go on after a violation.
    #[arg(long)]
    keep_going: bool,
    /// Tell one seed, call by call.
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// The list of faults to replay, instead of the seed's own.
    #[arg(long, value_name = "LIST", requires = "replay")]
    faults: Option<Faults>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let fine = match arguments.replay {
        Some(seed) => replay(seed, arguments.faults),
        None => run_seeds(&arguments),
    };
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn run_seeds(arguments: &Arguments) -> bool {
    let campaign = Campaign {
        from: arguments.from,
        seeds: arguments.seeds,
        jobs: arguments.jobs.unwrap_or_else(cores),
        keep_going: arguments.keep_going,
    };
    let found = campaign.run(show);
    println!(
        "{} seeds from {} on {} threads in {:.1} s: {:.0} seeds per second, {} violations",
        found.seeds,
        campaign.from,
        campaign.jobs,
        found.time.as_secs_f64(),
        found.rate(),
        found.failures.len(),
    );
    found.failures.is_empty()
}

fn show(failure: &Failure) {
    println!("seed {}:", failure.seed);
    for broken in &failure.broken {
        println!("  {broken}");
    }
    println!("  again: --replay {} --faults '{}'", failure.seed, failure.faults);
}

fn replay(seed: u64, faults: Option<Faults>) -> bool {
    let faults = faults.unwrap_or_else(|| seeds::of_seed(seed));
    println!("seed {seed}, faults '{faults}'");
    let (broken, story) = seeds::tell(seed, &faults);
    for line in story {
        println!("{line}");
    }
    for broken in &broken {
        println!("{broken}");
    }
    broken.is_empty()
}
