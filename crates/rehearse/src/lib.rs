//! A deploy rehearsed: the real deployer against a simulated Swarm that begins with what a real one has, and the gate's
//! migrations against a throwaway PostgreSQL in a world of its own, where no network leads anywhere.
//!
//! Nothing live is written. What is read: the engine's objects, and the database's schema where that is asked for.
//!
//! | module | is |
//! |---|---|
//! | `sandbox` | processes with a network, a `/run` and a name service of their own |
//! | `throwaway` | a PostgreSQL server in a sandbox |
//! | `schema` | the live schema, copied with PostgreSQL's own programs |
//! | `migrate` | the gate's command, run in the sandbox |
//! | `locks` | which locks it held on which tables, and how long |
//! | `predict` | what the revision files alone can tell, where nothing can be run |
//! | `gate` | what the simulated gate does: one of the two |
//! | `report` | what a rehearsal found |

mod gate;
mod locks;
mod migrate;
mod predict;
mod report;
mod run;
mod sandbox;
mod schema;
mod throwaway;

pub use report::{Basis, DatabasePart, LockHeld, Report};
pub use run::{Error, Request, SchemaFrom, rehearse};
pub use schema::SchemaError;
