//! What a person or a machine sees of a failure, and whether colour is wanted. Progress has its own modules.

use std::io::{IsTerminal, Write};

use diagnostics::Style;

use crate::cli::{Color, Global, OutputFormat};
use crate::exit::Failure;

/// Whether text on stderr may carry colours.
pub fn style(global: &Global) -> Style {
    let wanted = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::io::stderr().is_terminal()
        }
    };
    if wanted { Style::Coloured } else { Style::Plain }
}

/// Reports a failure: on stderr for people, as a last JSON line on stdout for machines.
pub fn failure(failure: &Failure, global: &Global) {
    if global.output == OutputFormat::Json {
        let line = serde_json::json!({
            "event": "error",
            "code": failure.code as u8,
            "message": failure.message,
            "hint": failure.hint,
            "diagnostics": failure.diagnostics,
        });
        // Whoever closed stdout does not want to know; the exit code still tells.
        let _ = writeln!(std::io::stdout(), "{line}");
        return;
    }
    let mut text = String::new();
    for diagnostic in &failure.diagnostics {
        text.push_str(&diagnostic.render(style(global)));
        text.push_str("\n\n");
    }
    text.push_str(&headline(failure, style(global)));
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        text.push_str(&annotations(failure));
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn headline(failure: &Failure, style: Style) -> String {
    let error = match style {
        Style::Plain => "error".to_owned(),
        Style::Coloured => {
            let red = anstyle::AnsiColor::Red.on_default().bold();
            format!("{red}error{red:#}")
        }
    };
    match &failure.hint {
        Some(hint) => format!("{error}: {}\n  {}\n", failure.message, hint.replace('\n', "\n  ")),
        None => format!("{error}: {}\n", failure.message),
    }
}

/// Workflow commands that GitHub shows beside the changed lines.
fn annotations(failure: &Failure) -> String {
    let mut lines = String::new();
    for diagnostic in &failure.diagnostics {
        let place = diagnostic.place.as_ref().map_or(String::new(), |place| {
            format!(" file={},line={},col={}", place.source().name(), place.line(), place.column())
        });
        let message = match &diagnostic.help {
            Some(help) => format!("{}; {help}", diagnostic.message),
            None => diagnostic.message.clone(),
        };
        lines.push_str(&format!("::{}{place}::{}\n", diagnostic.severity.as_str(), escape(&message)));
    }
    if failure.diagnostics.is_empty() {
        lines.push_str(&format!("::error::{}\n", escape(&failure.message)));
    }
    lines
}

/// The escapes of GitHub's workflow commands for the data part.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
