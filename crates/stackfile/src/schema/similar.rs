//! "Did you mean ...?"

/// The candidate that a person most likely meant: the nearest one, if at most a third of the word differs.
pub fn similar<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1);
    let (distance, best) = candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= most).then_some(best)
}

/// How many characters to insert, remove, replace or swap with their neighbour, in lower case; `-` is `_`.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> { text.to_lowercase().replace('-', "_").chars().take(64).collect() };
    let (a, b) = (fold(a), fold(b));
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (previous[j] + usize::from(x != y)).min(previous[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keys = ["image", "volumes", "environment", "depends_on"];
        for (word, wanted) in [
            ("imgae", Some("image")),
            ("enviroment", Some("environment")),
            ("depends-on", Some("depends_on")),
            ("Volumes", Some("volumes")),
            ("frobnicate", None),
        ] {
            assert_eq!(similar(word, keys), wanted, "{word}");
        }
    }
}
