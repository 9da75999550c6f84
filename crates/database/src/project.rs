//! The project: its Alembic configuration, its history and what that needs. Reads files only.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use revisions::{
    COMPUTED, Config, ConfigOptions, ExtensionNeed, History, Plan, Setting, TargetError, find_config,
    required_extensions,
};

use crate::answers;
use crate::digest;
use crate::error::MigrateError;
use crate::options::Options;
use crate::rows::VersionTable;

/// Variables that Alembic's configuration depends on.
const CONFIG_VARIABLES: [&str; 3] = ["ALEMBIC_CONFIG", "PYTHONPATH", "VIRTUAL_ENV"];

/// `flask db` where env.py is Flask-Migrate's (it takes everything from Flask's `current_app`), else `alembic`.
fn usual_command(config: &Config) -> &'static str {
    let env_py = std::fs::read_to_string(config.script_location.join("env.py")).unwrap_or_default();
    let imports_it = |line: &str| line.starts_with("from flask import") && line.contains("current_app");
    if env_py.lines().any(imports_it) { "flask db" } else { "alembic" }
}

/// A project whose history is sound.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) config: Config,
    /// The command that is the project's own Alembic.
    pub(crate) command: String,
    pub(crate) history: History,
    pub(crate) needs: Vec<ExtensionNeed>,
    table: VersionTable,
    /// The version table, once Python has said which it is.
    learned: OnceCell<VersionTable>,
    /// What the target names.
    pub(crate) heads: Vec<String>,
}

impl Project {
    /// Reads configuration and revision files; anything wrong with them ends here, before a connection is opened.
    pub(crate) async fn load(options: &Options) -> Result<Self, MigrateError> {
        let environment: BTreeMap<String, String> = CONFIG_VARIABLES
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), options.variables.get(name)?.to_owned())))
            .collect();
        let config = find_config(&ConfigOptions {
            files: options.config.clone(),
            section: options.section.clone(),
            directory: options.directory.clone(),
            environment,
        })
        .map_err(|diagnostic| MigrateError::History(vec![diagnostic]))?;
        let command = options.alembic.clone().unwrap_or_else(|| usual_command(&config).to_owned());
        let history = match revisions::read(&config) {
            Ok(history) if history.dynamic().next().is_none() => history,
            Err(errors) if errors.iter().any(|error| error.code != COMPUTED) => {
                return Err(MigrateError::History(errors));
            }
            // Some files compute what they declare: only the project's own Python knows.
            Ok(_) | Err(_) => {
                let answers = answers::ask(options, &command, &config).await?;
                revisions::read_with(&config, &answers).map_err(MigrateError::History)?
            }
        };
        let needs = required_extensions(&history);
        let table = VersionTable::of(&config);
        // Relative targets (`+1`) name something only once the rows are known.
        let heads = history.resolve(&options.target).unwrap_or_default();
        if heads.is_empty() && !options.target.contains(['+', '-']) && !options.goes_back() {
            history.plan_upgrade(&[], &options.target).map_err(MigrateError::Target)?;
        }
        Ok(Self { config, command, history, needs, table, learned: OnceCell::new(), heads })
    }

    /// The steps from these rows to where the run is to end.
    pub(crate) fn plan(&self, options: &Options, rows: &[String]) -> Result<Plan, TargetError> {
        if options.goes_back() {
            self.history.plan_downgrade(rows, &options.target)
        } else {
            self.history.plan_upgrade(rows, &options.target)
        }
    }

    /// The version table.
    pub(crate) fn table(&self) -> &VersionTable {
        self.learned.get().unwrap_or(&self.table)
    }

    /// Whether env.py computes which table it is.
    pub(crate) fn computes_table(&self) -> bool {
        let computed = |setting: &Setting| matches!(setting, Setting::Dynamic(_));
        computed(&self.config.version_table) || computed(&self.config.version_table_schema)
    }

    /// Takes Python's word for it.
    pub(crate) fn learn_table(&self, table: VersionTable) {
        // Asked once a run: a second answer would be the same.
        let _ = self.learned.set(table);
    }

    /// The first line of a revision's docstring.
    pub(crate) fn description(&self, revision: &str) -> String {
        self.history.revision(revision).map(|revision| revision.message.clone()).unwrap_or_default()
    }

    /// The text of a revision's file, empty where it cannot be read.
    pub(crate) fn text(&self, revision: &str) -> String {
        let bytes = self.history.revision(revision).and_then(|revision| std::fs::read(&revision.file).ok());
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    }

    /// The SHA-256 of a revision's file in hex, empty where it cannot be read.
    pub(crate) fn hash(&self, revision: &str) -> String {
        let bytes = self.history.revision(revision).and_then(|revision| std::fs::read(&revision.file).ok());
        bytes.map_or_else(String::new, |bytes| digest::sha256([&*bytes]))
    }

    /// The name of a revision's file.
    pub(crate) fn file(&self, revision: &str) -> String {
        self.history
            .revision(revision)
            .and_then(|revision| Some(revision.file.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_default()
    }
}
