//! Texts that yaml.v3 reads and the parser refuses: lines inside brackets or quotes that are indented less than the
//! block around them, or with a tab, and tabs after a colon. There the blanks mean nothing, so the text is changed
//! where the parser stopped, and read again; places are mapped back.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// More changes than this are not tried.
const MAX_REPAIRS: usize = 2_000;

/// What is to be changed in a text.
#[derive(Clone)]
pub(super) struct Repairs<'a> {
    text: &'a str,
    /// Starts of lines that get more indentation.
    lines: BTreeSet<usize>,
    /// Tabs that become blanks.
    tabs: BTreeSet<usize>,
    /// More blanks than any line of the text starts with.
    padding: usize,
    count: usize,
}

impl<'a> Repairs<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, lines: BTreeSet::new(), tabs: BTreeSet::new(), padding: 0, count: 0 }
    }

    /// With more indentation for every line that only closes brackets: whoever writes one such line under its
    /// key writes more of them. May be wrong in a block scalar.
    pub(super) fn with_guess(mut self) -> Self {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let trimmed = line.trim();
            if trimmed.starts_with([']', '}']) && trimmed.chars().all(|c| matches!(c, ']' | '}' | ',')) {
                self.lines.insert(start);
            }
            start += line.len();
        }
        self
    }

    /// Whether a part of the text has a line that gets more indentation.
    pub(super) fn touch(&self, part: &Range<usize>) -> bool {
        self.lines.range(part.clone()).next().is_some()
    }

    /// Plans a change for what the parser says at a place. `in_brackets` is what is known of that place. `false` if
    /// there is nothing to change, and the text is wrong.
    pub(super) fn plan(&mut self, error: &str, at: usize, in_brackets: bool) -> bool {
        self.count += 1;
        let before = (self.lines.len(), self.tabs.len());
        if self.count > MAX_REPAIRS {
            return false;
        }
        match error {
            "invalid indentation in quoted scalar" => self.indent_quoted(at),
            // The parser says these two of brackets only.
            "invalid indentation" | "invalid indentation in flow construct" => self.indent_brackets(at),
            // In quotes.
            "tab cannot be used as indentation" => self.indent_line(at),
            "tabs disallowed within this context (block indentation)"
                if in_brackets || self.follows_bracket(at) =>
            {
                self.indent_brackets(at);
            }
            "':' must be followed by a valid YAML whitespace" => self.replace_tab(at),
            _ => {}
        }
        before != (self.lines.len(), self.tabs.len())
    }

    /// Whether the line before can only go on in brackets. The parser scans ahead of what it has reported.
    fn follows_bracket(&self, at: usize) -> bool {
        self.text.get(..at).unwrap_or_default().trim_end().ends_with(['[', '{', ','])
    }

    fn indent_line(&mut self, at: usize) {
        let before = self.text.get(..at).unwrap_or_default();
        self.lines.insert(before.rfind('\n').map_or(0, |at| at + 1));
    }

    fn replace_tab(&mut self, at: usize) {
        let is_tab = |at: &usize| self.text.as_bytes().get(*at) == Some(&b'\t');
        self.tabs.extend(at.checked_sub(1).filter(is_tab));
    }

    /// The lines of a quoted scalar behind its first one.
    fn indent_quoted(&mut self, at: usize) {
        let end = at + quoted_length(self.text.get(at..).unwrap_or_default());
        self.indent_between(at, end);
    }

    /// The line of a token in brackets, and those up to the bracket that closes around it.
    fn indent_brackets(&mut self, at: usize) {
        self.indent_line(at);
        let end = at + closing_bracket(self.text.get(at..).unwrap_or_default());
        self.indent_between(at, end);
    }

    fn indent_between(&mut self, start: usize, end: usize) {
        let part = self.text.get(start..end).unwrap_or_default();
        self.lines.extend(part.match_indices('\n').map(|(at, _)| start + at + 1));
    }

    /// The changed text, and how to map a place in it back.
    pub(super) fn apply(&mut self) -> (Cow<'a, str>, Shift) {
        if self.lines.is_empty() && self.tabs.is_empty() {
            return (Cow::Borrowed(self.text), Shift::default());
        }
        if self.padding == 0 {
            let blanks = |line: &str| line.len() - line.trim_start().len();
            self.padding = self.text.lines().map(blanks).max().unwrap_or_default() + 1;
        }
        let mut out = String::with_capacity(self.text.len() + self.lines.len() * self.padding);
        let mut shift = Shift { starts: Vec::new(), padding: self.padding };
        let mut leading = false;
        for (at, c) in self.text.char_indices() {
            if self.lines.contains(&at) {
                shift.starts.push(out.len());
                out.push_str(&" ".repeat(self.padding));
                leading = true;
            }
            leading &= matches!(c, ' ' | '\t');
            out.push(if c == '\t' && (leading || self.tabs.contains(&at)) { ' ' } else { c });
        }
        (Cow::Owned(out), shift)
    }
}

