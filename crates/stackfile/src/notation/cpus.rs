//! Shares of CPUs: a decimal or a fraction, exact to a billionth.

/// What to write, for the help of an error.
pub(crate) const HELP: &str = "write a number of CPUs with at most nine decimals, like `\"0.5\"`";

/// Billionths of a CPU. Reads what Go's `big.Rat` reads in base 10: `0.5`, `1/2`, `5e-1`.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no number of CPUs");
    let (numerator, denominator) = match text.split_once('/') {
        Some((numerator, denominator)) => {
            let denominator: i128 = unsigned(denominator).ok_or_else(wrong)?;
            let (sign, digits) = split_sign(numerator);
            (sign * unsigned(digits).ok_or_else(wrong)?, denominator)
        }
        None => decimal(text).ok_or_else(wrong)?,
    };
    if denominator == 0 {
        return Err(wrong());
    }
    let scaled = numerator.checked_mul(1_000_000_000).ok_or_else(wrong)?;
    if scaled % denominator != 0 {
        return Err(format!("`{text}` CPUs is finer than a billionth of a CPU"));
    }
    i64::try_from(scaled / denominator).map_err(|_| wrong())
}

fn decimal(text: &str) -> Option<(i128, i128)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 18)?),
        None => (text, 0),
    };
    let (sign, mantissa) = split_sign(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() && !mantissa.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let numerator = if digits.is_empty() { 0 } else { unsigned(&digits)? };
    let power = i32::try_from(fraction.len()).ok().filter(|&length| length <= 18)? - exponent;
    let scale = 10_i128.checked_pow(power.unsigned_abs())?;
    let numerator = sign * numerator;
    if power < 0 { Some((numerator.checked_mul(scale)?, 1)) } else { Some((numerator, scale)) }
}

fn split_sign(text: &str) -> (i128, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn unsigned(text: &str) -> Option<i128> {
    let digits = !text.is_empty() && text.len() <= 24 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus() {
        for (text, nano) in [
            ("1", 1_000_000_000),
            ("0.25", 250_000_000),
            (".5", 500_000_000),
            ("0.001", 1_000_000),
            ("1/4", 250_000_000),
            ("5e-1", 500_000_000),
            ("2.000", 2_000_000_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(nano), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "abc", "1.", "0.0000000001", "1/3", "1/0", ".", "1,5", "e5"] {
            let refused = parse(text).is_err();
            // `1.` is a number for Go as well.
            assert_eq!(refused, text != "1.", "{text}");
        }
    }
}
