//! Stack files to Engine API bodies. Never talks to an engine, never prints.
//!
//! The way through the crate, left to right:
//!
//! ```text
//! text ─▶ yaml (places, yaml.v3 scalars) ─▶ interpolate ─▶ schema ─▶ model ─▶ merge ─▶ convert ─▶ Desired
//! ```
//!
//! [`load`] reads one or several files into one [`Stack`]; [`convert()`] makes the bodies that the official
//! client would send for it. Both return [`Diagnostic`]s, each with the place in the file that it is about.

mod convert;
mod decode;
mod desired;
mod dotenv;
mod env_file;
mod files;
mod ignored;
mod includes;
mod input;
mod interpolate;
mod load;
mod merge;
pub mod model;
mod notation;
mod output;
mod path;
mod paths;
mod profiles;
mod report;
mod schema;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use diagnostics::Diagnostic;

pub use convert::{convert, requests};
pub use desired::{
    Condition, Dependency, Desired, ExternalNetwork, ExternalObject, NetworkBody, ObjectBody, ServiceBody,
};
pub use dotenv::read_variables;
pub use input::Input;
pub use load::load;
pub use model::Stack;
pub use output::{config_json, config_yaml};
pub use schema::similar;

/// What a stack file is read with. Its `Debug` shows no values: variables carry secrets.
#[derive(Clone, Default)]
pub struct Options {
    /// The variables that `${NAME}`, bare keys in `environment` and `~` are resolved from.
    pub environment: BTreeMap<String, String>,
    /// The folder that relative paths start from when the first input has no path (standard input), and that
    /// a relative path of the first input starts from.
    pub working_dir: PathBuf,
    /// The profiles to enable; `*` enables all.
    pub profiles: Vec<String>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("environment", &self.environment.keys())
            .field("working_dir", &self.working_dir)
            .field("profiles", &self.profiles)
            .finish()
    }
}

/// A stack that was read, and what to tell its author.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The stack.
    pub stack: Stack,
    /// What is ignored, deprecated or perhaps not meant.
    pub warnings: Vec<Diagnostic>,
}
