//! Durations as Go's `time.ParseDuration` reads them and `Duration.String` prints them.

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// What to write, for the help of an error.
pub(crate) const HELP: &str = "write a number with a unit, like `30s`, `1m30s` or `500ms`";

/// Nanoseconds. Several numbers, each with a unit, add up (`1m30s`).
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no duration");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(wrong());
        }
        let length = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let unit = unit(&after[..length]).ok_or_else(wrong)?;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
        let part = whole.checked_mul(unit).and_then(|part| part.checked_add(scale(fraction, unit)));
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = &after[length..];
    }
    let total = i64::try_from(total).map_err(|_| wrong())?;
    Ok(if negative { -total } else { total })
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        _ => return None,
    })
}

/// A fraction of a unit, cut off below a nanosecond. Digits beyond what the unit can show do not matter.
fn scale(fraction: &str, unit: u64) -> u64 {
    let shown = &fraction[..fraction.len().min(18)];
    let value: u128 = shown.parse().unwrap_or(0);
    let power = 10_u128.pow(u32::try_from(shown.len()).unwrap_or(0));
    u64::try_from(value * u128::from(unit) / power).unwrap_or(u64::MAX)
}

/// As Go prints a duration: `1h30m0s`, `1.5s`, `500ms`, `0s`.
pub(crate) fn display(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    if all == 0 {
        return "0s".into();
    }
    if all < SECOND {
        let (unit, name) = match all {
            0..MICROSECOND => (1, "ns"),
            MICROSECOND..MILLISECOND => (MICROSECOND, "\u{b5}s"),
            _ => (MILLISECOND, "ms"),
        };
        return format!("{sign}{}{name}", decimal(all, unit));
    }
    let (hours, minutes) = (all / (3_600 * SECOND), all / (60 * SECOND) % 60);
    let seconds = decimal(all % (60 * SECOND), SECOND);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(value: u64, unit: u64) -> String {
    let width = unit.to_string().len() - 1;
    if value.is_multiple_of(unit) {
        return (value / unit).to_string();
    }
    let fraction = format!("{:0width$}", value % unit);
    format!("{}.{}", value / unit, fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_printed_as_in_go() {
        for (text, nanoseconds, printed) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("1m30s", 90_000_000_000, "1m30s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            (".5s", 500_000_000, "500ms"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("1.s", 1_000_000_000, "1s"),
            ("1500us", 1_500_000, "1.5ms"),
            ("10ns", 10, "10ns"),
            ("-5s", -5_000_000_000, "-5s"),
            ("+5s", 5_000_000_000, "5s"),
        ] {
            assert_eq!(parse(text), Ok(nanoseconds), "{text}");
            assert_eq!(display(nanoseconds), printed, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "-", "5", "s", "5 s", "1d", "1m 5s", ".s", "5S", "9999999h", "1m5"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
