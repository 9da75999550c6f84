//! What a run of Alembic amounts to: judged by the rows it left, not by what it says of itself. Pure.

use std::collections::BTreeSet;

use revisions::{Direction, Plan};

use crate::alembic::{Ended, Message, Run, Stop};
use crate::error::MigrateError;
use crate::event::list;
use crate::explain;

/// What to do when every revision is committed and the command failed nevertheless.
const AFTER_THE_LAST: &str = "what failed came after the last revision: see what the command wrote. The same command again \
                              will find the database at the target";

/// What a run has left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aftermath {
    /// The rows of the version table, sorted.
    pub(crate) rows: Vec<String>,
    /// The revisions of the plan that are committed now and were not before, in order.
    pub(crate) applied: Vec<String>,
    /// Indexes that are invalid now and were not before.
    pub(crate) invalid_indexes: Vec<String>,
    /// A revision of the plan that commits in its middle, so that "nothing was committed" cannot be read off the rows.
    pub(crate) commits_alone: Option<String>,
}

/// The judgement.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The rows are what the plan says.
    Done,
    /// They are not.
    Failed(MigrateError),
    /// They are not, nothing was committed, and other sessions were the reason: worth another try.
    Transient {
        /// The failure, should there be no other try.
        error: MigrateError,
        /// The reason, in short.
        reason: String,
    },
}

/// Judges a run.
pub(crate) fn judge(command: &str, plan: &Plan, run: &Run, aftermath: &Aftermath) -> Verdict {
    let committed = committed(plan, aftermath);
    let reached = aftermath.rows == plan.rows_after();
    let status = match &run.ended {
        Ended::Stopped(Stop::Interrupted) => {
            return Verdict::Failed(MigrateError::Interrupted(Some(committed)));
        }
        Ended::Stopped(Stop::LockLost(reason)) => {
            return Verdict::Failed(MigrateError::LockLost { reason: reason.clone(), committed });
        }
        Ended::Exited(status) => *status,
    };
    if status.success() {
        if reached {
            return Verdict::Done;
        }
        let command = command.to_owned();
        let hint = unverified_hint(run, aftermath);
        return Verdict::Failed(MigrateError::Unverified { command, committed, hint });
    }
    let failure = Failure::of(run);
    let error = MigrateError::Alembic {
        command: command.to_owned(),
        status: status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}")),
        what: failure.what(),
        committed,
        hint: if reached { AFTER_THE_LAST.to_owned() } else { failure.hint(run, aftermath) },
    };
    let untouched = aftermath.applied.is_empty()
        && aftermath.rows == sorted(&plan.rows)
        && aftermath.invalid_indexes.is_empty()
        && aftermath.commits_alone.is_none()
        && !run.messages.iter().any(|message| matches!(message, Message::Autocommit { .. }));
    match failure.sqlstate.as_deref().filter(|sqlstate| explain::is_transient(sqlstate)) {
        Some(sqlstate) if untouched => {
            let reason = format!("other sessions were in the way ({sqlstate}) and nothing was committed");
            Verdict::Transient { error, reason }
        }
        _ => Verdict::Failed(error),
    }
}

/// Which revisions of the plan are in the database now, and which are not.
pub(crate) fn committed(plan: &Plan, aftermath: &Aftermath) -> String {
    let missing: Vec<String> = plan
        .steps
        .iter()
        .map(|step| step.revision.clone())
        .filter(|revision| !aftermath.applied.contains(revision))
        .collect();
    let rows = list(&aftermath.rows);
    if aftermath.applied.is_empty() && aftermath.rows == sorted(&plan.rows) {
        let Some(revision) = &aftermath.commits_alone else {
            return format!("nothing was committed: the version table is at {rows} as before");
        };
        return format!(
            "no revision was recorded: the version table is at {rows} as before, but {revision} commits in its middle, \
             so a part of it may be in the database"
        );
    }
    if missing.is_empty() {
        return format!("all revisions were committed: the version table is at {rows}");
    }
    let undone = plan.steps.first().is_some_and(|step| step.direction == Direction::Downgrade);
    format!(
        "committed: {}; not {}: {}; the version table is at {rows}, and {} was planned",
        list(&aftermath.applied),
        if undone { "undone" } else { "applied" },
        list(&missing),
        list(&plan.rows_after())
    )
}

