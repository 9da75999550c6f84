//! Asking the project's own Python what its revision files declare: for the few files that compute it.

use std::time::Duration;

use revisions::{Answer, Answers, Config};

use crate::alembic::{self, Ended, Invocation, Message, Run, Stop, Watch};
use crate::error::{MigrateError, seconds};
use crate::event::Event;
use crate::options::Options;
use crate::project::Project;
use crate::settings::{self, Settings};

/// How long importing all revision files may take.
const LIMIT: Duration = Duration::from_mins(2);

/// What every revision file declares, from one run of Alembic that opens no database.
pub(crate) async fn ask(options: &Options, command: &str, config: &Config) -> Result<Answers, MigrateError> {
    let invocation = Invocation::scripts(options, command)?;
    let url = config.sqlalchemy_url.as_ref().map(revisions::Secret::expose);
    let password = settings::resolve(&options.variables, url).ok().and_then(|settings| settings.password);
    let mut listener = Listener;
    let asked = alembic::run(&invocation, &options.variables, password.as_ref(), &mut listener);
    let failed = |reason: String| MigrateError::Computed { command: invocation.shown(), reason };
    let run = tokio::time::timeout(LIMIT, asked)
        .await
        .map_err(|_| failed(format!("it did not end within {}", seconds(&LIMIT))))??;
    let answers = answers(&run.messages);
    let success = matches!(run.ended, Ended::Exited(status) if status.success());
    if !success || answers.is_empty() {
        let last = run.tail.iter().rev().find(|line| !line.trim().is_empty()).cloned();
        return Err(failed(last.unwrap_or_else(|| "it told nothing".to_owned())));
    }
    Ok(answers)
}

/// Learns from a run of `alembic current` in which table the project keeps its rows, where env.py computes that.
pub(crate) async fn learn_table(
    options: &Options,
    project: &Project,
    settings: &Settings,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), MigrateError> {
    let invocation = Invocation::current(options, &project.command)?;
    let mut listener = Listener;
    let asked = alembic::run(&invocation, &options.variables, settings.password.as_ref(), &mut listener);
    let run = tokio::time::timeout(LIMIT, asked).await.ok().transpose()?;
    match run.as_ref().and_then(Run::version_table) {
        Some(table) => project.learn_table(table),
        None => on_event(Event::Warning {
            code: "version_table",
            text: format!(
                "env.py computes the name of the version table, and {} does not tell it: {} is assumed",
                invocation.shown(),
                project.table().sql()
            ),
        }),
    }
    Ok(())
}

/// Each answer under the path as Python has it, and under the path with links resolved.
fn answers(messages: &[Message]) -> Answers {
    let mut answers = Answers::new();
    for message in messages {
        if let Message::Script { path, revision, down_revision, depends_on, branch_labels } = message {
            let answer = Answer {
                revision: revision.clone(),
                down_revision: down_revision.clone(),
                depends_on: depends_on.clone(),
                branch_labels: branch_labels.clone(),
            };
            if let Ok(resolved) = path.canonicalize() {
                answers.insert(resolved, answer.clone());
            }
            answers.insert(path.clone(), answer);
        }
    }
    answers
}

/// Nothing is shown, and nothing but the caller ends it.
struct Listener;

impl Watch for Listener {
    fn line(&mut self, _stream: &'static str, _line: &str) {}

    fn message(&mut self, _message: &Message) {}

    async fn tick(&mut self) {}

    async fn must_stop(&mut self) -> Stop {
        std::future::pending().await
    }
}
