//! Running a gate: its service is created once, its log is followed, its end is judged by `gate`.

use std::time::Duration;

use engine::{
    Api, Error as EngineError, Filter, LogLine, LogOptions, LogSource, Service, Task, TaskFilter, TaskState,
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::event::{Event, ServiceEvent, ServiceState, Sink};
use crate::gate::{self, Crossed, End, Line, NotCrossed, Report, read_line};
use crate::plan::is_gate_run;
use crate::spec::{self, SPEC_LABEL};
use crate::target::Wanted;
use crate::write::{self, RemoveError, WriteError};

const LOOK: Duration = Duration::from_millis(400);
/// How long the engine may be silent (an election, a restart) before the run is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a task may wait for a node that fits.
const PLACEMENT_GRACE: Duration = Duration::from_secs(20);
/// The log's last lines can arrive after the task's end.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How many of the last log lines are shown when a gate fails.
const LOG_LINES: usize = 20;
const LOG_LINES_WITH_REPORT: usize = 5;

/// One run of a gate.
pub(crate) struct GateRun<'a, A> {
    /// The engine.
    pub api: &'a A,
    /// Where events go.
    pub sink: Sink<'a>,
    /// The gate.
    pub wanted: &'a Wanted,
    /// The full name of the run's service.
    pub name: &'a str,
    /// The body of the run's service.
    pub body: &'a Value,
}

/// How a run ended, if the engine could tell.
pub(crate) struct GateEnd {
    /// The verdict.
    pub verdict: Result<Crossed, NotCrossed>,
    /// The last lines of its log.
    pub log: Vec<String>,
}

/// What the log has said so far.
#[derive(Default)]
struct Heard {
    lines: usize,
    last: Vec<String>,
    report: Option<Box<Report>>,
}

impl<A: Api> GateRun<'_, A> {
    /// Runs the gate, or continues to watch a run of this release that an interrupted deploy began.
    pub(crate) async fn run(&self) -> Result<GateEnd, Error> {
        let service = self.service().await?;
        // A run that an interrupted deploy began carries a run id of its own.
        let run = gate::run_of(&service.spec).unwrap_or_default().to_owned();
        self.tell(ServiceState::Running, None);
        let mut heard = Heard::default();
        let end = self.watch(&service.id, &mut heard).await?;
        if end != End::Exited(0) || gate::reports_rows(self.body) {
            self.hear_the_rest(&service.id, &mut heard).await;
        }
        let must_report = gate::reports_rows(self.body);
        let verdict = gate::verdict(&end, heard.report.as_deref(), &run, must_report);
        if heard.report.as_ref().is_some_and(|report| report.error.is_some()) {
            // The report says what the log says, in fewer words.
            let excess = heard.last.len().saturating_sub(LOG_LINES_WITH_REPORT);
            heard.last.drain(..excess);
        }
        match &verdict {
            Ok(crossed) => self.tell(ServiceState::Completed, crossed.rows.as_ref().map(|rows| level(rows))),
            Err(failed) => self.tell(ServiceState::Failed, Some(failed.message.clone())),
        }
        Ok(GateEnd { verdict, log: heard.last })
    }

    /// Runs it anew, and says how its task ended, with the last lines of its log. For a one-shot that is no gate.
    pub(crate) async fn to_its_end(&self) -> Result<(End, Vec<String>), Error> {
        let service = self.create().await?;
        let mut heard = Heard::default();
        let end = self.watch(&service.id, &mut heard).await?;
        if end != End::Exited(0) {
            self.hear_the_rest(&service.id, &mut heard).await;
        }
        Ok((end, heard.last))
    }

    /// Removes its service, if there is one, and waits until its task is gone.
    pub(crate) async fn remove(&self) -> Result<(), Error> {
        match self.api.service(self.name).await? {
            Some(service) => remove(self.api, &service.id, self.name).await,
            None => Ok(()),
        }
    }

    async fn service(&self) -> Result<Service, Error> {
        if let Some(service) = self.api.service(self.name).await? {
            let tasks = self.api.tasks(&TaskFilter::service(&service.id)).await?;
            let end = end_of(tasks.last(), Duration::ZERO);
            let same = spec::label(&service.spec, SPEC_LABEL) == spec::label(self.body, SPEC_LABEL);
            if same && matches!(end, None | Some(End::Exited(0))) {
                return Ok(service);
            }
            // It is for another content, or it failed and was never judged: its cause may be mended by now.
            remove(self.api, &service.id, self.name).await?;
        }
        self.create().await
    }

    async fn create(&self) -> Result<Service, Error> {
        let run = gate::run_of(self.body).unwrap_or_default();
        write::create(self.api, self.name, self.body, self.wanted.auth.as_ref(), |live| {
            gate::run_of(live) == Some(run)
        })
        .await
        .map_err(|error| match error {
            WriteError::Engine(error) => Error::Engine(error),
            other => Error::Engine(EngineError::Refused {
                what: format!("create service {}", self.name),
                status: 409,
                message: other.to_string(),
            }),
        })
    }

    async fn watch(&self, id: &str, heard: &mut Heard) -> Result<End, Error> {
        let begun = Instant::now();
        let mut answered = Instant::now();
        loop {
            let answer = self.api.tasks(&TaskFilter::service(id)).await;
            self.listen(id, heard).await;
            match answer {
                Ok(tasks) => {
                    answered = Instant::now();
                    if let Some(end) = end_of(tasks.last(), begun.elapsed()) {
                        return Ok(end);
                    }
                }
                Err(error) if error.is_transient() && answered.elapsed() < PATIENCE => {}
                Err(error) => return Err(error.into()),
            }
            if begun.elapsed() >= self.wanted.timeout {
                remove(self.api, id, self.name).await?;
                let seconds = self.wanted.timeout.as_secs();
                return Ok(End::Lost(format!("it did not end within {seconds} s and was stopped")));
            }
            sleep(LOOK).await;
        }
    }

    /// Reads what is new in the log and tells it.
    async fn listen(&self, id: &str, heard: &mut Heard) {
        // A log that cannot be read now may be readable in a moment; without it the verdict is the stricter one.
        let Ok(lines) = self.api.logs(LogSource::Service(id), &LogOptions::default()).await else { return };
        for line in lines.iter().skip(heard.lines) {
            self.hear(line, heard);
        }
        heard.lines = heard.lines.max(lines.len());
    }

    fn hear(&self, line: &LogLine, heard: &mut Heard) {
        let (kind, revision, message) = match read_line(&line.text) {
            Line::Report(report) => {
                heard.report = Some(report);
                return;
            }
            Line::Revision { revision, message } => ("revision", Some(revision), message),
            Line::Step { revision, message } => ("step", Some(revision), message),
            Line::Event(message) => ("event", None, message),
            // A gate that reports says in events what matters; what Alembic prints besides is its log.
            Line::Text(text) if gate::reports_rows(self.body) => ("log", None, text),
            Line::Text(text) => ("output", None, text),
        };
        heard.last.push(message.clone());
        let excess = heard.last.len().saturating_sub(LOG_LINES);
        heard.last.drain(..excess);
        (self.sink)(Event::Gate { gate: self.wanted.key.clone(), kind, revision, message });
    }

    async fn hear_the_rest(&self, id: &str, heard: &mut Heard) {
        let ended = Instant::now();
        while heard.report.is_none() && ended.elapsed() < LAST_WORDS {
            self.listen(id, heard).await;
            if heard.report.is_none() {
                sleep(LOOK).await;
            }
        }
    }

    fn tell(&self, state: ServiceState, note: Option<String>) {
        let running = u64::from(state == ServiceState::Completed);
        let service = self.wanted.key.clone();
        (self.sink)(Event::Service(ServiceEvent { service, state, running, wanted: 1, note }));
    }
}

