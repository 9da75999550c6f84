//! Live progress on a terminal: one line a service, redrawn in place; what happens once scrolls by above them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anstyle::AnsiColor;
use deploy::{CheckState, Event, PlanSummary, ServiceEvent, ServiceState};
use diagnostics::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress::{service_words, words};
use super::{line, paint, plan};

const TICK: Duration = Duration::from_millis(120);
const WAITING: &str = "waiting";

/// The lines of the services.
pub struct Bars {
    style: Style,
    all: MultiProgress,
    services: Mutex<Services>,
}

#[derive(Default)]
struct Services {
    width: usize,
    /// Nothing is drawn, because something is asked on the terminal.
    held: bool,
    bars: BTreeMap<String, ProgressBar>,
}

impl Bars {
    /// No lines yet.
    pub fn new(style: Style) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        Self { style, all, services: Mutex::default() }
    }

    /// Shows an event.
    pub fn show(&self, event: &Event) {
        match event {
            Event::Plan(summary) => {
                self.print(plan::text(summary).trim_end());
                self.begin(summary);
            }
            Event::Service(service) => self.service(service),
            Event::Gate { kind: "log", .. } => {}
            Event::Gate { gate, kind: "step", message, .. } => self.note(gate, message),
            Event::Gate { kind, message, .. } => self.print(&match *kind {
                "revision" => format!("  {} {message}", paint("+", AnsiColor::Green, self.style)),
                "event" => format!("    {message}"),
                _ => format!("  | {message}"),
            }),
            Event::Check { state, .. } => match state {
                CheckState::Running => self.say(event, AnsiColor::Cyan, "-"),
                CheckState::Passed => self.say(event, AnsiColor::Green, "✓"),
                CheckState::Failed => self.say(event, AnsiColor::Red, "✗"),
            },
            Event::Warning { .. } => self.say(event, AnsiColor::Yellow, "!"),
            Event::Recreating { .. } => self.say(event, AnsiColor::Yellow, "*"),
            Event::RollingBack { .. } => self.say(event, AnsiColor::Red, "<"),
            Event::Finished { outcome, message, .. } => {
                self.end();
                let colour = match *outcome {
                    "succeeded" | "unchanged" | "removed" => AnsiColor::Green,
                    _ => AnsiColor::Red,
                };
                line(&paint(message, colour, self.style));
            }
            Event::LeaseWaiting { .. } | Event::LeaseTaken { .. } | Event::Object { .. } => {
                self.say(event, AnsiColor::Cyan, "-");
            }
        }
    }

    /// Leaves the lines as they are.
    pub fn end(&self) {
        let mut services = self.lock();
        for bar in services.bars.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
        services.bars.clear();
    }

    /// Leaves the lines as they are and draws no more: that would go over whatever is asked on the terminal. They are not
    /// cleared: the terminal's own `^C` has moved the cursor, and too few would be.
    pub fn hold(&self) {
        self.lock().held = true;
        self.all.set_draw_target(ProgressDrawTarget::hidden());
        line("");
    }

    /// Draws them again, as they are now, below what was asked.
    pub fn resume(&self) {
        self.lock().held = false;
        self.all.set_draw_target(ProgressDrawTarget::stdout());
    }

    fn begin(&self, summary: &PlanSummary) {
        let mut services = self.lock();
        let names: Vec<&String> =
            summary.waves.iter().flat_map(|wave| &wave.services).map(|service| &service.service).collect();
        services.width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for name in names {
            if summary.empty || services.bars.contains_key(name) {
                continue;
            }
            let bar = self.all.add(ProgressBar::new_spinner());
            bar.set_style(waiting_style());
            bar.set_message(format!("{name:width$}  {WAITING}", width = services.width));
            services.bars.insert(name.clone(), bar);
        }
    }

    fn service(&self, event: &ServiceEvent) {
        let services = self.lock();
        let Some(bar) = services.bars.get(&event.service) else { return };
        let message = format!("{:width$}  {}", event.service, service_words(event), width = services.width);
        let sign = match event.state {
            ServiceState::Unchanged => paint("=", AnsiColor::Blue, self.style),
            ServiceState::Removed => paint("-", AnsiColor::Blue, self.style),
            ServiceState::Failed => paint("✗", AnsiColor::Red, self.style),
            ServiceState::Converged | ServiceState::Completed | ServiceState::Restored => {
                paint("✓", AnsiColor::Green, self.style)
            }
            _ => {
                // The clock of a line starts when its service does, and again when it is put back.
                if bar.is_finished() || bar.message().ends_with(WAITING) {
                    bar.reset();
                    bar.set_style(line_style("{spinner}"));
                    bar.enable_steady_tick(TICK);
                }
                bar.set_message(message);
                return;
            }
        };
        bar.set_style(line_style(&sign));
        bar.abandon_with_message(message);
    }

    /// What a gate does at this moment, in its own line.
    fn note(&self, gate: &str, message: &str) {
        let services = self.lock();
        if let Some(bar) = services.bars.get(gate) {
            bar.set_message(format!("{gate:width$}  {message}", width = services.width));
        }
    }

    fn say(&self, event: &Event, colour: AnsiColor, sign: &str) {
        if let Some(text) = words(event) {
            self.print(&format!("{} {text}", paint(sign, colour, self.style)));
        }
    }

    /// Prints above the lines.
    pub fn print(&self, text: &str) {
        if self.lock().held {
            return line(text);
        }
        // A terminal that is gone shows nothing; the exit code still tells.
        if self.all.println(text).is_err() {
            self.all.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Services> {
        // The lines are only shown: after a panic elsewhere they are as good as before.
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn waiting_style() -> ProgressStyle {
    ProgressStyle::with_template("  {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn line_style(sign: &str) -> ProgressStyle {
    let template = format!("{sign} {{wide_msg}} {{elapsed}}");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
