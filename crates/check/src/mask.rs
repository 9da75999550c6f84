//! Texts in which secrets are replaced by `***`, and places in them. Everything that is shown goes through here:
//! a snippet of a file shows whole lines, and the line below a finding may hold a password.
//!
//! Two ways find secrets: the model knows where each variable of an `environment` is written, and the text itself
//! is searched for names that say it, which also works where a file does not load.

use std::ops::Range;
use std::sync::LazyLock;

use diagnostics::{Diagnostic, Place, Source};
use regex::Regex;
use stackfile::Stack;

use crate::secret;

/// What stands for a secret, whatever its length.
const MASK: &str = "***";

/// `NAME:` or `NAME=`, in quotes or not, anywhere in a line.
static NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"([A-Za-z_][A-Za-z0-9_.-]*)["']?(?:[ \t]*:[ \t]+|[ \t]*=[ \t]*)"#).ok());

/// A value in quotes.
const QUOTED: &str = r#""(?:[^"\\\r\n]|\\.)*"?|'(?:[^'\r\n]|'')*'?"#;

/// The value behind it, in a line of its own: it goes on to the end of the line.
static VALUE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r"^(?:{QUOTED}|[^\s\[{{#&][^\r\n]*)")).ok());

/// The same, inside of brackets.
static ITEM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let variable = r"\$\{[^}\r\n]*\}";
    Regex::new(&format!(r"^(?:{QUOTED}|(?:{variable}|[^\s,}}\]\[{{#&])(?:{variable}|[^,}}\]\r\n])*)")).ok()
});

/// The sources of one check, masked.
#[derive(Default)]
pub(crate) struct Masks {
    /// Where the model says that a secret is.
    known: Vec<Place>,
    done: Vec<Masked>,
}

struct Masked {
    original: Source,
    source: Source,
    /// The masked parts of the original, in order.
    parts: Vec<Range<usize>>,
}

impl Masks {
    pub(crate) fn of(stack: &Stack) -> Self {
        let services = stack.services.values();
        let variables = services.flat_map(|service| &service.environment);
        let secrets = variables.filter(|(name, value)| {
            let text = value.value.as_deref().unwrap_or_default();
            secret::is_name(name) || secret::is_value(text)
        });
        Self { known: secrets.map(|(_, value)| value.place.clone()).collect(), done: Vec::new() }
    }

    /// The same diagnostic, with places that show no secret.
    pub(crate) fn diagnostic(&mut self, mut diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.place = diagnostic.place.map(|place| self.place(&place));
        diagnostic.related =
            diagnostic.related.into_iter().map(|(place, remark)| (self.place(&place), remark)).collect();
        diagnostic
    }

    /// A text, without its secrets.
    pub(crate) fn text(&mut self, source: &Source) -> String {
        self.masked(source).source.text().to_owned()
    }

    fn place(&mut self, place: &Place) -> Place {
        self.masked(place.source()).place(place)
    }

    fn masked(&mut self, source: &Source) -> &Masked {
        let index = self.done.iter().position(|masked| masked.original == *source);
        let index = index.unwrap_or_else(|| {
            self.done.push(Masked::new(source, &self.known));
            self.done.len() - 1
        });
        &self.done[index]
    }
}

impl Masked {
    fn new(original: &Source, known: &[Place]) -> Self {
        let text = original.text();
        let mut found = parts(text);
        found.extend(
            known
                .iter()
                .filter(|place| place.source() == original)
                .map(|place| value_of(text, place.range())),
        );
        let parts = united(found);
        let source = Source::new(original.name(), replace(text, &parts));
        Self { original: original.clone(), source, parts }
    }

    fn place(&self, place: &Place) -> Place {
        let range = place.range();
        self.source.place(self.shifted(range.start, false)..self.shifted(range.end, true))
    }

    /// Where a byte of the original is in the masked text; inside of a mask, its start or its end.
    fn shifted(&self, at: usize, end: bool) -> usize {
        let mut removed = 0;
        let mut added = 0;
        for part in self.parts.iter().take_while(|part| part.start < at) {
            if at < part.end {
                return part.start - removed + added + if end { MASK.len() } else { 0 };
            }
            removed += part.len();
            added += MASK.len();
        }
        at - removed + added
    }
}

fn replace(text: &str, parts: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for part in parts {
        out.push_str(text.get(at..part.start).unwrap_or_default());
        out.push_str(MASK);
        at = part.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Sorted, without overlaps and empty ones.
fn united(mut parts: Vec<Range<usize>>) -> Vec<Range<usize>> {
    parts.retain(|part| !part.is_empty());
    parts.sort_by_key(|part| part.start);
    let mut out: Vec<Range<usize>> = Vec::new();
    for part in parts {
        match out.last_mut() {
            Some(last) if part.start < last.end => last.end = last.end.max(part.end),
            _ => out.push(part),
        }
    }
    out
}

/// The part of an environment's entry that is its value; nothing, if that is only a reference or no secret.
fn value_of(text: &str, range: Range<usize>) -> Range<usize> {
    let entry = text.get(range.clone()).unwrap_or_default();
    // In a list an entry is `NAME=value`, with or without quotes.
    let name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let before = entry.split_once('=').filter(|(before, _)| name(before.trim_start_matches(['"', '\''])));
    let start = range.start + before.map_or(0, |(before, _)| before.len() + 1);
    trimmed(text, start..range.end)
}

/// Without quotes around it; empty if there is no secret in it.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let value = text.get(range.clone()).unwrap_or_default();
    let left = value.trim_start_matches(['"', '\'', ' ']);
    let start = range.end - left.len();
    let value = left.trim_end_matches(['"', '\'', ' ', '\t', '\r']);
    if secret::is_reference(value) || secret::is_harmless(value) || value.starts_with('*') {
        return start..start;
    }
    start..start + value.len()
}

/// The secrets that the text itself shows.
fn parts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    // A value that goes on in lines that are indented more than this.
    let mut running: Option<usize> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let blank = line.trim().is_empty();
        if running.is_some_and(|outer| indent > outer || blank) {
            parts.push(
                start + indent.min(line.len())..start + line.trim_end().len().max(indent.min(line.len())),
            );
        } else {
            running = line_parts(text, line, start, &mut parts).then_some(indent);
        }
        start += line.len();
    }
    parts
}

