//! What a scalar means: the rules of yaml.v3 (`resolve.go`), which mix YAML 1.1 and 1.2.

use std::sync::LazyLock;

use regex::Regex;

use super::{Timestamp, Value};

/// A tag as written, reduced to what matters for a scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// No tag, or the non-specific `!`.
    None,
    /// `!!str`, `!!int` ...: the part after `!!`.
    Core(String),
    /// Any other tag. yaml.v3 keeps the text of such a scalar.
    Other(String),
}

/// The value of a scalar. `plain` says that it is written without quotes and not as a block.
pub(crate) fn resolve(tag: &Tag, text: &str, plain: bool) -> Result<Value, String> {
    let core = match tag {
        Tag::None if plain => return Ok(resolve_untagged(text, true)),
        Tag::None | Tag::Other(_) => return Ok(Value::String(text.into())),
        Tag::Core(core) => core.as_str(),
    };
    let value = match core {
        "bool" | "int" | "float" | "null" => resolve_untagged(text, false),
        "timestamp" => resolve_untagged(text, true),
        "binary" => return decode_binary(text),
        _ => return Ok(Value::String(text.into())),
    };
    match (core, value) {
        ("bool", value @ Value::Bool(_))
        | ("int", value @ (Value::Int(_) | Value::Uint(_)))
        | ("float", value @ Value::Float(_))
        | ("null", value @ Value::Null)
        | ("timestamp", value @ Value::Timestamp(_)) => Ok(value),
        #[allow(clippy::cast_precision_loss)] // What `!!float 9007199254740993` asks for.
        ("float", Value::Int(value)) => Ok(Value::Float(value as f64)),
        _ => Err(format!("`{text}` is no !!{core}")),
    }
}

/// Whether a text written without quotes would be read back as this same string.
pub(crate) fn is_plain_string(text: &str) -> bool {
    matches!(resolve_untagged(text, true), Value::String(_))
}

fn decode_binary(text: &str) -> Result<Value, String> {
    use base64::Engine;
    let compact: String = text.chars().filter(|&c| c != '\n' && c != '\r').collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(compact)
        .map_err(|_| "a !!binary value is no valid base64".to_owned())?;
    String::from_utf8(bytes).map(Value::String).map_err(|_| "a !!binary value is not text".to_owned())
}

fn resolve_untagged(text: &str, dates: bool) -> Value {
    let Some(&first) = text.as_bytes().first() else { return Value::Null };
    if !matches!(first, b'+' | b'-' | b'.' | b'0'..=b'9')
        && !matches!(first, b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'~')
    {
        return Value::String(text.into());
    }
    match text {
        "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match first {
        b'.' => parse_float(text).map(Value::Float),
        b'+' | b'-' | b'0'..=b'9' => number_or_date(text, dates),
        _ => None,
    };
    number.unwrap_or_else(|| Value::String(text.into()))
}

fn number_or_date(text: &str, dates: bool) -> Option<Value> {
    static FLOAT: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$").ok());
    if dates && let Some(time) = Timestamp::parse(text) {
        return Some(Value::Timestamp(time));
    }
    let digits = text.replace('_', "");
    if let Some(value) = parse_int(&digits) {
        return Some(value);
    }
    let looks_like_float = FLOAT.as_ref().is_some_and(|float| float.is_match(&digits));
    looks_like_float.then(|| parse_float(&digits)).flatten().map(Value::Float)
}

/// An integer as Go's `strconv.ParseInt` reads it with base 0: `0x`, `0o`, `0b` and a leading `0` set the base.
fn parse_int(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (base, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Value::Int);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Value::Int(value)),
        // yaml.v3 tries an unsigned number only without a sign.
        Err(_) => (!text.starts_with('+')).then_some(Value::Uint(magnitude)),
    }
}

/// A float; too large a number is none, as in Go.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::super::Node;
    use super::*;
    use diagnostics::Source;

    fn text(value: Value) -> String {
        let node = Node::new(value, Source::new("t", "").place(0..0));
        format!("{}:{}", node.kind(), node.scalar_text().unwrap_or_default())
    }

    /// The table of "YAML scalars" in the facts, and the branches of `resolve.go`.
    #[test]
    fn plain_scalars() {
        for (written, meant) in [
            ("0440", "a number:288"),
            ("012", "a number:10"),
            ("0o12", "a number:10"),
            ("0x1F", "a number:31"),
            ("0b101", "a number:5"),
            ("-0x1F", "a number:-31"),
            ("08", "a number:8"),
            ("1_000", "a number:1000"),
            ("+5", "a number:5"),
            ("1.10", "a number:1.1"),
            ("1e6", "a number:1e+06"),
            ("123456.0", "a number:123456"),
            ("1234567.5", "a number:1.2345675e+06"),
            (".5", "a number:0.5"),
            ("5.", "a number:5"),
            ("0.00001", "a number:1e-05"),
            ("18446744073709551615", "a number:18446744073709551615"),
            ("1e400", "a string:1e400"),
            ("18446744073709551616", "a number:1.8446744073709552e+19"),
            ("2024-01-01", "a date:2024-01-01 00:00:00 +0000 UTC"),
            ("yes", "a string:yes"),
            ("on", "a string:on"),
            ("True", "a boolean:true"),
            ("tRUE", "a string:tRUE"),
            ("~", "null:"),
            ("", "null:"),
            ("null", "null:"),
            ("-.inf", "a number:-Inf"),
            ("1:30", "a string:1:30"),
            ("0x", "a string:0x"),
            ("-", "a string:-"),
            ("1-2", "a string:1-2"),
            ("<<", "a string:<<"),
        ] {
            assert_eq!(text(resolve(&Tag::None, written, true).unwrap()), meant, "{written}");
        }
    }

    #[test]
    fn tags_and_quotes() {
        let core = |name: &str| Tag::Core(name.into());
        assert_eq!(text(resolve(&Tag::None, "5", false).unwrap()), "a string:5");
        assert_eq!(text(resolve(&core("str"), "5", true).unwrap()), "a string:5");
        assert_eq!(text(resolve(&core("int"), "5", false).unwrap()), "a number:5");
        assert_eq!(text(resolve(&core("float"), "5", true).unwrap()), "a number:5");
        assert_eq!(text(resolve(&core("binary"), "aGk=", true).unwrap()), "a string:hi");
        assert_eq!(text(resolve(&Tag::Other("!x".into()), "5", true).unwrap()), "a string:5");
        for (tag, written) in [("bool", "yes"), ("int", "x"), ("null", "x"), ("float", "x"), ("binary", "%")]
        {
            assert!(resolve(&core(tag), written, true).is_err(), "!!{tag} {written}");
        }
    }
}
