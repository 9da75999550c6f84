//! Alembic revision files to graph, targets and plans. Starts no Python, opens no database.
//!
//! Data flows one way: [`find_config`] says where the files are, [`read`] turns them into a [`History`], and the
//! history answers everything else without IO: which revisions a target names, the steps from the rows of a version
//! table to it, what broken rows mean, which extensions the files use.

mod check;
mod config;
mod diagnosis;
pub mod draw;
mod extensions;
mod graph;
mod history;
mod merge;
mod plan;
mod reader;
mod revision;
mod secret;
mod similar;
mod target;

pub use config::{Config, ConfigOptions, Setting, find_config};
pub use diagnosis::{Deletion, Diagnosis, Evidence, Finding, Repair};
pub use extensions::{ExtensionNeed, ExtensionUse, required_extensions};
pub use history::History;
pub use merge::{MergeError, MergeFile, MergeRequest, merge_file};
pub use plan::{Direction, Plan, Step};
pub use reader::{COMPUTED, read, read_text, read_versions, read_with};
pub use revision::{Answer, Answers, Dynamic, Revision};
pub use secret::Secret;
pub use target::{TargetError, TargetErrorKind};
