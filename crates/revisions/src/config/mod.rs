//! Where the revision files are: alembic.ini, `pyproject.toml`, Flask-Migrate's folder. Reads files, opens no
//! database, starts no Python.

mod env_py;
mod files;
mod ini;
mod locations;
mod options;
mod pyproject;

use std::collections::BTreeMap;
use std::path::PathBuf;

use diagnostics::{Diagnostic, Place};

use crate::Secret;

/// Alembic's default name of a new file.
pub(crate) const FILE_TEMPLATE: &str = "%(rev)s_%(slug)s";

/// Alembic's default length of the message in it, in characters.
pub(crate) const SLUG_LENGTH: usize = 40;

/// Where to look for the configuration. Nothing is taken from the process itself: the caller says.
#[derive(Clone, Debug, Default)]
pub struct ConfigOptions {
    /// `-c`: at most one INI file and one pyproject.toml, or a folder that holds an alembic.ini (Flask-Migrate's
    /// `migrations`). Empty: `ALEMBIC_CONFIG`, alembic.ini, pyproject.toml, `migrations/alembic.ini`.
    pub files: Vec<PathBuf>,
    /// `-n`: the section of the INI file. Default `alembic`.
    pub section: Option<String>,
    /// The folder that relative paths start from (Alembic's working directory).
    pub directory: PathBuf,
    /// Environment variables that count: `ALEMBIC_CONFIG`, `PYTHONPATH`, `VIRTUAL_ENV`.
    pub environment: BTreeMap<String, String>,
}

/// Alembic's configuration, as far as it can be known without Python. Paths are absolute when
/// [`ConfigOptions::directory`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The configuration files that were used.
    pub files: Vec<PathBuf>,
    /// The INI section in use.
    pub section: String,
    /// The folder of env.py.
    pub script_location: PathBuf,
    /// The folders of the revision files; `versions` below the script location unless configured.
    pub version_locations: Vec<PathBuf>,
    /// Whether folders inside the version locations count.
    pub recursive: bool,
    /// Whether compiled files without source count for Alembic. Tidegate reports them: it reads source only.
    pub sourceless: bool,
    /// The names of new files.
    pub file_template: String,
    /// How many characters of a message go into a new file's name.
    pub truncate_slug_length: usize,
    /// `sqlalchemy.url`, interpolated. env.py is free to use another one.
    pub sqlalchemy_url: Option<Secret>,
    /// The version table, as env.py passes it to `context.configure`.
    pub version_table: Setting,
    /// The version table's schema, as env.py passes it to `context.configure`.
    pub version_table_schema: Setting,
}

/// A keyword argument that env.py may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Not passed: Alembic's default holds (`alembic_version`, no schema).
    Default,
    /// Passed as this text.
    Literal(String),
    /// Computed: only the project's own Python knows.
    Dynamic(Place),
}

impl ConfigOptions {
    /// The options of this process: its working directory and environment.
    pub fn of_process(files: Vec<PathBuf>, section: Option<String>) -> std::io::Result<Self> {
        let environment = ["ALEMBIC_CONFIG", "PYTHONPATH", "VIRTUAL_ENV"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok().map(|value| (name.to_owned(), value)))
            .collect();
        Ok(Self { files, section, directory: std::env::current_dir()?, environment })
    }
}

/// Finds and reads the configuration.
pub fn find_config(options: &ConfigOptions) -> Result<Config, Diagnostic> {
    let found = files::find(options)?;
    options::read(options, &found)
}
