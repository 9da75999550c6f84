//! Two texts as a unified diff. Knows nothing of stack files.

/// Larger comparisons are not made: all old lines are removed, all new ones added.
const MOST: usize = 4_000_000;
/// Lines shown around a change.
const CONTEXT: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Removed,
    Added,
}

/// The difference of two texts under one name; empty if there is none.
pub(crate) fn unified(name: &str, before: &str, after: &str) -> String {
    let lines = compare(&split(before), &split(after));
    let mut out = String::new();
    let mut at = 0;
    while let Some(first) = lines[at..].iter().position(|line| line.0 != Kind::Same).map(|found| at + found) {
        if out.is_empty() {
            out.push_str(&format!("--- {name}\n+++ {name}\n"));
        }
        let start = first.saturating_sub(CONTEXT).max(at);
        let end = hunk_end(&lines, first);
        out.push_str(&hunk(&lines, start, end));
        at = end;
    }
    out
}

fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The end of a hunk: changes that are near each other share one.
fn hunk_end(lines: &[(Kind, &str)], first: usize) -> usize {
    let mut last = first;
    for (index, (kind, _)) in lines.iter().enumerate().skip(first) {
        if *kind != Kind::Same {
            last = index;
        } else if index - last > 2 * CONTEXT {
            break;
        }
    }
    (last + 1 + CONTEXT).min(lines.len())
}

fn hunk(lines: &[(Kind, &str)], start: usize, end: usize) -> String {
    let count = |lines: &[(Kind, &str)], without: Kind| lines.iter().filter(|line| line.0 != without).count();
    let (before, part) = (&lines[..start], &lines[start..end]);
    let range = |without: Kind| {
        let length = count(part, without);
        // A side without lines is named by the line before it.
        (count(before, without) + usize::from(length > 0), length)
    };
    let ((old, old_length), (new, new_length)) = (range(Kind::Added), range(Kind::Removed));
    let mut out = format!("@@ -{old},{old_length} +{new},{new_length} @@\n");
    for (kind, line) in part {
        out.push(match kind {
            Kind::Same => ' ',
            Kind::Removed => '-',
            Kind::Added => '+',
        });
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
    out
}

/// Both texts as one sequence: common ends are cut off, the rest is aligned by its longest common subsequence.
fn compare<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<(Kind, &'a str)> {
    let prefix = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (old, new) = (&before[prefix..], &after[prefix..]);
    let suffix = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - suffix], &new[..new.len() - suffix]);
    let same = |line: &&'a str| (Kind::Same, *line);
    let mut out: Vec<_> = before[..prefix].iter().map(same).collect();
    out.extend(align(old, new));
    out.extend(before[before.len() - suffix..].iter().map(same));
    out
}

fn align<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Kind, &'a str)> {
    if old.len().saturating_mul(new.len()) > MOST {
        let removed = old.iter().map(|line| (Kind::Removed, *line));
        return removed.chain(new.iter().map(|line| (Kind::Added, *line))).collect();
    }
    let width = new.len() + 1;
    let mut length = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            length[i * width + j] = if old[i] == new[j] {
                length[(i + 1) * width + j + 1] + 1
            } else {
                length[(i + 1) * width + j].max(length[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            out.push((Kind::Same, old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && length[(i + 1) * width + j] >= length[i * width + j + 1])
        {
            out.push((Kind::Removed, old[i]));
            i += 1;
        } else {
            out.push((Kind::Added, new[j]));
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_with_what_is_around_them() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n13\nmore";
        insta::assert_snapshot!(unified("a.yml", before, after));
    }

    #[test]
    fn equal_texts_have_no_difference_and_an_empty_one_is_all_new() {
        assert_eq!(unified("a", "x\n", "x\n"), "");
        assert_eq!(unified("a", "", "x\n"), "--- a\n+++ a\n@@ -0,0 +1,1 @@\n+x\n");
    }
}
