//! What `x-tidegate` and `tidegate.*` labels of a stack file say. Pure.
//!
//! An unknown key is an error: a setting that is silently ignored is worse than none.

use std::time::Duration;

use diagnostics::{Diagnostic, Place};
use serde_json::{Map, Value};

/// Label under `deploy.labels`: how long the service may take to converge (`90s`, `5m`).
pub(crate) const TIMEOUT_LABEL: &str = "tidegate.timeout";

/// The settings of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How strict the gate is.
    pub environment: Environment,
    /// How many finished releases are kept for rollback, at least one.
    pub keep_releases: usize,
    /// The gate.
    pub gate: GateSettings,
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
    /// How long a run of the gate may take.
    pub timeout: Option<Duration>,
    /// Alembic's configuration file, inside the image.
    pub config: Option<String>,
    /// The project's Alembic command, inside the image.
    pub command: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { environment: Environment::Production, keep_releases: 5, gate: GateSettings::default() }
    }
}

impl Settings {
    /// Reads the `x-tidegate` section; `None` is a file without one.
    pub fn read(section: Option<&Value>, place: Option<&Place>) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader { place, problems: Vec::new() };
        let settings = reader.settings(section.unwrap_or(&Value::Null));
        if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
    }
}

struct Reader<'a> {
    place: Option<&'a Place>,
    problems: Vec<Diagnostic>,
}

const TOP_KEYS: [&str; 3] = ["environment", "keep-releases", "gate"];
const GATE_KEYS: [&str; 6] = ["service", "extensions", "target", "timeout", "config", "command"];

impl Reader<'_> {
    fn settings(&mut self, section: &Value) -> Settings {
        let mut settings = Settings::default();
        let Some(map) = self.map("x-tidegate", section, &TOP_KEYS) else { return settings };
        match map.get("environment").map(Value::as_str) {
            None | Some(Some("production")) => {}
            Some(Some("staging")) => settings.environment = Environment::Staging,
            Some(Some("development")) => settings.environment = Environment::Development,
            Some(_) => self.problem(
                "x-tidegate.environment is not an environment",
                "write production, staging or development",
            ),
        }
        if let Some(keep) = map.get("keep-releases") {
            match keep
                .as_u64()
                .and_then(|keep| usize::try_from(keep).ok())
                .filter(|keep| (1..=100).contains(keep))
            {
                Some(keep) => settings.keep_releases = keep,
                None => self.problem(
                    "x-tidegate.keep-releases is not a number from 1 to 100",
                    "write, for example, 5",
                ),
            }
        }
        if let Some(gate) = map.get("gate") {
            settings.gate = self.gate(gate);
        }
        settings
    }

    fn gate(&mut self, section: &Value) -> GateSettings {
        let mut gate = GateSettings::default();
        let Some(map) = self.map("x-tidegate.gate", section, &GATE_KEYS) else { return gate };
        gate.service = self.text(map, "service");
        gate.target = self.text(map, "target");
        gate.config = self.text(map, "config");
        gate.command = self.text(map, "command");
        gate.extensions = self.extensions(map.get("extensions"));
        if let Some(text) = self.text(map, "timeout") {
            gate.timeout = parse_duration(&text);
            if gate.timeout.is_none() {
                self.problem(
                    &format!("x-tidegate.gate.timeout `{text}` is not a duration"),
                    "write, for example, 90s, 5m or 1h30m",
                );
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
        if let Some(names) =
            names.filter(|names| names.iter().all(|name| !name.is_empty() && !name.contains(',')))
        {
            names
        } else {
            self.problem(
                "x-tidegate.gate.extensions is not a list of extension names",
                "write, for example, [postgis, postgis_topology]",
            );
            Vec::new()
        }
    }

    fn map<'v>(&mut self, name: &str, value: &'v Value, known: &[&str]) -> Option<&'v Map<String, Value>> {
        let map = match value {
            Value::Null => return None,
            Value::Object(map) => map,
            _ => {
                self.problem(&format!("{name} is not a map"), &format!("its keys are {}", known.join(", ")));
                return None;
            }
        };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            self.problem(
                &format!("{name} has an unknown key `{key}`"),
                &format!("its keys are {}", known.join(", ")),
            );
        }
        Some(map)
    }

    fn text(&mut self, map: &Map<String, Value>, key: &str) -> Option<String> {
        match map.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => {
                self.problem(
                    &format!("x-tidegate.gate.{key} is not a text"),
                    "write a text, in quotes if it looks like a number",
                );
                None
            }
        }
    }

    fn problem(&mut self, message: &str, help: &str) {
        let mut diagnostic = Diagnostic::error("stack-file/x-tidegate", message).help(help);
        if let Some(place) = self.place {
            diagnostic = diagnostic.at(place.clone());
        }
        self.problems.push(diagnostic);
    }
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
