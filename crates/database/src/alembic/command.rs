//! The command line and environment of the project's Alembic. Pure.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::MigrateError;
use crate::options::Options;

/// What to start, and with which additions to the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Program and arguments.
    pub(crate) words: Vec<String>,
    /// Variables to set.
    pub(crate) variables: Vec<(String, String)>,
    /// Where.
    pub(crate) directory: PathBuf,
}

impl Invocation {
    /// `COMMAND [-c CONFIG] upgrade TARGET`, or `flask db upgrade [-d FOLDER] TARGET`, with marked sessions; `downgrade`
    /// where the run goes back.
    pub(crate) fn migration(
        options: &Options,
        command: &str,
        application_name: &str,
    ) -> Result<Self, MigrateError> {
        let mut words = words(options, command, options.direction())?;
        words.push(options.target.clone());
        let variables = vec![
            ("PGAPPNAME".to_owned(), application_name.to_owned()),
            ("PGOPTIONS".to_owned(), session_options(options, options.variables.get("PGOPTIONS"))),
            // For the bridge, where the driver does not know PGOPTIONS.
            ("TIDEGATE_SESSION".to_owned(), session_settings(options).join(",")),
            // Lines as they are written, not when a buffer is full.
            ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
        ];
        Ok(Self { words, variables, directory: options.directory.clone() })
    }

    /// `COMMAND current`: runs env.py and, in read-only sessions, reads the rows. The bridge tells from which table.
    pub(crate) fn current(options: &Options, command: &str) -> Result<Self, MigrateError> {
        let words = words(options, command, "current")?;
        Ok(Self { words, variables: vec![read_only(options)], directory: options.directory.clone() })
    }

    /// `COMMAND upgrade FROM:TO --sql`: writes SQL and runs none; should env.py connect nevertheless, it can only read.
    pub(crate) fn offline(options: &Options, command: &str, range: &str) -> Result<Self, MigrateError> {
        let mut words = words(options, command, "upgrade")?;
        words.extend([range.to_owned(), "--sql".to_owned()]);
        Ok(Self { words, variables: vec![read_only(options)], directory: options.directory.clone() })
    }

    /// `COMMAND heads`: imports every revision file and opens no database. The bridge tells what the files declare.
    pub(crate) fn scripts(options: &Options, command: &str) -> Result<Self, MigrateError> {
        let variables = vec![("TIDEGATE_ANSWERS".to_owned(), "1".to_owned())];
        Ok(Self { words: words(options, command, "heads")?, variables, directory: options.directory.clone() })
    }

    /// A hook's command, with marked sessions.
    pub(crate) fn hook(
        options: &Options,
        command: &str,
        application_name: &str,
    ) -> Result<Self, MigrateError> {
        let words = split(command).ok_or_else(|| MigrateError::Argument {
            message: format!("the hook {command:?} has a quote that does not end"),
            hint: "write it as in a shell: python -m app.seed".to_owned(),
        })?;
        let variables = vec![
            ("PGAPPNAME".to_owned(), application_name.to_owned()),
            ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
        ];
        Ok(Self { words, variables, directory: options.directory.clone() })
    }

    /// The command line, for messages.
    pub(crate) fn shown(&self) -> String {
        self.words.join(" ")
    }
}

/// The project's command with its configuration, up to and including one of Alembic's commands.
fn words(options: &Options, project: &str, command: &str) -> Result<Vec<String>, MigrateError> {
    let mut words = split(project).ok_or_else(|| MigrateError::Argument {
        message: format!("the Alembic command {project:?} has a quote that does not end"),
        hint: "write it as in a shell: alembic, flask db, python -m alembic".to_owned(),
    })?;
    if words.is_empty() {
        words.push("alembic".to_owned());
    }
    // Flask-Migrate's commands are a group named `db`, whatever the program that offers it (`superset db`).
    if words.len() > 1 && words.last().is_some_and(|last| last == "db") {
        words.push(command.to_owned());
        if let Some(config) = options.config.first() {
            words.push("-d".to_owned());
            words.push(flask_folder(config, &options.directory).display().to_string());
        }
        return Ok(words);
    }
    for config in &options.config {
        words.push("-c".to_owned());
        words.push(ini(config, &options.directory).display().to_string());
    }
    if let Some(section) = &options.section {
        words.extend(["-n".to_owned(), section.clone()]);
    }
    words.push(command.to_owned());
    Ok(words)
}

