//! One file a command: from its arguments to the library that does the work, and back to an exit code.

pub mod migrate;
