//! The gate: its one-shot service, what its log says, and the verdict. Pure.
//!
//! A gate never goes through Swarm's updater, which takes its exit for a failure and runs the old image again
//! (measured). Each run is a fresh service of the stack, named after the release, with one task
//! that is never restarted. The verdict needs both the task's exit code and the rows that the database ended with.

use std::fmt::Write as _;

use engine::at;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::order::runs_tidegate_migrate;
use crate::settings::Settings;
use crate::spec::{self, GATE_LABEL, RELEASE_LABEL, SPEC_LABEL};

/// What is told of a gate whose hooks failed.
const HOOK_FAILED: &str = "the database is level with the code, but a hook after the migration failed: the gate's log says \
                           which and why. The next release runs the hooks again";

/// The environment variable that says which run a service is for.
const RUN: &str = "TIDEGATE_RUN=";

/// The name of the gate's service in a release: the gate's own name is left to the stock client.
pub(crate) fn service_name(gate: &str, number: u64) -> String {
    let suffix = format!("-r{number}");
    // Swarm refuses service names of more than 63 characters.
    let room = 63 - suffix.len();
    let stem = gate.char_indices().nth(room).map_or(gate, |(at, _)| &gate[..at]);
    format!("{}{suffix}", stem.trim_end_matches(['-', '_']))
}

/// The body of a gate's service: `wanted` is what the stack file says, as the official client would send it.
pub(crate) fn body(
    wanted: &Value,
    name: &str,
    number: u64,
    run: &str,
    commit: Option<&str>,
    settings: &Settings,
) -> Value {
    let mut body = wanted.clone();
    let digest = spec::digest(wanted);
    body["Name"] = json!(name);
    body["Mode"] = json!({ "Replicated": { "Replicas": 1 } });
    if let Some(map) = body.as_object_mut() {
        map.remove("UpdateConfig");
        map.remove("RollbackConfig");
    }
    if let Some(task) = spec::object_at(&mut body, "TaskTemplate") {
        task.insert("RestartPolicy".to_owned(), json!({ "Condition": "none" }));
        if let Some(container) = task.get_mut("ContainerSpec") {
            add_environment(container, number, run, commit, settings);
        }
    }
    spec::set_label(&mut body, SPEC_LABEL, &digest);
    spec::set_label(&mut body, RELEASE_LABEL, &number.to_string());
    spec::set_label(&mut body, GATE_LABEL, "true");
    body
}

/// What the gate's task is told. What the stack file sets itself is left alone.
fn add_environment(container: &mut Value, number: u64, run: &str, commit: Option<&str>, settings: &Settings) {
    let mut variables = vec![
        ("TIDEGATE_RUN", run.to_owned()),
        ("TIDEGATE_RELEASE", number.to_string()),
        ("TIDEGATE_OUTPUT", "json".to_owned()),
        ("TIDEGATE_ENVIRONMENT", settings.environment.as_str().to_owned()),
    ];
    let image = container.get("Image").and_then(Value::as_str).unwrap_or_default();
    variables.push(("TIDEGATE_IMAGE", image.to_owned()));
    variables.extend(commit.map(|commit| ("TIDEGATE_COMMIT", commit.to_owned())));
    let gate = &settings.gate;
    if !gate.extensions.is_empty() {
        variables.push(("TIDEGATE_EXTENSIONS", gate.extensions.join(",")));
    }
    variables.extend(gate.target.clone().map(|target| ("TIDEGATE_TARGET", target)));
    variables.extend(gate.several_heads.clone().map(|policy| ("TIDEGATE_SEVERAL_HEADS", policy)));
    if !gate.hooks.is_empty() {
        variables.push(("TIDEGATE_HOOKS", json!(gate.hooks).to_string()));
    }
    variables.extend(gate.config.clone().map(|config| ("TIDEGATE_CONFIG", config)));
    variables.extend(gate.command.clone().map(|command| ("TIDEGATE_ALEMBIC", command)));
    let mut list: Vec<String> = container
        .get("Env")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_str().map(str::to_owned))
        .collect();
    for (name, value) in variables {
        let always = name == "TIDEGATE_RUN" || name == "TIDEGATE_OUTPUT";
        let prefix = format!("{name}=");
        if always {
            list.retain(|entry| !entry.starts_with(&prefix));
        }
        if !list.iter().any(|entry| entry.starts_with(&prefix)) {
            list.push(format!("{prefix}{value}"));
        }
    }
    list.sort();
    container["Env"] = json!(list);
}

