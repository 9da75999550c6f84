//! The order of keys in printed mappings (yaml.v3, `sorter.go`): numbers inside keys by their value, letters
//! after everything else.

use std::cmp::Ordering;

/// Compares two keys.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(x, y)| x != y) else { return a.len().cmp(&b.len()) };
    let after_digit = at > 0 && is_digit(a[at - 1]);
    match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
        (true, true) => return a[at].cmp(&b[at]),
        // A number goes on in one of them: the shorter number comes first.
        (true, false) => return if after_digit { Ordering::Less } else { Ordering::Greater },
        (false, true) => return if after_digit { Ordering::Greater } else { Ordering::Less },
        (false, false) => {}
    }
    // Leading zeros count only inside a number.
    let zero = a[at] == '0' || b[at] == '0';
    let inside = a[..at].iter().rev().take_while(|&&c| is_digit(c)).any(|&c| c != '0');
    let start = i64::from(zero && inside);
    let (x, x_end) = number(&a, at, start);
    let (y, y_end) = number(&b, at, start);
    x.cmp(&y).then(x_end.cmp(&y_end)).then(a[at].cmp(&b[at]))
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn number(text: &[char], from: usize, start: i64) -> (i64, usize) {
    let mut value = start;
    let mut at = from;
    while let Some(digit) = text.get(at).and_then(|c| c.to_digit(10)) {
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        at += 1;
    }
    (value, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_natural_order() {
        let sorted = ["1", "10", "a-1", "a1", "a2", "a10", "a10b", "aa", "ab", "b"];
        let mut keys = sorted;
        keys.reverse();
        keys.sort_by(|a, b| compare(a, b));
        assert_eq!(keys, sorted);
    }
}
