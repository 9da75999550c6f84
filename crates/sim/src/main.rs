//! `sim`: runs seeds of the deployer against the simulator. For developers; never shipped.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use sim::Sim;
use sim::seeds::campaign::{Campaign, Failure};
use sim::seeds::{self, Faults};

/// A third of a seed's time was the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// For each planted bug: how many seeds it takes to find it, at most `--seeds`.
    #[cfg(feature = "planted")]
    #[arg(long)]
    mutants: bool,
    /// Plant this bug in the deployers of the seeds, or of the one that is replayed.
    #[cfg(feature = "planted")]
    #[arg(long, value_parser = planted_bug, conflicts_with = "mutants")]
    bug: Option<deploy::planted::Bug>,
    /// Roll out a stack of this many services instead, twice, and say how long that takes.
    #[arg(long, value_name = "SERVICES", conflicts_with_all = ["replay", "serve"])]
    scale: Option<usize>,
    /// Serve the engine's API on this unix socket instead.
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["replay"])]
    serve: Option<PathBuf>,
    /// With --serve: how many times as fast as real time the simulated one goes.
    #[arg(long, default_value_t = 1.0, requires = "serve")]
    speed: f64,
    /// With --serve: how many nodes the swarm has.
    #[arg(long, default_value_t = 1, requires = "serve")]
    nodes: usize,
    /// Tell one seed, call by call.
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// The list of faults to replay, instead of the seed's own.
    #[arg(long, value_name = "LIST", requires = "replay")]
    faults: Option<Faults>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(socket) = &arguments.serve {
        return serve(socket, arguments.speed, arguments.nodes);
    }
    #[cfg(feature = "planted")]
    if arguments.mutants {
        return exit(show_mutants(&arguments));
    }
    #[cfg(feature = "planted")]
    {
        // What stands before the attack is sound.
        seeds::prepare();
        deploy::planted::plant(arguments.bug);
    }
    exit(match (arguments.scale, arguments.replay) {
        (Some(services), _) => scale(services),
        (None, Some(seed)) => replay(seed, arguments.faults),
        (None, None) => run_seeds(&arguments),
    })
}

fn exit(fine: bool) -> ExitCode {
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(socket: &Path, speed: f64, nodes: usize) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async {
            let sim = Sim::with_speed(0, nodes, speed);
            println!("DOCKER_HOST=unix://{}", socket.display());
            sim::serve::serve(&sim, socket).await
        })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} cannot be served: {error}", socket.display());
            ExitCode::FAILURE
        }
    }
}

fn scale(services: usize) -> bool {
    match seeds::scale::roll_out(services) {
        Ok(took) => {
            println!(
                "{services} services, created and updated: files read in {:.2} s, rolled out in {:.2} s ({} calls, {:.0} s simulated)",
                took.reading.as_secs_f64(),
                took.deploying.as_secs_f64(),
                took.calls,
                took.simulated.as_secs_f64(),
            );
            true
        }
        Err(error) => {
            eprintln!("{error}");
            false
        }
    }
}

#[cfg(feature = "planted")]
fn show_mutants(arguments: &Arguments) -> bool {
    let jobs = arguments.jobs.unwrap_or_else(cores);
    let mut all = true;
    for bug in deploy::planted::Bug::ALL {
        let name = format!("{bug:?}");
        if let Some(caught) = seeds::mutants::hunt(bug, arguments.from, arguments.seeds, jobs) {
            let own = seeds::mutants::breaks(bug);
            let broken = caught.failure.broken.iter().find(|broken| broken.invariant == own);
            let words = broken.map(ToString::to_string).unwrap_or_default();
            println!(
                "{name:<26} after {:>5} seeds, as its own after {:>5}: {words}",
                caught.first, caught.seeds
            );
            println!(
                "{:<26} again: --replay {} --faults '{}'",
                "", caught.failure.seed, caught.failure.faults
            );
        } else {
            all = false;
            println!("{name:<26} NOT FOUND in {} seeds", arguments.seeds);
        }
    }
    all
}

#[cfg(feature = "planted")]
fn planted_bug(name: &str) -> Result<deploy::planted::Bug, String> {
    let mut all = deploy::planted::Bug::ALL.into_iter();
    all.find(|bug| format!("{bug:?}") == name)
        .ok_or_else(|| format!("no such bug; there are {:?}", deploy::planted::Bug::ALL))
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
        #[cfg(feature = "planted")]
        bug: arguments.bug,
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