fn sorted(rows: &[String]) -> Vec<String> {
    rows.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// What is known of the failure itself.
struct Failure {
    revision: Option<String>,
    text: String,
    sqlstate: Option<String>,
    statement: Option<String>,
}

impl Failure {
    /// From what Python told, else from Alembic's last lines.
    fn of(run: &Run) -> Self {
        let told = run.messages.iter().rev().find_map(|message| match message {
            Message::Error { revision, class, text, sqlstate, statement } => Some(Self {
                revision: revision.clone(),
                text: if text.is_empty() { class.clone() } else { text.clone() },
                sqlstate: sqlstate.clone().or_else(|| explain::sqlstate_of(text).map(str::to_owned)),
                statement: statement.clone(),
            }),
            _ => None,
        });
        told.unwrap_or_else(|| {
            let tail: Vec<&str> = run.tail.iter().map(String::as_str).collect();
            let culprit = explain::culprit(&tail);
            let text = culprit.or(run.tail.last().map(String::as_str)).unwrap_or_default().trim().to_owned();
            let sqlstate =
                run.tail.iter().rev().find_map(|line| explain::sqlstate_of(line)).map(str::to_owned);
            Self { revision: None, text, sqlstate, statement: None }
        })
    }

    fn what(&self) -> String {
        let mut what =
            self.revision.as_ref().map_or_else(String::new, |revision| format!(" at revision {revision}"));
        let first = self.text.lines().next().unwrap_or_default();
        if !first.is_empty() {
            what = format!("{what}: {first}");
        }
        match &self.sqlstate {
            Some(sqlstate) => format!("{what} (SQLSTATE {sqlstate})"),
            None => what,
        }
    }

    fn hint(&self, run: &Run, aftermath: &Aftermath) -> String {
        let mut parts = Vec::new();
        if let Some(statement) = &self.statement {
            parts.push(format!("the statement: {}", shortened(statement)));
        }
        let hint = explain::hint(self.sqlstate.as_deref(), &self.text);
        match &self.revision {
            Some(revision) if hint.is_empty() => {
                parts.push(format!(
                    "correct revision {revision}, or the data that it meets, and run it again"
                ));
            }
            _ => parts.push(hint),
        }
        parts.extend(left_behind(run, aftermath));
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }
}

/// What a rollback did not take back.
fn left_behind(run: &Run, aftermath: &Aftermath) -> Vec<String> {
    let mut parts = Vec::new();
    let entered = run.messages.iter().find_map(|message| match message {
        Message::Autocommit { revision: Some(revision) } if !aftermath.applied.contains(revision) => {
            Some(revision)
        }
        _ => None,
    });
    if let Some(revision) = entered {
        parts.push(format!(
            "revision {revision} is half applied: what it did up to and inside its autocommit_block is committed, \
             though the version table does not name it. Undo that by hand, or make the revision repeatable (IF NOT \
             EXISTS), before running it again"
        ));
    }
    for index in &aftermath.invalid_indexes {
        parts.push(format!(
            "a CREATE INDEX CONCURRENTLY left the invalid index {index}: DROP INDEX CONCURRENTLY {index};"
        ));
    }
    parts
}

fn unverified_hint(run: &Run, aftermath: &Aftermath) -> String {
    let external =
        run.messages.iter().any(|message| matches!(message, Message::Configured { external: true, .. }));
    let said = run.tail.iter().rev().find(|line| line.contains("Error") || line.contains("FAILED"));
    let mut parts = Vec::new();
    if external {
        parts.push(
            "env.py runs a statement on the connection before context.configure(): Alembic then takes the \
             transaction for yours and never commits it. Configure first, or commit before configuring"
                .to_owned(),
        );
    } else if let Some(said) = said {
        parts.push(format!("it also said: {said}"));
    } else {
        parts.push(
            "env.py may use another database or schema than Tidegate (compare its URL with DATABASE_URL), or roll \
             the transaction back"
                .to_owned(),
        );
    }
    parts.extend(left_behind(run, aftermath));
    parts.join("\n")
}

/// A statement in one line of at most 200 characters.
fn shortened(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use revisions::Step;

    use super::*;

    fn plan() -> Plan {
        let step = |revision: &str| Step {
            revision: revision.to_owned(),
            direction: Direction::Upgrade,
            rows_after: vec![revision.to_owned()],
        };
        Plan { rows: vec!["a".to_owned()], target: "heads".to_owned(), steps: vec![step("b"), step("c")] }
    }

    fn run(code: i32, messages: Vec<Message>) -> Run {
        let ended = Ended::Exited(ExitStatus::from_raw(code << 8));
        Run { ended, tail: vec!["the last line".to_owned()], messages }
    }

    fn error(sqlstate: &str) -> Message {
        Message::Error {
            revision: Some("c".to_owned()),
            class: "OperationalError".to_owned(),
            text: "canceling statement".to_owned(),
            sqlstate: Some(sqlstate.to_owned()),
            statement: Some("ALTER TABLE  x\n ADD y int".to_owned()),
        }
    }

    fn at(rows: &[&str], applied: &[&str]) -> Aftermath {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Aftermath { rows: owned(rows), applied: owned(applied), ..Aftermath::default() }
    }

    fn shown(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Done => "done".to_owned(),
            Verdict::Failed(error) => format!("failed: {error}\n  {}", error.hint().unwrap_or_default()),
            Verdict::Transient { reason, .. } => format!("transient: {reason}"),
        }
    }

    #[test]
    fn the_rows_decide_and_only_an_untouched_database_is_tried_again() {
        let autocommit = Message::Autocommit { revision: Some("c".to_owned()) };
        let external = Message::Configured { table: None, schema: None, external: true };
        let invalid = Aftermath { invalid_indexes: vec!["public.i".to_owned()], ..at(&["a"], &[]) };
        let commits = Aftermath { commits_alone: Some("b".to_owned()), ..at(&["a"], &[]) };
        let stopped = |stop| Run { ended: Ended::Stopped(stop), tail: Vec::new(), messages: Vec::new() };
        let cases = [
            ("exit 0, rows as planned", run(0, vec![]), at(&["c"], &["b", "c"])),
            ("exit 0, nothing committed", run(0, vec![external]), at(&["a"], &[])),
            ("exit 0, half way", run(0, vec![]), at(&["b"], &["b"])),
            ("exit 1, rows as planned", run(1, vec![]), at(&["c"], &["b", "c"])),
            ("lock timeout, untouched", run(1, vec![error("55P03")]), at(&["a"], &[])),
            ("lock timeout, half way", run(1, vec![error("55P03")]), at(&["b"], &["b"])),
            ("lock timeout, autocommit entered", run(1, vec![autocommit, error("55P03")]), at(&["a"], &[])),
            ("lock timeout, a revision that may commit", run(1, vec![error("55P03")]), commits),
            ("deadlock, invalid index", run(1, vec![error("40P01")]), invalid),
            ("another error, untouched", run(1, vec![error("42501")]), at(&["a"], &[])),
            ("stopped, half way", stopped(Stop::Interrupted), at(&["b"], &["b"])),
            ("lock lost, complete", stopped(Stop::LockLost("gone".to_owned())), at(&["c"], &["b", "c"])),
        ];
        let text: Vec<String> = cases
            .iter()
            .map(|(name, run, aftermath)| {
                format!("{name}\n{}", shown(&judge("alembic upgrade heads", &plan(), run, aftermath)))
            })
            .collect();
        insta::assert_snapshot!(text.join("\n\n"));
    }
}