fn level(rows: &[String]) -> String {
    match rows {
        [] => "the database has no revision, as the code wants".to_owned(),
        rows => format!("the database is at {}", rows.join(", ")),
    }
}

fn end_of(task: Option<&Task>, elapsed: Duration) -> Option<End> {
    let task = task?;
    let words = match task.status.err.as_str() {
        "" => task.status.message.clone(),
        error => error.to_owned(),
    };
    match task.status.state {
        TaskState::Complete => Some(End::Exited(task.status.exit_code.unwrap_or(0))),
        TaskState::Failed => Some(match task.status.exit_code {
            Some(code) if code != 0 => End::Exited(code),
            _ => End::Lost(words),
        }),
        TaskState::Rejected | TaskState::Shutdown | TaskState::Remove | TaskState::Orphaned => {
            Some(End::Lost(format!("{}: {words}", task.status.state)))
        }
        TaskState::New | TaskState::Pending if elapsed >= PLACEMENT_GRACE && task.node_id.is_none() => {
            let why =
                if words.is_empty() { "no free address in one of its networks".to_owned() } else { words };
            Some(End::Lost(format!("no node took it: {why}")))
        }
        _ => None,
    }
}

/// Ends runs of gates that an interrupted deploy left behind, so that no two migrate at once.
///
/// `gate` is the gate's own name: a service of that name is the stock client's, whose task migrates too. It ends here if
/// it still runs, or is started again and again; one that has come to its end does no harm.
pub(crate) async fn end_others<A: Api>(api: &A, stack: &str, gate: &str, name: &str) -> Result<(), Error> {
    for service in api.services(&Filter::stack(stack)).await? {
        let is_other_run = is_gate_run(&service.spec) && service.name() != name;
        if !is_other_run && service.name() != gate {
            continue;
        }
        let tasks = api.tasks(&TaskFilter::service(&service.id)).await?;
        if tasks.iter().any(|task| !task.status.state.is_final()) {
            remove(api, &service.id, service.name()).await?;
        }
    }
    Ok(())
}

/// Removes a gate's service and waits until its task is gone, so that no migration runs on unwatched.
async fn remove<A: Api>(api: &A, id: &str, name: &str) -> Result<(), Error> {
    // A gate's run belongs to nobody else.
    write::remove_and_wait(api, id, &|_| true).await.map_err(|error| match error {
        RemoveError::Engine(error) => Error::Engine(error),
        RemoveError::StillRuns { tasks, seconds } => {
            Error::TimedOut { what: format!("the task of `{name}` to end: {tasks}"), seconds }
        }
        RemoveError::Foreign => Error::TimedOut { what: format!("`{name}` to be removed"), seconds: 0 },
    })
}
