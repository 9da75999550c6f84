//! What `x-tidegate.checks` and the labels `tidegate.check.*` say.

use std::time::Duration;

use diagnostics::Diagnostic;
use serde_json::{Map, Value};

use super::{Reader, parse_duration};
use crate::checks::{Check, CheckKind, HttpCheck, Url, is_address};

const KEYS: [&str; 9] =
    ["http", "status", "body", "json", "tcp", "command", "service", "timeout", "interval"];
const HTTP_KEYS: [&str; 3] = ["status", "body", "json"];
const KINDS: [&str; 3] = ["http", "tcp", "command"];
const TIMEOUT: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(1);
/// How the labels begin.
const LABEL: &str = "tidegate.check.";
const URL_HELP: &str = "write, for example, http: https://shop.example/health";
const TCP_HELP: &str = "write, for example, tcp: \"127.0.0.1:8080\"";
const COMMAND_HELP: &str = "write, for example, command: [python, -m, app.smoke]";
const JSON_HELP: &str = "write, for example, json: { /status: ok, /checks/0/up: true }";

impl Reader<'_> {
    /// The checks of the section `checks`, and those of labels.
    pub(super) fn checks(&mut self, section: Option<&Value>) -> Vec<Check> {
        let mut checks = Vec::new();
        match section {
            None | Some(Value::Null) => {}
            Some(Value::Object(map)) => {
                for (name, value) in map {
                    checks.extend(self.check(name, value));
                }
            }
            Some(_) => self.problem("checks", "is not a map", "write a name, and under it what to check"),
        }
        checks.extend(self.label_checks());
        checks
    }

    fn check(&mut self, name: &str, value: &Value) -> Option<Check> {
        let path = format!("checks.{name}");
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            self.problem(&path, "is not a usable name", "use letters, digits, `-` and `_`");
            return None;
        }
        if value.is_null() {
            self.problem(&path, "is empty", "write what to check: http, tcp or command");
            return None;
        }
        let map = self.map(&path, value, &KEYS)?;
        let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| map.contains_key(*kind)).collect();
        let [kind] = kinds[..] else {
            self.problem(&path, "does not have exactly one of http, tcp and command", URL_HELP);
            return None;
        };
        self.check_belongs(&path, map, kind);
        let timeout = self.check_duration(&path, map, "timeout", TIMEOUT);
        let interval = self.check_duration(&path, map, "interval", INTERVAL);
        let kind = match kind {
            "http" => self.http(&path, map).map(CheckKind::Http),
            "tcp" => self.tcp(&path, map),
            _ => self.command(&path, map),
        }?;
        Some(Check { name: name.to_owned(), kind, timeout, interval })
    }

    /// Keys of another kind of check would be ignored silently.
    fn check_belongs(&mut self, path: &str, map: &Map<String, Value>, kind: &str) {
        let foreign = |key: &str| match kind {
            "http" => key == "service",
            "tcp" => key == "service" || HTTP_KEYS.contains(&key),
            _ => HTTP_KEYS.contains(&key),
        };
        for key in map.keys().filter(|key| foreign(key)) {
            self.problem(&format!("{path}.{key}"), &format!("means nothing beside `{kind}`"), "take it away");
        }
    }

    fn check_duration(
        &mut self,
        path: &str,
        map: &Map<String, Value>,
        key: &str,
        default: Duration,
    ) -> Duration {
        let Some(value) = map.get(key) else { return default };
        value.as_str().and_then(parse_duration).unwrap_or_else(|| {
            self.problem(
                &format!("{path}.{key}"),
                "is not a duration",
                "write, for example, 500ms, 30s or 2m",
            );
            default
        })
    }

    fn http(&mut self, path: &str, map: &Map<String, Value>) -> Option<HttpCheck> {
        let url = self.url(&format!("{path}.http"), map.get("http"));
        let status = self.status(&format!("{path}.status"), map.get("status"));
        let body = match map.get("body") {
            None => None,
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(_) => {
                self.problem(
                    &format!("{path}.body"),
                    "is not a text",
                    "write a text that the answer contains",
                );
                None
            }
        };
        let json = match map.get("json") {
            None => Vec::new(),
            Some(Value::Object(fields)) if fields.keys().all(|pointer| pointer.starts_with('/')) => {
                fields.iter().map(|(pointer, value)| (pointer.clone(), value.clone())).collect()
            }
            Some(_) => {
                self.problem(&format!("{path}.json"), "is not a map of JSON pointers and values", JSON_HELP);
                Vec::new()
            }
        };
        Some(HttpCheck { url: url?, status, body, json })
    }

    fn url(&mut self, path: &str, value: Option<&Value>) -> Option<Url> {
        let read = value.and_then(Value::as_str).map_or(Err("is not a URL"), Url::parse);
        if let Err(reason) = read {
            self.problem(path, reason, URL_HELP);
            // A URL can hold a password.
            if let Some(problem) = self.problems.last_mut() {
                problem.place = problem.place.take().map(|place| place.without_rest());
            }
        }
        read.ok()
    }

    fn status(&mut self, path: &str, value: Option<&Value>) -> Vec<u16> {
        let number = |value: &Value| {
            value.as_u64().and_then(|status| u16::try_from(status).ok()).filter(|s| (100..=599).contains(s))
        };
        let found = match value {
            None => Some(vec![200]),
            Some(Value::Array(list)) if !list.is_empty() => list.iter().map(number).collect(),
            Some(one) => number(one).map(|status| vec![status]),
        };
        found.unwrap_or_else(|| {
            self.problem(
                path,
                "is not a status from 100 to 599, nor a list of such",
                "write 200, or [200, 204]",
            );
            Vec::new()
        })
    }

    fn tcp(&mut self, path: &str, map: &Map<String, Value>) -> Option<CheckKind> {
        let address = map.get("tcp").and_then(Value::as_str).filter(|text| is_address(text));
        if address.is_none() {
            self.problem(&format!("{path}.tcp"), "is not HOST:PORT", TCP_HELP);
        }
        Some(CheckKind::Tcp { address: address?.to_owned() })
    }

    fn command(&mut self, path: &str, map: &Map<String, Value>) -> Option<CheckKind> {
        let command = command_of(map.get("command"));
        if command.is_none() {
            self.problem(&format!("{path}.command"), "is not a command", COMMAND_HELP);
        }
        let service = map.get("service").and_then(Value::as_str).unwrap_or_default();
        if !self.desired.services.iter().any(|known| known.key == service) {
            let known: Vec<&str> = self.desired.services.iter().map(|service| service.key.as_str()).collect();
            let (at, what) = if map.contains_key("service") {
                (format!("{path}.service"), "is not a service of the stack")
            } else {
                (path.to_owned(), "does not say in which service its command runs")
            };
            self.problem(&at, what, &format!("write service: with one of {}", known.join(", ")));
            return None;
        }
        Some(CheckKind::Command { service: service.to_owned(), command: command? })
    }

    fn label_checks(&mut self) -> Vec<Check> {
        let mut checks = Vec::new();
        for service in &self.desired.services {
            let labels = service.body.get("Labels").and_then(Value::as_object).into_iter().flatten();
            for (label, value) in labels {
                let Some(kind) = label.strip_prefix(LABEL) else { continue };
                let text = value.as_str().unwrap_or_default();
                match label_check(kind, text, &service.key) {
                    Ok(kind_read) => checks.push(Check {
                        name: format!("{}.{kind}", service.key),
                        kind: kind_read,
                        timeout: TIMEOUT,
                        interval: INTERVAL,
                    }),
                    Err((reason, help)) => {
                        let message = format!("the label {label} of service `{}` {reason}", service.key);
                        let problem = Diagnostic::error("stack-file/check", message);
                        self.problems.push(problem.at(service.place.without_rest()).help(help));
                    }
                }
            }
        }
        checks
    }
}

fn label_check(kind: &str, text: &str, service: &str) -> Result<CheckKind, (&'static str, &'static str)> {
    match kind {
        "http" => {
            let url = Url::parse(text).map_err(|reason| (reason, URL_HELP))?;
            Ok(CheckKind::Http(HttpCheck { url, status: vec![200], body: None, json: Vec::new() }))
        }
        "tcp" if is_address(text) => Ok(CheckKind::Tcp { address: text.to_owned() }),
        "tcp" => Err(("is not HOST:PORT", TCP_HELP)),
        "command" if !text.trim().is_empty() => {
            Ok(CheckKind::Command { service: service.to_owned(), command: shell(text) })
        }
        "command" => Err(("is empty", "write a command, as in a shell")),
        _ => Err((
            "is not a check",
            "the labels are tidegate.check.http, tidegate.check.tcp and tidegate.check.command",
        )),
    }
}

/// A command as a list of words, or as a text for the shell.
fn command_of(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::String(text) if !text.trim().is_empty() => Some(shell(text)),
        Value::Array(words) if !words.is_empty() => {
            words.iter().map(|word| word.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    }
}

fn shell(text: &str) -> Vec<String> {
    ["/bin/sh", "-c", text].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests;