/// The server settings of Alembic's sessions in libpq's form, after those that are there already. Also used for our
/// own sessions: a pooler that refuses them is met before anything is done.
pub(crate) fn session_options(options: &Options, existing: Option<&str>) -> String {
    let mut words: Vec<String> = existing.map(str::to_owned).into_iter().collect();
    for setting in session_settings(options) {
        // What the project has set for itself is its own business.
        let name = setting.split('=').next().unwrap_or_default();
        if !existing.is_some_and(|existing| existing.contains(name)) {
            words.push(format!("-c {setting}"));
        }
    }
    words.join(" ")
}

/// PGOPTIONS with which a session can write nothing.
fn read_only(options: &Options) -> (String, String) {
    let existing = options.variables.get("PGOPTIONS").unwrap_or_default();
    let all = format!("{existing} -c default_transaction_read_only=on");
    ("PGOPTIONS".to_owned(), all.trim().to_owned())
}

/// `lock_timeout=5000ms` and the like: what was asked for.
fn session_settings(options: &Options) -> Vec<String> {
    [("lock_timeout", options.lock_timeout), ("statement_timeout", options.statement_timeout)]
        .into_iter()
        .filter(|(_, value)| *value > Duration::ZERO)
        .map(|(name, value)| format!("{name}={}ms", value.as_millis()))
        .collect()
}

fn flask_folder(config: &Path, directory: &Path) -> PathBuf {
    if directory.join(config).is_dir() {
        return config.to_owned();
    }
    config.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn ini(config: &Path, directory: &Path) -> PathBuf {
    if directory.join(config).is_dir() { config.join("alembic.ini") } else { config.to_owned() }
}

/// Words as a shell splits them, with quotes and backslashes but no expansion. `None` for an open quote.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (Some(_) | None, _) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Variables;

    fn words(command: &str, config: &[&str]) -> String {
        let mut options = Options::new("/nonexistent", Variables::default());
        options.config = config.iter().map(PathBuf::from).collect();
        Invocation::migration(&options, command, "tidegate:x:1").unwrap().shown()
    }

    #[test]
    fn each_kind_of_project_gets_its_own_command_line() {
        assert_eq!(words("alembic", &[]), "alembic upgrade heads");
        assert_eq!(words("alembic", &["db/alembic.ini"]), "alembic -c db/alembic.ini upgrade heads");
        assert_eq!(words("python -m alembic", &["a.ini"]), "python -m alembic -c a.ini upgrade heads");
        assert_eq!(words("flask db", &["migrations/alembic.ini"]), "flask db upgrade -d migrations heads");
        assert_eq!(words("flask --app 'my app' db", &[]), "flask --app my app db upgrade heads");
    }

    #[test]
    fn an_open_quote_is_an_error() {
        let options = Options::new("/nonexistent", Variables::default());
        assert!(Invocation::migration(&options, "flask 'db", "tidegate:x:1").is_err());
    }

    #[test]
    fn session_options_add_to_what_is_there_and_never_overrule_it() {
        let mut options = Options::new("/nonexistent", Variables::default());
        options.statement_timeout = Duration::from_mins(1);
        assert_eq!(
            session_options(&options, Some("-c lock_timeout=1s -c search_path=app")),
            "-c lock_timeout=1s -c search_path=app -c statement_timeout=60000ms"
        );
        assert_eq!(session_options(&options, None), "-c lock_timeout=5000ms -c statement_timeout=60000ms");
    }
}
