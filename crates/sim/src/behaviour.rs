//! What the simulated images do when they run. A test says it per image; an image nobody spoke of starts at once and runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine::LogStream;
use serde_json::Value;

/// What an image does when a task runs it.
#[derive(Clone)]
pub struct Behaviour {
    pub(crate) missing: bool,
    pub(crate) up_after: Duration,
    pub(crate) healthy: bool,
    pub(crate) health_says: Option<String>,
    pub(crate) exit: Option<(Duration, i64)>,
    pub(crate) stops_in: Duration,
    pub(crate) log: Vec<(Duration, LogStream, String)>,
    pub(crate) on_start: Option<OnStart>,
    pub(crate) on_end: Option<OnEnd>,
}

type OnStart = Arc<dyn Fn(&Start) + Send + Sync>;
type OnEnd = Arc<dyn Fn(Duration, Duration) + Send + Sync>;

/// The start of a task's container.
#[derive(Clone, Debug)]
pub struct Start {
    /// When, in virtual time since the simulation began.
    pub at: Duration,
    /// The full name of the task's service.
    pub service: String,
    /// The image's entrypoint and command as the spec has them, in one list.
    pub command: Vec<String>,
    /// The container's environment.
    pub environment: BTreeMap<String, String>,
}

/// What stands in for containers whose end only somebody else knows: it is asked at each start, and `None` leaves the task
/// to its image's behaviour. It must not call the simulator.
pub(crate) type StandIn = Arc<dyn Fn(&Start) -> Option<Behaviour> + Send + Sync>;

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            missing: false,
            up_after: Duration::from_millis(200),
            healthy: true,
            health_says: None,
            exit: None,
            stops_in: Duration::from_millis(100),
            log: Vec::new(),
            on_start: None,
            on_end: None,
        }
    }
}

impl Behaviour {
    /// Starts, is up (and healthy) after this time, and runs until it is stopped.
    pub fn up_after(time: Duration) -> Self {
        Self { up_after: time, ..Self::default() }
    }

    /// Is up at once and ends by itself after this time with this exit code.
    pub fn exits_after(time: Duration, code: i64) -> Self {
        Self { exit: Some((time, code)), ..Self::default() }
    }

    /// Starts, never becomes healthy, and is killed for that after this time.
    pub fn unhealthy_after(time: Duration) -> Self {
        Self { up_after: time, healthy: false, ..Self::default() }
    }

    /// The same, with a healthcheck that writes this.
    #[must_use]
    pub fn health_says(mut self, words: impl Into<String>) -> Self {
        self.health_says = Some(words.into());
        self
    }

    /// There is no such image.
    pub fn missing() -> Self {
        Self { missing: true, ..Self::default() }
    }

    /// The same, but takes this time to stop when it is told to (or its grace period, if that is shorter).
    #[must_use]
    pub fn stops_in(mut self, time: Duration) -> Self {
        self.stops_in = time;
        self
    }

    /// The same, and writes this line this long after its start. `${NAME}` in it is the task's environment variable.
    #[must_use]
    pub fn says(mut self, after: Duration, line: impl Into<String>) -> Self {
        self.log.push((after, LogStream::Stdout, line.into()));
        self
    }

    /// The same, on standard error.
    #[must_use]
    pub fn complains(mut self, after: Duration, line: impl Into<String>) -> Self {
        self.log.push((after, LogStream::Stderr, line.into()));
        self
    }

    /// The same, and calls this at each start: a place for a simulated database. It must not call the simulator.
    #[must_use]
    pub fn on_start(mut self, effect: impl Fn(&Start) + Send + Sync + 'static) -> Self {
        self.on_start = Some(Arc::new(effect));
        self
    }

    /// The same, and calls this at each end of a container, however it came about, with the times of its start and its end. It
    /// must not call the simulator.
    #[must_use]
    pub fn on_end(mut self, effect: impl Fn(Duration, Duration) + Send + Sync + 'static) -> Self {
        self.on_end = Some(Arc::new(effect));
        self
    }
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behaviour")
            .field("missing", &self.missing)
            .field("up_after", &self.up_after)
            .field("healthy", &self.healthy)
            .field("exit", &self.exit)
            .field("stops_in", &self.stops_in)
            .finish_non_exhaustive()
    }
}

/// The entrypoint and the command in a task template.
pub(crate) fn command(template: &Value) -> Vec<String> {
    let part = |pointer: &str| template.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let words = part("/ContainerSpec/Command").chain(part("/ContainerSpec/Args"));
    words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// The environment in a task template.
pub(crate) fn environment(template: &Value) -> BTreeMap<String, String> {
    let entries = template.pointer("/ContainerSpec/Env").and_then(Value::as_array);
    let entries = entries.into_iter().flatten().filter_map(Value::as_str);
    entries
        .filter_map(|entry| entry.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A log line with the environment's values in place of `${NAME}`.
pub(crate) fn expand(line: &str, environment: &BTreeMap<String, String>) -> String {
    let mut line = line.to_owned();
    for (key, value) in environment {
        line = line.replace(&format!("${{{key}}}"), value);
    }
    line
}

/// An image's name and tag, without its digest.
pub(crate) fn without_digest(image: &str) -> &str {
    image.split_once('@').map_or(image, |(name, _)| name)
}
