//! Texts in which secrets are replaced by `***`, and places in them. Everything that is shown goes through here:
//! a snippet of a file shows whole lines, and the line below a finding may hold a password.
//!
//! Two ways find secrets: the model knows where each variable of an `environment` is written, and the text itself
//! is searched for names that say it, which also works where a file does not load.

use std::ops::Range;
use std::sync::LazyLock;

use diagnostics::{Diagnostic, Place, Source, secrets as secret};
use regex::Regex;
use stackfile::Stack;

/// What the first line of a private key ends with, and its last one begins with.
const KEY_START: &str = "PRIVATE KEY-----";
const KEY_END: &str = "-----END";
/// What stands for a secret, whatever its length.
const MASK: &str = "***";

/// `NAME:` or `NAME=`, in quotes or not, anywhere in a line.
static NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"([A-Za-z_][A-Za-z0-9_.-]*)["']?(?:[ \t]*:[ \t]+|[ \t]*=[ \t]*)"#).ok());

/// A value in quotes.
const QUOTED: &str = r#""(?:[^"\\\r\n]|\\.)*"?|'(?:[^'\r\n]|'')*'?"#;

/// A list, which is wrong where a secret should be, and is shown for just that.
const LIST: &str = r"\[[^\]\r\n]*\]?";

/// The value behind it, in a line of its own: it goes on to the end of the line.
static VALUE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r"^(?:{QUOTED}|{LIST}|[^\s\[{{#&][^\r\n]*)")).ok());

/// The same, inside of brackets.
static ITEM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let variable = r"\$\{[^}\r\n]*\}";
    Regex::new(&format!(r"^(?:{QUOTED}|{LIST}|(?:{variable}|[^\s,}}\]\[{{#&])(?:{variable}|[^,}}\]\r\n])*)"))
        .ok()
});

/// The same finding, in words and with places that show no secret. For findings of those who know nothing of secrets.
pub fn without_secrets(diagnostic: &Diagnostic) -> Diagnostic {
    Masks::default().diagnostic(diagnostic.clone())
}

/// The sources of one check, masked.
#[derive(Default)]
pub(crate) struct Masks {
    /// The variables that are secrets, and where the model says that each is.
    known: Vec<(String, Place)>,
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
        let mut known = Vec::new();
        for service in stack.services.values() {
            for (name, value) in &service.environment {
                let text = value.value.as_deref().unwrap_or_default();
                // What an `env_file` brings is not in this text.
                let elsewhere = service.env_file.iter().any(|file| file.path.place == value.place);
                if !elsewhere && (secret::is_name(name) || secret::is_value(text)) {
                    known.push((name.clone(), value.place.clone()));
                }
            }
        }
        Self { known, done: Vec::new() }
    }

    /// The same diagnostic, with places that show no secret.
    pub(crate) fn diagnostic(&mut self, mut diagnostic: Diagnostic) -> Diagnostic {
        // A loader's message may repeat what it refuses.
        diagnostic.message = words(&diagnostic.message);
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
    fn new(original: &Source, known: &[(String, Place)]) -> Self {
        let text = original.text();
        let mut found = parts(text);
        let here = known.iter().filter(|(_, place)| place.source() == original);
        found.extend(here.map(|(name, place)| value_of(text, name, place.range())));
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

/// A message, with the secrets masked that it shows as a file would.
fn words(text: &str) -> String {
    replace(text, &united(parts(text)))
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
fn value_of(text: &str, name: &str, range: Range<usize>) -> Range<usize> {
    let entry = text.get(range.clone()).unwrap_or_default();
    // In a list an entry is `NAME=value` or a bare `NAME`, with or without quotes.
    let bare = entry.trim_start_matches(['"', '\'']);
    match bare.strip_prefix(name) {
        Some(rest) if rest.starts_with('=') => trimmed(text, range.end - rest.len() + 1..range.end),
        Some(rest) if rest.trim_matches(['"', '\'']).is_empty() => range.start..range.start,
        _ => trimmed(text, range),
    }
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

/// What the lines below a secret are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    /// Not a part of it.
    Nothing,
    /// A part, if they are indented more than this.
    Indented(usize),
    /// A part, if they are items of a list that is indented as much as this, or more.
    Items(usize),
    /// A part, up to the end of a key.
    Key,
}

/// The secrets that the text itself shows.
fn parts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut below = Below::Nothing;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let goes_on = match below {
            Below::Nothing => false,
            Below::Indented(outer) => indent > outer || line.trim().is_empty(),
            Below::Items(outer) => indent >= outer && line.trim_start().starts_with("- "),
            Below::Key => true,
        };
        if goes_on {
            parts.push(start + indent..start + line.trim_end().len().max(indent));
            if below == Below::Key && line.contains(KEY_END) {
                below = Below::Nothing;
            }
        } else {
            below = line_parts(text, line, start, &mut parts, indent);
        }
        start += line.len();
    }
    parts
}

/// The secrets of a line, and what is below the last one.
fn line_parts(text: &str, line: &str, start: usize, parts: &mut Vec<Range<usize>>, indent: usize) -> Below {
    let mut below = Below::Nothing;
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
        let runs = block || value.end() == rest.trim_end().len();
        below = if runs { Below::Indented(indent) } else { Below::Nothing };
    }
    let bare = line.trim().strip_suffix(':').map(|name| name.trim_matches(['"', '\'', '-', ' ']));
    if bare.is_some_and(|name| secret::is_name(name) && !matches!(name, "secret" | "secrets")) {
        below = Below::Items(indent);
    }
    if let Some(password) = secret::url_password(line) {
        parts.push(start + password.start..start + password.end);
    }
    if let Some(at) = line.find(KEY_START) {
        parts.push(start + at + KEY_START.len()..start + line.trim_end().len());
        if !line.contains(KEY_END) {
            below = Below::Key;
        }
    }
    below
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
            (
                "  CERT: |\n    -----BEGIN RSA PRIVATE KEY-----\n    hunter2\n    -----END RSA PRIVATE KEY-----\n  B: c\n",
                "  CERT: |\n    -----BEGIN RSA PRIVATE KEY-----\n    ***\n    ***\n  B: c\n",
            ),
            ("secrets: [db_password]\n", "secrets: [db_password]\n"),
            ("e: { DB_PASSWORD: [hunter2], C: d }\n", "e: { DB_PASSWORD: ***, C: d }\n"),
            ("  DB_PASSWORD: [hunter2, 'hunter2']\n", "  DB_PASSWORD: ***\n"),
            ("  DB_PASSWORD:\n    - hunter2\n  B: c\n", "  DB_PASSWORD:\n    ***\n  B: c\n"),
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
