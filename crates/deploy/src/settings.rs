//! What `x-tidegate` and `tidegate.*` labels of a stack file say. Pure.
//!
//! An unknown key is an error: a setting that is silently ignored is worse than none.

use std::time::Duration;

use diagnostics::Diagnostic;
use serde_json::{Map, Value};
use stackfile::Desired;

use crate::checks::Check;
use crate::strategy::{IfInUse, Strategy};

mod checks;

/// Label under `deploy.labels`: how long the service may take to converge (`90s`, `5m`).
pub(crate) const TIMEOUT_LABEL: &str = "tidegate.timeout";

/// The settings of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How strict the gate is.
    pub environment: Environment,
    /// How many finished releases are kept for rollback, at least one.
    pub keep_releases: usize,
    /// How a release is carried out where the command line does not say.
    pub strategy: Strategy,
    /// What to do when something outside the stack uses networks that would be removed, likewise.
    pub if_in_use: IfInUse,
    /// The gate.
    pub gate: GateSettings,
    /// What is checked once everything has converged: of `checks`, and of labels.
    pub checks: Vec<Check>,
}

/// The kind of place that a stack runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// A missing extension that cannot be created stops the deploy.
    Production,
    /// As production.
    Staging,
    /// A missing extension that cannot be created is a warning.
    Development,
}

impl Environment {
    /// The name, as it is written in a stack file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        }
    }
}

/// What `x-tidegate.gate` says. `None` leaves the matter to what the image says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GateSettings {
    /// The service that is the gate.
    pub service: Option<String>,
    /// Extensions to ensure.
    pub extensions: Vec<String>,
    /// The target: `heads` where nothing else is said.
    pub target: Option<String>,
    /// What to do with several heads when no target is named: `all` or `refuse`.
    pub several_heads: Option<String>,
    /// What to run once per release after the migration, as `tidegate migrate --hooks` takes it.
    pub hooks: Vec<Value>,
    /// How long a run of the gate may take.
    pub timeout: Option<Duration>,
    /// Alembic's configuration file, inside the image.
    pub config: Option<String>,
    /// The project's Alembic command, inside the image.
    pub command: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            environment: Environment::Production,
            keep_releases: 5,
            strategy: Strategy::Rolling,
            if_in_use: IfInUse::Refuse,
            gate: GateSettings::default(),
            checks: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads the `x-tidegate` section, if there is one.
    pub fn read(desired: &Desired) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader { desired, problems: Vec::new() };
        let section = desired.extension.as_ref().unwrap_or(&Value::Null);
        let mut settings = reader.settings(section);
        settings.checks = reader.checks(section.get("checks"));
        if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
    }
}

struct Reader<'a> {
    desired: &'a Desired,
    problems: Vec<Diagnostic>,
}

/// Keys that say how, and not what: a release is the same whatever they say.
pub(crate) const KEYS_OF_MANNER: [&str; 2] = ["strategy", "if-in-use"];

const TOP_KEYS: [&str; 6] = ["environment", "keep-releases", "strategy", "if-in-use", "gate", "checks"];
const GATE_KEYS: [&str; 8] =
    ["service", "extensions", "target", "several-heads", "hooks", "timeout", "config", "command"];
const HOOK_HELP: &str =
    "write, for example, [{ sql: seed.sql }, { command: python -m app.seed, in: [staging] }]";

