//! Hooks: what an environment wants besides the migration, such as test data. They run once per release, after the
//! migration has been recorded, under the lock; whatever goes wrong with them is a warning and never undoes that the
//! migration is done.

mod record;
mod run;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::options::Environment;

pub(crate) use run::run;

/// Something to run once per release. Written as a map: `{"sql": "FILE"}` or `{"command": "WORDS"}`, with `in` where
/// the usual environments (staging, development) are not what is meant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Hook {
    /// What to do.
    pub action: Action,
    /// Where. Production is there only if somebody wrote it.
    pub environments: Vec<Environment>,
}

/// What a hook does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Statements from a file, in one transaction that also records that they ran.
    Sql(PathBuf),
    /// A command, split into words as a shell does; it gets the environment of the run.
    Command(String),
}

/// A list of hooks that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the list of hooks cannot be read: {reason}")]
pub struct HookError {
    reason: String,
}

impl HookError {
    /// What to write instead.
    pub const HINT: &'static str = r#"write a JSON list such as [{"sql": "seed.sql"}, {"command": "python -m app.seed", "in": ["staging"]}]"#;
}

/// How the hooks of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hooks {
    /// There are none for this environment.
    None,
    /// All of them have run for this release, now or before.
    Done,
    /// At least one failed, or could not be run; warnings say which and why.
    Failed,
}

/// A hook as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    sql: Option<PathBuf>,
    command: Option<String>,
    #[serde(rename = "in")]
    environments: Option<Vec<Environment>>,
}

impl TryFrom<Written> for Hook {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let action = match (written.sql, written.command) {
            (Some(file), None) => Action::Sql(file),
            (None, Some(command)) if !command.trim().is_empty() => Action::Command(command),
            _ => return Err("a hook has either `sql`, a file, or `command`, its words".to_owned()),
        };
        let environments =
            written.environments.unwrap_or_else(|| vec![Environment::Staging, Environment::Development]);
        Ok(Self { action, environments })
    }
}

impl Hook {
    /// Reads a JSON list of hooks.
    pub fn list(text: &str) -> Result<Vec<Self>, HookError> {
        serde_json::from_str(text).map_err(|error| {
            let reason = error.to_string();
            // The parser repeats a text that stands where none may: a whole command, whose arguments can be secrets.
            let repeats = reason.contains("string \"");
            let place = format!(
                "a text stands where a map or a list must, in line {}, column {}",
                error.line(),
                error.column()
            );
            HookError { reason: if repeats { place } else { reason } }
        })
    }

    /// `seed.sql`, or the program of a command: its name in messages and in the record. Not the whole command, whose
    /// arguments can be secrets.
    pub fn name(&self) -> String {
        match &self.action {
            Action::Sql(file) => file.display().to_string(),
            Action::Command(command) => command.split_whitespace().next().unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_meant_only_where_it_is_written() {
        let hooks = Hook::list(r#"[{"sql": "a.sql"}, {"command": "seed", "in": ["production", "staging"]}]"#)
            .unwrap();
        assert_eq!(hooks[0].environments, [Environment::Staging, Environment::Development]);
        assert_eq!(hooks[1].environments, [Environment::Production, Environment::Staging]);
        assert_eq!((hooks[0].name(), hooks[1].name()), ("a.sql".to_owned(), "seed".to_owned()));
    }

    #[test]
    fn a_command_that_is_not_understood_is_not_shown() {
        for text in [r#"["seed --token hunter2"]"#, r#"[{"command": "seed", "in": "hunter2"}]"#] {
            let error = Hook::list(text).unwrap_err().to_string();
            assert!(error.contains("line 1, column") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let cases = [
            "seed.sql",
            r#"[{"sql": "a", "command": "b"}]"#,
            "[{}]",
            r#"[{"command": " "}]"#,
            r#"[{"sqll": "a"}]"#,
            r#"[{"sql": "a", "in": ["prod"]}]"#,
        ];
        let told: Vec<String> = cases.iter().map(|case| Hook::list(case).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