/// Marks a body with the run it is for, so that it is known as Tidegate's own one-shot.
pub(crate) fn set_run(body: &mut Value, run: &str) {
    let Some(container) = body.pointer_mut("/TaskTemplate/ContainerSpec") else { return };
    let listed = container.get("Env").and_then(Value::as_array).into_iter().flatten().cloned();
    let mut list: Vec<Value> =
        listed.filter(|entry| !entry.as_str().is_some_and(|e| e.starts_with(RUN))).collect();
    list.push(json!(format!("{RUN}{run}")));
    container["Env"] = json!(list);
}

/// Whether the gate is one that reports its rows: without its report its success is not believed.
pub(crate) fn reports_rows(body: &Value) -> bool {
    let part = |name: &str| {
        at(body, &format!("/TaskTemplate/ContainerSpec/{name}"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    runs_tidegate_migrate(&[part("Command"), part("Args")].concat())
}

/// The run that a gate's service was made for.
pub(crate) fn run_of(spec: &Value) -> Option<&str> {
    at(spec, "/TaskTemplate/ContainerSpec/Env")?
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .find_map(|entry| entry.strip_prefix(RUN))
}

/// What one line of a gate's log means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// A revision was applied.
    Revision {
        /// Its id.
        revision: String,
        /// What the gate says about it.
        message: String,
    },
    /// The gate's last word.
    Report(Box<Report>),
    /// A revision began, was done and is not yet committed, or failed.
    Step {
        /// Its id.
        revision: String,
        /// What the gate says about it.
        message: String,
    },
    /// Another event of `tidegate migrate`, in words.
    Event(String),
    /// Any other line, and what the project's Alembic prints.
    Text(String),
}

/// The last word of `tidegate migrate`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Report {
    /// The run it belongs to.
    #[serde(default)]
    pub run: Option<String>,
    /// The version table's rows afterwards.
    #[serde(default)]
    pub rows: Vec<String>,
    /// The rows that the revision files want.
    #[serde(default)]
    pub heads: Vec<String>,
    /// The revisions that this run applied, in order.
    #[serde(default)]
    pub applied: Vec<String>,
    /// `migrated`, `current` or `failed`.
    pub outcome: String,
    /// The revisions that this run undid, in order.
    #[serde(default)]
    pub reverted: Vec<String>,
    /// How the hooks ended: `none`, `done` or `failed`.
    #[serde(default)]
    pub hooks: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<ReportError>,
}

/// Why a gate failed, in its own words.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct ReportError {
    /// What happened.
    pub message: String,
    /// What to do next.
    #[serde(default)]
    pub hint: Option<String>,
}

/// Reads a line of a gate's log.
pub(crate) fn read_line(text: &str) -> Line {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Line::Text(text.to_owned()) };
    let message = value.get("message").and_then(Value::as_str).map(str::to_owned);
    match (value.get("event").and_then(Value::as_str), message) {
        (Some("report"), message) => match serde_json::from_value(value) {
            Ok(report) => Line::Report(Box::new(report)),
            Err(_) => Line::Text(message.unwrap_or_else(|| text.to_owned())),
        },
        (Some("revision"), Some(message)) => {
            let revision = value["revision"].as_str().unwrap_or_default().to_owned();
            match value["state"].as_str() {
                Some("applied") => Line::Revision { revision, message },
                _ => Line::Step { revision, message },
            }
        }
        (Some("output"), Some(message)) => Line::Text(message),
        (Some(_), Some(message)) => Line::Event(message),
        _ => Line::Text(text.to_owned()),
    }
}

