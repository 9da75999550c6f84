//! A large stack, planned and rolled out twice: how the deployer's cost grows with the number of services.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use stackfile::{Desired, Input};

use super::run::on_virtual_time;
use super::stack::options;
use crate::Sim;

/// What it took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// To read the stack files of both releases, in real time.
    pub reading: Duration,
    /// To plan and roll out both releases, in real time.
    pub deploying: Duration,
    /// The same in the simulator's time.
    pub simulated: Duration,
    /// How many calls the deployer made.
    pub calls: u64,
}

/// Creates a stack of this many services behind a gate, and then updates all of them.
pub fn roll_out(services: usize) -> Result<Took, String> {
    let begun = Instant::now();
    let releases = [read(services, 1)?, read(services, 2)?];
    let reading = begun.elapsed();
    on_virtual_time(async {
        let (begun, sim) = (Instant::now(), Sim::new(0));
        for image in ["gate:1", "gate:2"] {
            sim.behave(image, crate::Behaviour::exits_after(Duration::from_secs(3), 0));
        }
        for desired in releases {
            let deployed = deploy::deploy(&sim, desired, &options("scale", "", |_| false), &|_| {}).await;
            deployed.map_err(|error| error.to_string())?;
        }
        let (simulated, calls) = (sim.now(), sim.call_count());
        Ok(Took { reading, deploying: begun.elapsed(), simulated, calls })
    })
}

fn read(services: usize, release: u32) -> Result<Desired, String> {
    let mut text = format!(
        "services:\n  gate: {{ image: 'gate:{release}', networks: [back], deploy: {{ restart_policy: {{ condition: none }}, \
         labels: {{ tidegate.gate: 'true' }} }} }}\n"
    );
    for number in 0..services {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  app{number}: {{ image: 'app:{release}', networks: [back], depends_on: [gate], environment: {{ N: '{number}' }}, \
             deploy: {{ update_config: {{ monitor: 1s }} }} }}"
        );
    }
    text.push_str("networks: { back: {} }\n");
    let loaded = stackfile::load(&[Input::stdin(&text)], &stackfile::Options::default());
    let desired = loaded.and_then(|loaded| stackfile::convert(&loaded.stack, "large"));
    desired.map_err(|errors| format!("{errors:?}"))
}
