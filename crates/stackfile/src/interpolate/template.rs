//! One string with variables in it (docker/cli, `template/template.go`), its quirks included: `$NAME-text` is a
//! default too, a dash wins over `?`, and what stands in braces is never replaced again.

/// Why a string cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A dollar sign that starts no variable.
    Invalid {
        /// The text from the dollar sign on.
        part: String,
    },
    /// A required variable without a value.
    Missing {
        name: String,
        /// The author's own words, perhaps none.
        message: String,
        part: String,
    },
}

/// Replaces the variables of a text. Names without value and default become empty and are put into `unset`.
pub(crate) fn substitute<'e>(
    text: &str,
    lookup: impl Fn(&str) -> Option<&'e str>,
    unset: &mut Vec<String>,
) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((expression, length)) = expression(rest) else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            return Err(Problem::Invalid { part: rest[..end].into() });
        };
        out.push_str(&evaluate(expression, &lookup, unset, &rest[..length])?);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The expression at the start of a text that begins with a dollar sign, and the length of both.
fn expression(text: &str) -> Option<(&str, usize)> {
    if let Some(braced) = text.strip_prefix("${") {
        let length = expression_length(braced)?;
        return braced[length..].starts_with('}').then(|| (&braced[..length], length + 3));
    }
    let bare = text.strip_prefix('$')?;
    let length = expression_length(bare)?;
    Some((&bare[..length], length + 1))
}

/// A name, and perhaps `-` or `?`, with or without a colon before it, and all that follows up to a brace.
fn expression_length(text: &str) -> Option<usize> {
    if !text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()) {
        return None;
    }
    let name = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let after = &text[name..];
    let operator = after.strip_prefix(':').unwrap_or(after);
    if operator.starts_with(['-', '?']) {
        return Some(name + after.find('}').unwrap_or(after.len()));
    }
    Some(name)
}

fn evaluate<'e>(
    expression: &str,
    lookup: impl Fn(&str) -> Option<&'e str>,
    unset: &mut Vec<String>,
    part: &str,
) -> Result<String, Problem> {
    if let Some((name, default)) = expression.split_once(":-") {
        return Ok(lookup(name).filter(|value| !value.is_empty()).unwrap_or(default).into());
    }
    if let Some((name, default)) = expression.split_once('-') {
        return Ok(lookup(name).unwrap_or(default).into());
    }
    let (required, empty_will_do) = match expression.split_once(":?") {
        Some(required) => (Some(required), false),
        None => (expression.split_once('?'), true),
    };
    if let Some((name, message)) = required {
        return match lookup(name) {
            Some(value) if empty_will_do || !value.is_empty() => Ok(value.into()),
            _ => Err(Problem::Missing { name: name.into(), message: message.into(), part: part.into() }),
        };
    }
    if let Some(value) = lookup(expression) {
        return Ok(value.into());
    }
    unset.push(expression.into());
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<String, Problem> {
        let lookup = |name: &str| match name {
            "SET" => Some("value"),
            "EMPTY" => Some(""),
            _ => None,
        };
        substitute(text, lookup, &mut Vec::new())
    }

    /// Every line of "Interpolation" in the facts.
    #[test]
    fn substitution() {
        for (text, wanted) in [
            ("no variables", "no variables"),
            ("$SET ${SET}", "value value"),
            ("$$SET $${SET}", "$SET ${SET}"),
            ("[$NONE] [${NONE}]", "[] []"),
            ("${NONE:-x} ${EMPTY:-x} ${SET:-x}", "x x value"),
            ("${NONE-x} ${EMPTY-x} ${SET-x}", "x  value"),
            ("${SET:?m} ${SET?m} ${EMPTY?m}", "value value "),
            ("${NONE?err-msg}", "msg"),
            ("${NONE:-${SET:-z}}", "${SET:-z}"),
            ("$NONE-rest of it", "rest of it"),
            ("${NONE:-a$b}", "a$b"),
            ("a ${NONE:-multi\nline} b", "a multi\nline b"),
            ("${NONE:-}", ""),
        ] {
            assert_eq!(run(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in ["${SET", "${X:+y}", "a$1", "$", "${}", "${SET!}", "${ SET}", "a $ b"] {
            assert!(matches!(run(text), Err(Problem::Invalid { .. })), "{text}");
        }
    }

    #[test]
    fn a_required_variable_stops_even_when_another_one_is_set() {
        for text in ["${NONE:?say why}", "${NONE?say why} $SET", "${EMPTY:?say why}"] {
            let problem = run(text).unwrap_err();
            assert!(matches!(problem, Problem::Missing { message, .. } if message == "say why"), "{text}");
        }
    }

    #[test]
    fn names_without_a_value_are_reported() {
        let mut unset = Vec::new();
        substitute("$A ${B} ${C:-x} ${D-x}", |_| None, &mut unset).unwrap();
        assert_eq!(unset, ["A", "B"]);
    }
}
