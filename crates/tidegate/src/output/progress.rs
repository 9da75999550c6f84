//! Progress: live bars on a terminal, a line for each event elsewhere, JSON lines for machines.

use std::io::IsTerminal;
use std::time::Instant;

use deploy::{Event, ServiceEvent};

use super::bars::Bars;
use super::{escape, is_github, line, plan, style_for};
use crate::cli::{Global, OutputFormat};

/// Shows events in the form that the command line asked for.
pub struct Progress {
    begun: Instant,
    form: Form,
}

enum Form {
    Json,
    Lines,
    Bars(Bars),
}

impl Progress {
    /// Progress of a long command.
    pub fn new(global: &Global) -> Self {
        let terminal = std::io::stdout().is_terminal() && !is_github();
        let form = match global.output {
            OutputFormat::Json => Form::Json,
            _ if terminal => Form::Bars(Bars::new(style_for(global, true))),
            _ => Form::Lines,
        };
        Self { begun: Instant::now(), form }
    }

    /// Progress as lines, whatever it goes to.
    pub fn lines(global: &Global) -> Self {
        let form = match global.output {
            OutputFormat::Json => Form::Json,
            _ => Form::Lines,
        };
        Self { begun: Instant::now(), form }
    }

    /// Shows one event.
    pub fn show(&self, event: &Event) {
        match &self.form {
            Form::Json => self.show_json(event),
            Form::Lines => {
                if let Some(text) = self.words(event) {
                    super::text(&text);
                }
            }
            Form::Bars(bars) => bars.show(event),
        }
    }

    /// Takes live bars away from the terminal, or leaves them as they are at the end.
    pub fn end(&self) {
        if let Form::Bars(bars) = &self.form {
            bars.end();
        }
    }

    /// Says something beside the events: on stderr, or above the live lines.
    pub fn say(&self, text: &str) {
        match &self.form {
            Form::Bars(bars) => bars.print(text),
            Form::Json | Form::Lines => super::notice(text),
        }
    }

    /// Draws no live lines while something is asked on the terminal.
    pub fn hold(&self) {
        if let Form::Bars(bars) = &self.form {
            bars.hold();
        }
    }

    /// Draws them again.
    pub fn resume(&self) {
        if let Form::Bars(bars) = &self.form {
            bars.resume();
        }
    }

    fn show_json(&self, event: &Event) {
        // An event is plain data: it always has a JSON form.
        let Ok(serde_json::Value::Object(mut object)) = serde_json::to_value(event) else { return };
        let elapsed = (self.begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        object.insert("elapsed".to_owned(), elapsed.into());
        line(&serde_json::Value::Object(object).to_string());
    }

    fn words(&self, event: &Event) -> Option<String> {
        let text = match event {
            Event::Plan(summary) => return Some(plan::text(summary)),
            Event::Warning { message } if is_github() => {
                return Some(format!("::warning::{}\n", escape(message)));
            }
            other => words(other)?,
        };
        Some(format!("[{:6.1}s] {text}\n", self.begun.elapsed().as_secs_f64()))
    }
}

/// An event in one line of words; `None` for one that has more.
pub fn words(event: &Event) -> Option<String> {
    Some(match event {
        Event::Plan(_) | Event::Gate { kind: "step" | "log", .. } => return None,
        Event::Warning { message } => format!("warning: {message}"),
        Event::LeaseWaiting { holder, at_most } => {
            format!("waiting for {holder}, who is deploying this stack (at most {at_most} s)")
        }
        Event::LeaseTaken { taken_over_from: None } => "lease taken".to_owned(),
        Event::LeaseTaken { taken_over_from: Some(holder) } => {
            format!("lease taken over from {holder}, who is gone")
        }
        Event::Object { kind, name, action } => format!("{kind} {name} {action}"),
        Event::Service(service) => format!("{}: {}", service.service, service_words(service)),
        Event::Gate { gate, kind, message, .. } => match *kind {
            "output" => format!("{gate} | {message}"),
            _ => format!("{gate}: {message}"),
        },
        Event::Check { check, state, note } => match note {
            Some(note) => format!("check {check} {}: {note}", state.as_str()),
            None => format!("check {check} {}", state.as_str()),
        },
        Event::RollingBack { reason } => format!("putting everything back: {reason}"),
        Event::Recreating { message, .. } | Event::Finished { message, .. } => message.clone(),
    })
}

/// A service's state in words.
pub fn service_words(service: &ServiceEvent) -> String {
    let mut words = service.state.as_str().to_owned();
    if service.wanted > 0 {
        words.push_str(&format!(" {}/{}", service.running, service.wanted));
    }
    if let Some(note) = &service.note {
        words.push_str(&format!(" ({note})"));
    }
    words
}