/// From places in a changed text to places in the original.
#[derive(Default)]
pub(super) struct Shift {
    /// Where blanks were put in, in the changed text.
    starts: Vec<usize>,
    padding: usize,
}

impl Shift {
    pub(super) fn original(&self, at: usize) -> usize {
        let before = self.starts.partition_point(|&start| start < at);
        let Some(last) = before.checked_sub(1).and_then(|last| self.starts.get(last)) else { return at };
        // Inside the blanks is the start of the line.
        let inside = (last + self.padding).saturating_sub(at);
        at + inside - before * self.padding
    }
}

/// The length of the quoted scalar at the start of a text.
fn quoted_length(text: &str) -> usize {
    let double = text.starts_with('"');
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if double => {
                chars.next();
            }
            '"' if double => return at + 1,
            // Two of them are one character.
            '\'' if !double && chars.next_if(|&(_, next)| next == '\'').is_none() => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// How far it is, from the start of a token inside brackets, to the bracket that closes around it.
fn closing_bracket(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    // Inside a scalar without quotes, quotes are only characters.
    let mut plain = false;
    let mut previous = ' ';
    while let Some(c) = text[at..].chars().next() {
        let next = text[at + c.len_utf8()..].chars().next().unwrap_or(' ');
        match c {
            '"' | '\'' if !plain => {
                at += quoted_length(&text[at..]);
                previous = c;
                continue;
            }
            '#' if previous.is_whitespace() => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                plain = false;
                continue;
            }
            '[' | '{' => depth += 1,
            ']' | '}' if depth == 0 => return at,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        plain = match c {
            '[' | ']' | '{' | '}' | ',' => false,
            ':' if !plain || next.is_whitespace() || matches!(next, ',' | '[' | ']' | '{' | '}') => false,
            c => plain || !(c.is_whitespace() || matches!(c, '&' | '*' | '!' | '?')),
        };
        previous = c;
        at += c.len_utf8();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_mapped_back() {
        let text = "a: [\nb,\n\tc]\n";
        let mut repairs = Repairs::new(text);
        assert!(repairs.plan("invalid indentation", 5, true));
        assert!(!repairs.plan("invalid indentation", 5, true), "the same again changes nothing");
        let (changed, shift) = repairs.apply();
        assert_eq!(changed, "a: [\n  b,\n   c]\n");
        for c in ['a', '[', 'b', 'c', ']'] {
            let (there, here) = (changed.find(c).unwrap(), text.find(c).unwrap());
            assert_eq!(shift.original(there), here, "{c}");
        }
    }

    #[test]
    fn the_end_of_quotes_and_brackets() {
        for (text, length) in [("\"a\\\"b\" c", 6), ("'it''s' x", 7), ("\"open", 5)] {
            assert_eq!(quoted_length(text), length, "{text}");
        }
        for (text, length) in [
            ("a, b] c", 4),
            ("]", 0),
            ("[a], {b: ']'}, \"]\" # ]\n]", 23),
            ("it's, a 'b] c", 10),
            ("\"a\":\"]\", b]", 10),
        ] {
            assert_eq!(closing_bracket(text), length, "{text}");
        }
    }
}
