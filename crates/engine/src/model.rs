//! What the engine's answers say, typed where a decision needs a field. Pure data: nothing here talks to anybody.
//!
//! Every type is made from the JSON that the engine sends (`serde`), tolerates `null` and missing fields as the engine's own
//! clients do, and keeps what is written back as raw JSON.

pub(crate) mod container;
pub(crate) mod event;
pub(crate) mod file_object;
pub(crate) mod filter;
pub(crate) mod health;
pub(crate) mod image;
pub(crate) mod info;
pub(crate) mod log;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod service;
pub(crate) mod task;
pub(crate) mod wire;
