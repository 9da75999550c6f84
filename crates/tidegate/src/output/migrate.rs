//! What `tidegate migrate` shows: one line an event, in words or in JSON. It runs in a container's log, so there is
//! nothing that moves.

use std::io::IsTerminal;
use std::time::Instant;

use anstyle::AnsiColor;
use database::{Event, Outcome};

use super::{escape, is_github, line, paint, style_for};
use crate::cli::{Global, OutputFormat};
use diagnostics::Style;

/// Shows the events of a migration.
pub struct Lines {
    begun: Instant,
    json: bool,
    style: Style,
}

impl Lines {
    /// In the form that the command line asked for.
    pub fn new(global: &Global) -> Self {
        Self {
            begun: Instant::now(),
            json: global.output == OutputFormat::Json,
            style: style_for(global, std::io::stdout().is_terminal()),
        }
    }

    /// Whether a machine reads.
    pub fn are_json(&self) -> bool {
        self.json
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        if self.json {
            return line(&event.to_json().to_string());
        }
        if let Some(words) = self.words(event) {
            line(&format!("[{:6.1}s] {words}", self.begun.elapsed().as_secs_f64()));
        }
    }

    fn words(&self, event: &Event) -> Option<String> {
        let message = event.message();
        Some(match event {
            // A failure is told once, with its hint, by the command's end.
            Event::Report(report) if report.outcome == Outcome::Failed => return None,
            Event::Report(_) => paint(&message, AnsiColor::Green, self.style),
            // What Alembic's own log says of revisions is said by our events; that one's statements have run will be
            // said when it is committed.
            Event::Output { .. } if message.is_empty() || message.contains("[alembic.runtime.migration]") => {
                return None;
            }
            Event::Revision { state: "done", .. } => return None,
            Event::Output { .. } => format!("  | {message}"),
            Event::Warning { .. } if is_github() => format!("\n::warning::{}", escape(&message)),
            Event::Warning { .. } => {
                format!("{}: {message}", paint("warning", AnsiColor::Yellow, self.style))
            }
            Event::Revision { state: "applied", .. } => {
                format!("{} {message}", paint("+", AnsiColor::Green, self.style))
            }
            Event::Revision { state: "failed", .. } => {
                format!("{} {message}", paint("x", AnsiColor::Red, self.style))
            }
            _ => message,
        })
    }
}
