//! Lines of a task's log.

/// Whose log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource<'a> {
    /// Of all tasks of a service, by its id or name.
    Service(&'a str),
    /// Of one task, by its id.
    Task(&'a str),
}

/// How much of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Only the last lines, this many of each task; all if none.
    pub tail: Option<u32>,
    /// Only lines from this moment on, in seconds since 1970.
    pub since: Option<i64>,
}

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// Standard output, and everything from a container with a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Where it was written to.
    pub stream: LogStream,
    /// When it was written, RFC 3339, by the clock of its node; empty if the engine did not say.
    pub time: String,
    /// The task that wrote it; empty if the engine did not say.
    pub task_id: String,
    /// The line, without its line end; bytes that are not UTF-8 are replaced.
    pub text: String,
}
