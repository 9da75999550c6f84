//! The small notations inside stack files: durations, sizes, shares of CPUs, shell words, ports, mounts, images.
//!
//! Each module turns one text into one value, by the rules of the Go packages that the official client uses, and
//! knows nothing of the file around it. Errors are sentences without a place.

pub(crate) mod cpus;
pub(crate) mod duration;
pub(crate) mod image;
pub(crate) mod mount;
pub(crate) mod number;
pub(crate) mod port;
pub(crate) mod shell;
pub(crate) mod size;