/// The secrets of a line; `true` if the last one may go on below it.
fn line_parts(text: &str, line: &str, start: usize, parts: &mut Vec<Range<usize>>) -> bool {
    let mut runs = false;
    for found in NAME.iter().flat_map(|name| name.captures_iter(line)) {
        let (Some(all), Some(name)) = (found.get(0), found.get(1)) else { continue };
        // The keys under which a file lists its secrets.
        if !secret::is_name(name.as_str()) || matches!(name.as_str(), "secret" | "secrets") {
            continue;
        }
        let rest = line.get(all.end()..).unwrap_or_default();
        let before = line.get(..all.start()).unwrap_or_default();
        let own_line = before.trim_start_matches([' ', '\t', '-', '"', '\'']).is_empty();
        let value = if own_line { &VALUE } else { &ITEM };
        let Some(value) = value.as_ref().and_then(|value| value.find(rest)) else { continue };
        // `|` and `>` begin a block, in which the next lines are the value.
        let block = value.as_str().starts_with(['|', '>']);
        if !block {
            let from = start + all.end();
            parts.push(trimmed(text, from..from + without_comment(value.as_str())));
        }
        runs = block || value.end() == rest.trim_end().len();
    }
    if let Some(password) = secret::url_password(line) {
        parts.push(start + password.start..start + password.end);
    }
    if let Some(at) = line.find("PRIVATE KEY-----") {
        parts.push(start + at + "PRIVATE KEY-----".len()..start + line.trim_end().len());
        runs = true;
    }
    runs
}

/// The length of a value without the comment behind it.
fn without_comment(value: &str) -> usize {
    if value.starts_with(['"', '\'']) {
        return value.len();
    }
    value.find(" #").unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_every_notation() {
        for (text, wanted) in [
            ("  DB_PASSWORD: hunter2\n  B: c\n", "  DB_PASSWORD: ***\n  B: c\n"),
            ("  - DB_PASSWORD=hunter2 # x\n", "  - DB_PASSWORD=*** # x\n"),
            ("  - \"DB_PASSWORD=hunter 2\"\n", "  - \"DB_PASSWORD=***\"\n"),
            ("e: { A: b, DB_PASSWORD: 'hunter2', C: d }\n", "e: { A: b, DB_PASSWORD: '***', C: d }\n"),
            ("  DB_PASSWORD: ${X:-hunter2}\n", "  DB_PASSWORD: ***\n"),
            ("  DB_PASSWORD: ${X}\n", "  DB_PASSWORD: ${X}\n"),
            ("  DB_PASSWORD: ${X:?set it}\n", "  DB_PASSWORD: ${X:?set it}\n"),
            ("  URL: postgresql://app:hunter2@db/app\n", "  URL: postgresql://app:***@db/app\n"),
            (
                "  KEY_SECRET: |\n    hunter2\n\n    more\n  B: c\n",
                "  KEY_SECRET: |\n    ***\n\n    ***\n  B: c\n",
            ),
            ("secrets:\n  db_password:\n    file: x\n", "secrets:\n  db_password:\n    file: x\n"),
            ("  DB_PASSWORD: hunter2,hunter2\n", "  DB_PASSWORD: ***\n"),
            ("  DB_PASSWORD: \"a\\\"hunter2\" # x\n", "  DB_PASSWORD: \"***\" # x\n"),
            ("  - \"DB_PASSWORD=a\\\"hunter2\"\n", "  - \"DB_PASSWORD=***\"\n"),
            ("secrets: [db_password]\n", "secrets: [db_password]\n"),
        ] {
            let got = Masks::default().text(&Source::new("a.yml", text));
            assert!(!got.contains("hunter2"), "{text} is {got}");
            assert_eq!(got, wanted, "{text}");
        }
    }

    #[test]
    fn places_are_moved_with_the_text() {
        let source = Source::new("a.yml", "e: { DB_PASSWORD: hunter2x, B: here }\n");
        let masked = Masked::new(&source, &[]);
        let at = source.text().find("here").unwrap_or_default();
        let place = masked.place(&source.place(at..at + 4));
        assert_eq!(&place.source().text()[place.range()], "here");
        let secret = source.text().find("hunter2x").unwrap_or_default();
        let place = masked.place(&source.place(secret..secret + 8));
        assert_eq!(&place.source().text()[place.range()], MASK);
    }
}
