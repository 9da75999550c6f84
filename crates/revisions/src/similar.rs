//! "Did you mean": names that look like a mistyped one.

/// At most three of the names that differ from `wanted` by a slip or two, or that share its beginning; best first.
pub(crate) fn similar<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let longest_slip = (wanted.chars().count() / 4).clamp(1, 3);
    let mut found: Vec<(usize, &str)> = names
        .filter(|name| *name != wanted)
        .filter_map(|name| {
            let distance = distance(wanted, name);
            let shares_beginning =
                wanted.len() >= 4 && (name.starts_with(wanted) || wanted.starts_with(name));
            (distance <= longest_slip || shares_beginning).then_some((distance, name))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// `did you mean 'a', 'b' or 'c'?`, if there is anything to suggest.
pub(crate) fn did_you_mean(similar: &[String]) -> Option<String> {
    let quoted: Vec<String> = similar.iter().map(|name| format!("'{name}'")).collect();
    match quoted.as_slice() {
        [] => None,
        [only] => Some(format!("did you mean {only}?")),
        [first @ .., last] => Some(format!("did you mean {} or {last}?", first.join(", "))),
    }
}

/// Edits (insert, delete, replace, swap neighbours) from one text to the other; stops counting far apart ones early.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    if left.len().abs_diff(right.len()) > 3 {
        return usize::MAX;
    }
    let mut before = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut line = vec![row + 1; right.len() + 1];
        for (column, to) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(from != to);
            line[column + 1] = replaced.min(last[column + 1] + 1).min(line[column] + 1);
            if row > 0 && column > 0 && *from == right[column - 1] && left[row - 1] == *to {
                line[column + 1] = line[column + 1].min(before[column - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, line);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, similar};

    #[test]
    fn slips_and_cut_off_ids_are_recognised_and_strangers_are_not() {
        let names = ["a1b2c3d4e5f6", "ffffffffffff", "a1b2c3d4e5f7"];
        assert_eq!(similar("a1b2c3d4e5f6x", names.into_iter()), ["a1b2c3d4e5f6", "a1b2c3d4e5f7"]);
        assert_eq!(similar("1ab2c3d4e5f6", names.into_iter()), ["a1b2c3d4e5f6", "a1b2c3d4e5f7"]);
        assert_eq!(similar("ffff", names.into_iter()), ["ffffffffffff"]);
        assert!(similar("012345678901", names.into_iter()).is_empty());
    }

    #[test]
    fn suggestions_read_as_a_question() {
        assert_eq!(did_you_mean(&[]), None);
        let names = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(did_you_mean(&names[..1]).as_deref(), Some("did you mean 'a'?"));
        assert_eq!(did_you_mean(&names).as_deref(), Some("did you mean 'a', 'b' or 'c'?"));
    }
}