impl Reader<'_> {
    fn settings(&mut self, section: &Value) -> Settings {
        let mut settings = Settings::default();
        let Some(map) = self.map("", section, &TOP_KEYS) else { return settings };
        match map.get("environment").map(Value::as_str) {
            None | Some(Some("production")) => {}
            Some(Some("staging")) => settings.environment = Environment::Staging,
            Some(Some("development")) => settings.environment = Environment::Development,
            Some(_) => {
                self.problem(
                    "environment",
                    "is not an environment",
                    "write production, staging or development",
                );
            }
        }
        if let Some(keep) = map.get("keep-releases") {
            let number = keep.as_u64().and_then(|keep| usize::try_from(keep).ok());
            match number.filter(|keep| (1..=100).contains(keep)) {
                Some(keep) => settings.keep_releases = keep,
                None => {
                    self.problem("keep-releases", "is not a number from 1 to 100", "write, for example, 5");
                }
            }
        }
        let word = |key: &str| map.get(key).map(|value| value.as_str().unwrap_or_default());
        match word("strategy").map(Strategy::from_word) {
            None => {}
            Some(Some(strategy)) => settings.strategy = strategy,
            Some(None) => self.problem("strategy", "is not a strategy", "write rolling or recreate"),
        }
        match word("if-in-use").map(IfInUse::from_word) {
            None => {}
            Some(Some(choice)) => settings.if_in_use = choice,
            Some(None) => self.problem("if-in-use", "is not a choice", "write refuse or rolling"),
        }
        if let Some(gate) = map.get("gate") {
            settings.gate = self.gate(gate);
        }
        settings
    }

    fn gate(&mut self, section: &Value) -> GateSettings {
        let mut gate = GateSettings::default();
        let Some(map) = self.map("gate", section, &GATE_KEYS) else { return gate };
        gate.service = self.text(map, "service");
        gate.target = self.text(map, "target");
        gate.config = self.text(map, "config");
        gate.command = self.text(map, "command");
        gate.extensions = self.extensions(map.get("extensions"));
        gate.several_heads = self.text(map, "several-heads");
        if gate.several_heads.as_ref().is_some_and(|policy| policy != "all" && policy != "refuse") {
            self.problem(
                "gate.several-heads",
                "is not a policy",
                "write all or refuse; one of them is `target`",
            );
        }
        gate.hooks = self.hooks(map.get("hooks"));
        if let Some(text) = self.text(map, "timeout") {
            gate.timeout = parse_duration(&text);
            if gate.timeout.is_none() {
                let what = format!("is `{text}`, which is not a duration");
                self.problem("gate.timeout", &what, "write, for example, 90s, 5m or 1h30m");
            }
        }
        gate
    }

    fn extensions(&mut self, value: Option<&Value>) -> Vec<String> {
        let Some(value) = value else { return Vec::new() };
        let names: Option<Vec<String>> = value
            .as_array()
            .and_then(|list| list.iter().map(|name| name.as_str().map(str::to_owned)).collect());
        // A comma separates names on their way to the gate's environment.
        let usable = names.filter(|names| names.iter().all(|name| !name.is_empty() && !name.contains(',')));
        usable.unwrap_or_else(|| {
            let help = "write, for example, [postgis, postgis_topology]";
            self.problem("gate.extensions", "is not a list of extension names", help);
            Vec::new()
        })
    }

    fn hooks(&mut self, value: Option<&Value>) -> Vec<Value> {
        let Some(value) = value else { return Vec::new() };
        match value.as_array() {
            Some(list) if list.iter().all(is_hook) => list.clone(),
            _ => {
                self.problem("gate.hooks", "is not a list of hooks", HOOK_HELP);
                Vec::new()
            }
        }
    }

    fn map<'v>(&mut self, path: &str, value: &'v Value, known: &[&str]) -> Option<&'v Map<String, Value>> {
        let help = format!("the keys are {}", known.join(", "));
        let map = match value {
            Value::Null => return None,
            Value::Object(map) => map,
            _ => {
                self.problem(path, "is not a map", &help);
                return None;
            }
        };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.problem(&path, "is not a setting", &help);
        }
        Some(map)
    }

    fn text(&mut self, map: &Map<String, Value>, key: &str) -> Option<String> {
        match map.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => {
                let help = "write a text, in quotes if it looks like a number";
                self.problem(&format!("gate.{key}"), "is not a text", help);
                None
            }
        }
    }

    /// A problem with the key at a path such as `gate.timeout`; the empty path is the section itself.
    fn problem(&mut self, path: &str, what: &str, help: &str) {
        let dot = if path.is_empty() { "" } else { "." };
        let place = self.desired.extension_places.get(path).or(self.desired.extension_place.as_ref());
        let mut diagnostic =
            Diagnostic::error("stack-file/x-tidegate", format!("x-tidegate{dot}{path} {what}")).help(help);
        if let Some(place) = place {
            diagnostic = diagnostic.at(place.clone());
        }
        self.problems.push(diagnostic);
    }
}

/// Whether this is a hook as `tidegate migrate` reads it: a file or a command, and perhaps where.
fn is_hook(value: &Value) -> bool {
    let Some(map) = value.as_object() else { return false };
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let is_place = |value: &Value| matches!(value.as_str(), Some("production" | "staging" | "development"));
    let known = map.iter().all(|(key, value)| match key.as_str() {
        "sql" | "command" => is_text(value),
        "in" => value.as_array().is_some_and(|list| list.iter().all(is_place)),
        _ => false,
    });
    known && map.contains_key("sql") != map.contains_key("command")
}

/// Reads a duration as Compose writes it: `90s`, `5m`, `1h30m`, `500ms`. `None` for anything else, and for zero.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u32 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..unit_end] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(number)?)?;
        rest = &rest[unit_end..];
    }
    (!total.is_zero()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_a_file_or_a_command_and_perhaps_where() {
        let hook = |text: &str| is_hook(&serde_json::from_str(text).unwrap());
        assert!(hook(r#"{"sql": "seed.sql"}"#));
        assert!(hook(r#"{"command": "seed", "in": ["production"]}"#));
        for wrong in [
            "\"seed.sql\"",
            "{}",
            r#"{"sql": "a", "command": "b"}"#,
            r#"{"sql": " "}"#,
            r#"{"sql": "a", "in": ["prod"]}"#,
            r#"{"sql": "a", "on": "staging"}"#,
        ] {
            assert!(!hook(wrong), "{wrong}");
        }
    }
}
