//! A simulated Swarm manager for tests. Never part of the shipped binary's deploy path.
//!
//! [`Sim`] implements [`engine::Api`] in process: the managers' objects with their one version index, the updater with its own
//! status writes, restart policies, jobs, networks, configs and secrets, as a real engine behaves (the facts were measured on
//! 20.10.24; `tests/parity.rs` runs the same scenarios on both). Time is tokio's: under `#[tokio::test(start_paused =
//! true)]` hours pass in milliseconds, and the same seed gives the same run.
//!
//! Every [`Sim`] is one caller with faults, halts and counters of its own; [`Sim::another`] is a further caller of the same
//! managers. Behind the callers is one world, which [`Sim::edit_service`] and its like change as other people would.

mod api;
mod behaviour;
mod caller;
mod clock;
mod deployer;
mod drive;
mod fault;
mod follow;
mod preload;
mod proxy;
mod refusal;
mod rng;
pub mod seeds;
pub mod serve;
mod world;

pub use behaviour::{Behaviour, Start};
pub use caller::{Sim, Snapshot};
pub use deployer::options;
pub use fault::{Fault, Faults, Halt, When};
pub use preload::Preload;
pub use proxy::Proxy;
