//! Files of `env_file`: `NAME=value` lines, taken literally (docker/cli, `pkg/kvfile`): no quotes, no variables,
//! `#` only at the start of a line, blanks at the end of a value are kept.

use diagnostics::secrets::without_values;
use diagnostics::{Diagnostic, Source};

/// One line: a name, and its value if the line has one.
pub(crate) type Line = (String, Option<String>);

/// Reads the bytes of a file. `name` is what to call it in errors.
pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Vec<Line>, Diagnostic> {
    let refused = |message: String| Diagnostic::error("stack-file/env-file", message);
    let Ok(text) = std::str::from_utf8(bytes) else {
        let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        let line = String::from_utf8_lossy(&bytes[..valid]).matches('\n').count() + 1;
        return Err(refused(format!("line {line} of {name} is not UTF-8")).help("save the file as UTF-8"));
    };
    // Findings quote this one: what is wrong with a secret's line must not show the secret.
    let source = Source::new(name, without_values(text));
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let begin = start;
        start += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = if begin == 0 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = || source.place(begin..start.saturating_sub(1).max(begin));
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (line, None),
        };
        if key.is_empty() {
            return Err(refused("this line names no variable".into()).at(place()).help("write `NAME=value`"));
        }
        if key.contains([' ', '\t']) {
            // Not repeated: it may be a line of a value that cannot have several.
            return Err(refused("the name of the variable has a blank in it".into())
                .at(place())
                .help("write `NAME=value` without blanks around the name"));
        }
        lines.push((key.to_owned(), value.map(str::to_owned)));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_literal() {
        let text = "\u{feff}A=1\r\n  B= x \n# no\n\nC=\"q\" # kept\nD\nE=\nF=a=b";
        let lines = parse("f.env", text.as_bytes()).unwrap();
        let shown: Vec<String> = lines.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
        assert_eq!(
            shown,
            [
                "A=Some(\"1\")",
                "B=Some(\" x \")",
                "C=Some(\"\\\"q\\\" # kept\")",
                "D=None",
                "E=Some(\"\")",
                "F=Some(\"a=b\")"
            ]
        );
    }

    #[test]
    fn bad_lines_name_their_place() {
        for (bytes, wanted) in [
            (&b"A=1\nB C=2\n"[..], "f.env:2:1: the name of the variable has a blank"),
            (b"=x", "f.env:1:1: this line names no variable"),
            (b"A=1\nB=\xff\n", "line 2 of f.env is not UTF-8"),
        ] {
            let error = parse("f.env", bytes).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