/// How the gate's task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The process ended by itself.
    Exited(i64),
    /// The task never ran, or its end is unknown: the engine's words.
    Lost(String),
}

/// A gate that was crossed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
pub(crate) struct Crossed {
    /// The rows, if the gate reported them.
    pub rows: Option<Vec<String>>,
    /// The revisions that were applied.
    pub applied: Vec<String>,
    /// The revisions that were undone.
    pub reverted: Vec<String>,
    /// What is not certain.
    pub warning: Option<String>,
}

impl Crossed {
    /// What a release that is put back after its gate leaves in the database, if anything.
    pub(crate) fn left_behind(&self) -> Option<String> {
        let rows = || named(self.rows.as_deref().unwrap_or_default());
        if !self.reverted.is_empty() {
            let undone = self.reverted.join(", ");
            return Some(format!("the database is not as before: {undone} stay undone, it is at {}", rows()));
        }
        let revisions = match &self.applied[..] {
            [] => return None,
            [one] => format!("the revision {one} of this release stays applied"),
            [first, .., last] => {
                let number = self.applied.len();
                format!("{number} revisions of this release, {first} to {last}, stay applied")
            }
        };
        Some(format!("the database is not as before: {revisions}, it is at {}", rows()))
    }

    /// Where the database is, if the release changed nothing in it.
    pub(crate) fn as_before(&self) -> Option<String> {
        let rows = self.rows.as_ref().filter(|_| self.applied.is_empty() && self.reverted.is_empty())?;
        Some(format!("the database is at {}, as before", named(rows)))
    }
}

fn named(rows: &[String]) -> String {
    if rows.is_empty() { "no revision".to_owned() } else { rows.join(", ") }
}

/// A gate that was not crossed: what happened and, if the gate says, what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotCrossed {
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The rows that the gate last saw, if it reported.
    pub rows: Option<Vec<String>>,
}

