//! What a person or a machine sees: failures and warnings here, progress, plans and status in their own modules.

mod bars;
pub mod check;
pub mod migrate;
pub mod plan;
pub mod progress;
pub mod rehearse;
pub mod releases;
pub mod revisions;
pub mod sarif;
pub mod status;

use std::io::{IsTerminal, Write};

use diagnostics::{Diagnostic, Severity, Style};

use crate::cli::{Color, Global, OutputFormat};
use crate::exit::Failure;

/// Whether text on stderr may carry colours.
pub fn style(global: &Global) -> Style {
    style_for(global, std::io::stderr().is_terminal())
}

/// Whether text may carry colours; `terminal` says whether it goes to one.
pub fn style_for(global: &Global, terminal: bool) -> Style {
    let wanted = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && terminal,
    };
    if wanted { Style::Coloured } else { Style::Plain }
}

/// A moment as people read it, to the second; the records have it to the nanosecond.
pub fn moment(timestamp: &str) -> String {
    match timestamp.split_once('.') {
        Some((second, _)) if timestamp.ends_with('Z') => format!("{second}Z"),
        _ => timestamp.to_owned(),
    }
}

/// Whether this is a step of a GitHub Actions workflow.
pub fn is_github() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Prints a line on stdout.
pub fn line(line: &str) {
    text(&format!("{line}\n"));
}

/// Prints text on stdout.
pub fn text(text: &str) {
    // Whoever closed stdout does not want to know; the exit code still tells.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Prints a line on stderr: what is said beside the result.
pub fn notice(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Reports a finding that does not stop the work.
pub fn warning(diagnostic: &Diagnostic, global: &Global) {
    // Its source line may hold a secret, and so may what it quotes.
    let diagnostic = &::check::without_secrets(diagnostic);
    if global.output == OutputFormat::Json {
        line(&serde_json::json!({ "event": "warning", "message": diagnostic.to_string(), "diagnostic": diagnostic }).to_string());
        return;
    }
    let mut text = diagnostic.render(style(global)) + "\n";
    if is_github() {
        text.push_str(&annotation(diagnostic));
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Reports a failure: on stderr for people, as a last JSON line on stdout for machines.
pub fn failure(failure: &Failure, global: &Global) {
    let diagnostics: Vec<Diagnostic> = failure.diagnostics.iter().map(::check::without_secrets).collect();
    if global.output == OutputFormat::Json {
        let object = serde_json::json!({
            "event": "error",
            "code": failure.code as u8,
            "message": failure.message,
            "hint": failure.hint,
            "diagnostics": diagnostics,
            "details": failure.details,
            "log": failure.log,
        });
        line(&object.to_string());
        return;
    }
    let _ = std::io::stderr().write_all(failure_text(failure, &diagnostics, style(global)).as_bytes());
    if is_github() || global.output == OutputFormat::Github {
        let _ = std::io::stderr().write_all(annotations(failure, &diagnostics).as_bytes());
    }
}

fn failure_text(failure: &Failure, diagnostics: &[Diagnostic], style: Style) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&diagnostic.render(style));
        text.push_str("\n\n");
    }
    let error = paint("error", anstyle::AnsiColor::Red, style);
    text.push_str(&format!("{error}: {}\n", failure.message));
    for detail in &failure.details {
        text.push_str(&format!("  {detail}\n"));
    }
    if !failure.log.is_empty() {
        text.push_str("  the last lines of its log:\n");
        for log in &failure.log {
            text.push_str(&format!("    | {log}\n"));
        }
    }
    if let Some(hint) = &failure.hint {
        let help = paint("help", anstyle::AnsiColor::Cyan, style);
        text.push_str(&format!("  {help}: {}\n", hint.replace('\n', "\n    ")));
    }
    text
}

/// A word in bold colour, where colour is wanted.
pub fn paint(word: &str, colour: anstyle::AnsiColor, style: Style) -> String {
    match style {
        Style::Plain => word.to_owned(),
        Style::Coloured => {
            let colour = colour.on_default().bold();
            format!("{colour}{word}{colour:#}")
        }
    }
}

/// Workflow commands that GitHub shows beside the changed lines.
fn annotations(failure: &Failure, diagnostics: &[Diagnostic]) -> String {
    if diagnostics.is_empty() {
        return format!("::error::{}\n", escape(&failure.message));
    }
    diagnostics.iter().map(annotation).collect()
}

/// A workflow command for one finding.
pub fn annotation(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place.as_ref().map_or(String::new(), |place| {
        let file = escape(place.source().name()).replace(',', "%2C").replace(':', "%3A");
        format!(" file={file},line={},col={}", place.line(), place.column())
    });
    let message = match &diagnostic.help {
        Some(help) => format!("{}; {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let kind = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    format!("::{kind}{place}::{}\n", escape(&message))
}

/// The escapes of GitHub's workflow commands for the data part.
pub fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
