//! What may stand in a stack file: keys, types and formats, for the versions 3.0 to 3.13 and for the newer
//! Compose forms that Swarm can honour. Checks a tree and reports every mistake at its place; changes nothing.
//!
//! The tables (`service`, `deploy`, `volumes`, `objects`) say what is allowed, `check` compares.

mod check;
mod deploy;
mod kind;
mod objects;
mod service;
mod similar;
mod version;
mod volumes;

pub(crate) use check::check;
pub use similar::similar;
pub(crate) use version::Version;