/// The verdict: the exit code of the task that we created AND the database's rows.
pub(crate) fn verdict(
    end: &End,
    report: Option<&Report>,
    run: &str,
    must_report: bool,
) -> Result<Crossed, NotCrossed> {
    let report = report.filter(|report| report.run.as_deref() == Some(run));
    let rows = report.map(|report| report.rows.clone());
    let fail = |message: String, hint: Option<String>| Err(NotCrossed { message, hint, rows: rows.clone() });
    if let Some(error) = report.and_then(|report| report.error.as_ref()) {
        return fail(error.message.clone(), error.hint.clone());
    }
    match end {
        End::Lost(reason) => return fail(format!("the gate's task did not run to its end: {reason}"), None),
        End::Exited(0) => {}
        End::Exited(code) => return fail(format!("the gate exited with code {code}"), None),
    }
    match report {
        None if must_report => fail(
            "the gate exited with code 0 but did not report the database's rows".to_owned(),
            Some("its log is kept: look whether `tidegate migrate` really was what ran".to_owned()),
        ),
        None => Ok(Crossed {
            rows: None,
            applied: Vec::new(),
            reverted: Vec::new(),
            warning: Some(
                "the gate did not report the database's rows, so only its exit code was judged; run `tidegate migrate` in it"
                    .to_owned(),
            ),
        }),
        Some(report) => {
            let (mut rows, mut heads) = (report.rows.clone(), report.heads.clone());
            rows.sort();
            heads.sort();
            if report.outcome == "failed" || rows != heads && !planted!(GateRowsIgnored) {
                let mut message = "the gate exited with code 0, but the database is not level with the code".to_owned();
                let _ = write!(message, ": its rows are [{}], the revision files want [{}]", rows.join(", "), heads.join(", "));
                return fail(message, None);
            }
            let failed = report.hooks.as_deref() == Some("failed");
            let warning = failed.then(|| HOOK_FAILED.to_owned());
            let (applied, reverted) = (report.applied.clone(), report.reverted.clone());
            Ok(Crossed { rows: Some(rows), applied, reverted, warning })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: &[&str], heads: &[&str]) -> Report {
        let own = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect();
        Report {
            run: Some("run-1".into()),
            rows: own(rows),
            heads: own(heads),
            applied: vec![],
            reverted: vec![],
            outcome: "migrated".into(),
            hooks: None,
            error: None,
        }
    }

    #[test]
    fn exit_code_and_rows_both_decide() {
        let level = report(&["b", "a"], &["a", "b"]);
        assert!(verdict(&End::Exited(0), Some(&level), "run-1", true).is_ok());
        assert!(verdict(&End::Exited(1), Some(&level), "run-1", true).is_err());
        assert!(verdict(&End::Exited(0), Some(&report(&["a"], &["b"])), "run-1", true).is_err());
        assert!(verdict(&End::Exited(0), None, "run-1", true).is_err());
        // A report of another run says nothing about this one.
        assert!(verdict(&End::Exited(0), Some(&level), "run-2", true).is_err());
        assert!(verdict(&End::Lost("no such image".into()), None, "run-1", false).is_err());
        // What an environment wants besides the migration decides nothing.
        let hook = Report { hooks: Some("failed".into()), ..level.clone() };
        assert!(verdict(&End::Exited(0), Some(&hook), "run-1", true).unwrap().warning.is_some());
        let unverified = verdict(&End::Exited(0), None, "run-1", false).unwrap();
        assert!(unverified.warning.is_some());
    }

    #[test]
    fn the_gates_service_runs_once_and_keeps_what_the_file_sets() {
        let wanted = json!({
            "Name": "shop_migrate",
            "Labels": { "com.docker.stack.namespace": "shop" },
            "Mode": { "Replicated": {} },
            "UpdateConfig": { "FailureAction": "rollback" },
            "RollbackConfig": { "Parallelism": 1 },
            "TaskTemplate": {
                "ContainerSpec": { "Image": "app", "Env": ["TIDEGATE_ENVIRONMENT=development", "TIDEGATE_RUN=forged"] },
                "RestartPolicy": { "Condition": "on-failure" },
            },
        });
        let mut settings = Settings::default();
        settings.gate.extensions = vec!["postgis".into(), "citext".into()];
        settings.gate.several_heads = Some("all".into());
        settings.gate.hooks = vec![json!({ "sql": "seed.sql", "in": ["staging"] })];
        let body = body(&wanted, &service_name("shop_migrate", 4), 4, "run-1", Some("c0ffee"), &settings);
        insta::assert_json_snapshot!(body);
        assert_eq!(run_of(&body), Some("run-1"));
    }

    #[test]
    fn names_fit_swarms_limit() {
        assert_eq!(service_name("shop_migrate", 12), "shop_migrate-r12");
        assert_eq!(service_name(&"x".repeat(80), 12).len(), 63);
    }

    #[test]
    fn log_lines_are_told_apart() {
        let line =
            r#"{"event":"revision","revision":"ab","state":"applied","seconds":0.1,"message":"applied ab"}"#;
        assert_eq!(read_line(line), Line::Revision { revision: "ab".into(), message: "applied ab".into() });
        assert_eq!(
            read_line(r#"{"event":"waiting","message":"waiting for db"}"#),
            Line::Event("waiting for db".into())
        );
        let running = line.replace("applied", "running");
        assert_eq!(read_line(&running), Line::Step { revision: "ab".into(), message: "running ab".into() });
        assert_eq!(read_line(r#"{"event":"output","message":"INFO"}"#), Line::Text("INFO".into()));
        assert_eq!(read_line("plain"), Line::Text("plain".into()));
        assert_eq!(read_line("{\"event\":\"report\",\"message\":\"m\"}"), Line::Text("m".into()));
        assert!(matches!(read_line(r#"{"event":"report","outcome":"current","rows":[]}"#), Line::Report(_)));
    }
}
