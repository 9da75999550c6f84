//! Numbers in interpolated strings, which are cast to the type of their field (docker/cli,
//! `loader/interpolate.go`).

use crate::yaml::parse_float;

/// An integer: digits in base 10 with an optional sign.
pub(crate) fn int(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("`{text}` is no whole number"))
}

/// A floating point number.
pub(crate) fn float(text: &str) -> Result<f64, String> {
    parse_float(text).ok_or_else(|| format!("`{text}` is no number"))
}

/// A boolean in any of the words of YAML 1.1, in any case.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => Ok(true),
        "n" | "no" | "false" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}
