//! Files with variables for a stack file, as Compose users write them (`.env`, `--env-file`): quotes group, `#`
//! after a blank begins a comment, `export` is allowed, and values may use variables.
//!
//! Not the format of a service's `env_file`, which is literal: that is `env_file`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use diagnostics::secrets::without_values;
use diagnostics::{Diagnostic, Source};

use crate::files;
use crate::interpolate::substitute;

/// The variables that a file sets. Values are interpolated from `environment` and from the lines above; what the
/// environment has is not in the result, because it wins.
pub fn read_variables(
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Diagnostic> {
    let name = path.display().to_string();
    let refused = |problem: &str| {
        Diagnostic::error("stack-file/env-file", format!("the env file {name} cannot be read: {problem}"))
    };
    let bytes = files::read(path, files::TEXT_LIMIT)
        .map_err(|error| refused(&error.to_string()).help("check the path and that you may read it"))?;
    let text =
        String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8").help("save the file as UTF-8"))?;
    parse(&Source::new(name, text), environment)
}

fn parse(
    source: &Source,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Diagnostic> {
    // Findings quote this one: what is wrong with a secret's line must not show the secret.
    let shown = Source::new(source.name(), without_values(source.text()));
    let mut variables = environment.clone();
    let mut names = Vec::new();
    let mut rest = Rest { text: source.text(), at: 0 };
    while let Some(start) = rest.next_entry() {
        let (name, value, range) = rest.entry(start).map_err(|(message, range)| {
            Diagnostic::error("stack-file/env-file", message)
                .at(shown.place(range))
                .help("write `NAME=value`, with the value in quotes if it has blanks or `#` in it")
        })?;
        let value = match value {
            Written::Literal(text) => text,
            Written::Template(text) => {
                let lookup = |name: &str| variables.get(name).map(String::as_str);
                substitute(&text, lookup, &mut Vec::new()).map_err(|_| {
                    Diagnostic::error(
                        "stack-file/env-file",
                        format!("the value of `{name}` has no valid variable"),
                    )
                    .at(shown.place(range))
                    .help("write `${NAME}` or `${NAME:-default}`; in single quotes `$` is a dollar sign")
                })?
            }
        };
        if !environment.contains_key(&name) {
            variables.insert(name.clone(), value);
            names.push(name);
        }
    }
    variables.retain(|name, _| names.contains(name));
    Ok(variables)
}

/// A value before variables are replaced.
enum Written {
    /// In single quotes.
    Literal(String),
    Template(String),
}

type Refusal = (String, Range<usize>);

struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn left(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips blank lines and comments; where the next entry starts.
    fn next_entry(&mut self) -> Option<usize> {
        loop {
            let left = self.left();
            self.at += left.len() - left.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).len();
            if !self.left().starts_with('#') {
                return (!self.left().is_empty()).then_some(self.at);
            }
            self.skip_line();
        }
    }

    fn skip_line(&mut self) {
        self.at += self.left().find('\n').map_or(self.left().len(), |end| end + 1);
    }

    fn entry(&mut self, start: usize) -> Result<(String, Written, Range<usize>), Refusal> {
        let line_end = self.left().find('\n').map_or(self.text.len(), |end| self.at + end);
        let line = &self.text[start..line_end];
        let Some(equals) = line.find('=') else {
            return Err(("this line sets no variable".into(), start..line_end));
        };
        let name = line[..equals].trim();
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        let valid = |c: char| c == '_' || c == '.' || c == '-' || c.is_ascii_alphanumeric();
        if name.is_empty() || !name.chars().all(valid) {
            // Not repeated: it may be a line of a value that should be in quotes.
            return Err(("this line begins with no name of a variable".into(), start..start + equals));
        }
        self.at = start + equals + 1;
        self.at += self.left().len() - self.left().trim_start_matches([' ', '\t']).len();
        let value = if let Some(quote @ ('"' | '\'')) = self.left().chars().next() {
            self.quoted(quote)?
        } else {
            let value = &self.text[self.at.min(line_end)..line_end];
            let value = value.split_once(" #").map_or(value, |(value, _)| value);
            Written::Template(if value.starts_with('#') { "" } else { value.trim() }.to_owned())
        };
        self.skip_line();
        Ok((name.to_owned(), value, start..line_end))
    }

    /// A value in quotes, which may run over several lines.
    fn quoted(&mut self, quote: char) -> Result<Written, Refusal> {
        let start = self.at;
        let mut value = String::new();
        let mut chars = self.left().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at += offset + 1;
                    return Ok(if quote == '"' { Written::Template(value) } else { Written::Literal(value) });
                }
                '\\' if quote == '"' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, '$')) => value.push_str("$$"),
                    Some((_, c)) => value.push(c),
                    None => {}
                },
                c => value.push(c),
            }
        }
        Err(("this value has a quote that is never closed".into(), start..start + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<BTreeMap<String, String>, String> {
        let environment = BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]);
        parse(&Source::new(".env", text), &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn values() {
        let text = "# a comment\nA=1\nexport B = two words # and a comment\nC='$A # literal'\n\
                    D=\"${A}\\n\\$x\"\nE=${A}-$HOME\nF=\nG=#none\nH=\"two\nlines\"\nI=a#b\nHOME=/never\n";
        let got = run(text).unwrap();
        let wanted = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "$A # literal"),
            ("D", "1\n$x"),
            ("E", "1-/home/me"),
            ("F", ""),
            ("G", ""),
            ("H", "two\nlines"),
            ("I", "a#b"),
        ];
        assert_eq!(got, wanted.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn refusals_name_their_line() {
        for (text, wanted) in [
            ("A=1\nnothing\n", ".env:2:1: this line sets no variable"),
            ("A B=1", ".env:1:1: this line begins with no name"),
            ("A=\"x\nB=2\n", ".env:1:3: this value has a quote"),
            ("A=${", ".env:1:1: the value of `A` has no valid variable"),
        ] {
            let error = run(text).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_refusal_does_not_show_the_line_that_may_be_a_secret() {
        for text in ["KEY=a\nhunter2\n", "hunter2+x==\n", "KEY=\"hunter2\n", "KEY=hunter2${\n", "hunter 2=x"]
        {
            let source = Source::new(".env", text);
            let error = parse(&source, &BTreeMap::new()).unwrap_err();
            let shown = error.render(diagnostics::Style::Plain);
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
}
