//! One file a command: from its arguments to the library that does the work, and back to an exit code.

pub mod check;
pub mod deploy;
pub mod lease;
pub mod migrate;
pub mod plan;
pub mod rehearse;
pub mod releases;
pub mod revisions;
pub mod rm;
pub mod rollback;
pub mod stack;
pub mod status;
