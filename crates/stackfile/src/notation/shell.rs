//! A command in one string, split into words as `google/shlex` does.

#[derive(Clone, Copy, PartialEq)]
enum State {
    Between,
    Word,
    Escaped,
    DoubleQuoted,
    EscapedInDoubleQuotes,
    SingleQuoted,
    Comment,
}

/// The words of a command line. Quotes group, a backslash takes the next character as it is (not in single
/// quotes), `#` at the start of a word begins a comment.
pub(crate) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut state = State::Between;
    for c in text.chars() {
        let blank = matches!(c, ' ' | '\t' | '\r' | '\n');
        state = match (state, c) {
            (State::Comment, '\n') | (State::Between, _) if blank => State::Between,
            (State::Comment, _) | (State::Between, '#') => State::Comment,
            (State::Word, _) if blank => {
                words.push(std::mem::take(&mut word));
                State::Between
            }
            (State::Between | State::Word, '"') => State::DoubleQuoted,
            (State::Between | State::Word, '\'') => State::SingleQuoted,
            (State::Between | State::Word, '\\') => State::Escaped,
            (State::DoubleQuoted, '"') | (State::SingleQuoted, '\'') => State::Word,
            (State::DoubleQuoted, '\\') => State::EscapedInDoubleQuotes,
            (state, c) => {
                word.push(c);
                match state {
                    State::EscapedInDoubleQuotes => State::DoubleQuoted,
                    State::DoubleQuoted | State::SingleQuoted => state,
                    _ => State::Word,
                }
            }
        };
    }
    match state {
        State::Between | State::Comment => Ok(words),
        State::Word => {
            words.push(word);
            Ok(words)
        }
        State::DoubleQuoted | State::SingleQuoted => {
            Err("this command has a quote that is never closed".into())
        }
        State::Escaped | State::EscapedInDoubleQuotes => Err("this command ends in a lone backslash".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (text, wanted) in [
            ("", vec![]),
            ("  a  b\n", vec!["a", "b"]),
            ("echo 'a b' \"c \\\" d\" e\\ f", vec!["echo", "a b", "c \" d", "e f"]),
            ("a '' b", vec!["a", "", "b"]),
            ("a #b\nc", vec!["a", "c"]),
            ("a#b", vec!["a#b"]),
            ("'a\\b'", vec!["a\\b"]),
            ("x'y'z", vec!["xyz"]),
        ] {
            assert_eq!(
                split(text).as_deref(),
                Ok(wanted.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn unfinished_commands_are_refused() {
        for text in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(split(text).is_err(), "{text:?}");
        }
    }
}
