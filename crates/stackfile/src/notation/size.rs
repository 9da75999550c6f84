//! Sizes as `docker/go-units` reads them: powers of 1024, the unit in any case.

/// What to write, for the help of an error.
pub(crate) const HELP: &str = "write a number with a unit, like `512M` or `1.5g`";

/// Bytes.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // Go converts through float64 as well.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no size");
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(wrong)?;
    let number = if text[last..].starts_with(' ') { &text[..last] } else { &text[..=last] };
    let unit = text[last + 1..].to_ascii_lowercase();
    let plain = number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'e' | b'E' | b'-'));
    let number: f64 = number.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    if number < 0.0 || !number.is_finite() {
        return Err(wrong());
    }
    let power = match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) {
        "" if unit == "ib" => return Err(wrong()),
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    Ok((number * 1024_f64.powi(power)) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("100", 100),
            ("100b", 100),
            ("1k", 1024),
            ("1KB", 1024),
            ("1KiB", 1024),
            ("1.5g", 1_610_612_736),
            ("512 M", 536_870_912),
            ("64Mb", 67_108_864),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "x", "10x", "1 Mbit", "-1m", "1ib", "1kib2x", "inf", "1bb", "5mm"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
