//! `# tidegate: ignore RULE[, RULE]`: on the line of a finding, on the line above, or at the head of a service's
//! block for the whole service. A name that no rule has, and a comment that silences nothing, are findings too.

use std::ops::Range;
use std::sync::LazyLock;

use diagnostics::Source;
use regex::Regex;
use stackfile::{Input, Stack};

use crate::rule::{Draft, Rule};
use crate::rules::{self, unknown_ignore, unused_ignore};

static COMMENT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:^|\s)#\s*tidegate:\s*ignore\b[ \t]*([^\r\n]*)").ok());

/// The comments of the files.
pub(crate) struct Ignores {
    comments: Vec<Comment>,
    /// Whether services are left out: their comments have nothing to silence.
    incomplete: bool,
}

/// One name in a comment.
struct Comment {
    source: Source,
    name: String,
    range: Range<usize>,
    /// The lines, counted from 0, whose findings it silences.
    lines: Range<usize>,
    /// The service that it silences as a whole.
    service: Option<String>,
    used: bool,
}

impl Ignores {
    pub(crate) fn read(inputs: &[Input], stack: &Stack) -> Self {
        let mut comments = Vec::new();
        for input in inputs {
            let source = Source::new(&input.name, &input.text);
            read(&source, stack, &mut comments);
        }
        Self { comments, incomplete: !stack.disabled.is_empty() }
    }

    /// Whether a comment silences a finding.
    pub(crate) fn silence(&mut self, rule: &Rule, draft: &Draft) -> bool {
        let line = draft.place.line() - 1;
        let mut silenced = false;
        for comment in self.comments.iter_mut().filter(|comment| comment.name == rule.name) {
            let here = comment.source == *draft.place.source() && comment.lines.contains(&line);
            let service = comment.service.is_some() && comment.service == draft.service;
            if here || service {
                comment.used = true;
                silenced = true;
            }
        }
        silenced
    }

    /// What is wrong with the comments themselves.
    pub(crate) fn findings(&self) -> Vec<(&'static Rule, Draft)> {
        let mut out = Vec::new();
        for comment in &self.comments {
            let place = comment.source.place(comment.range.clone());
            if rules::rule(&comment.name).is_none() {
                out.push((&unknown_ignore::RULE, unknown_ignore::draft(&place, &comment.name)));
            } else if !comment.used && !self.incomplete {
                out.push((&unused_ignore::RULE, unused_ignore::draft(&place, &comment.name)));
            }
        }
        out
    }
}

fn read(source: &Source, stack: &Stack, comments: &mut Vec<Comment>) {
    let lines: Vec<&str> = source.text().split_inclusive('\n').collect();
    let mut start = 0;
    for (number, line) in lines.iter().enumerate() {
        if let Some(list) = COMMENT.as_ref().and_then(|comment| comment.captures(line)?.get(1)) {
            let service = service_of(source, stack, &lines, number);
            for (name, range) in names(list.as_str()) {
                comments.push(Comment {
                    source: source.clone(),
                    name,
                    range: start + list.start() + range.start..start + list.start() + range.end,
                    lines: silenced(&lines, number),
                    service: service.clone(),
                    used: false,
                });
            }
        }
        start += line.len();
    }
}

/// The names of a list, with their places in it. What is in brackets or behind a dash is for people.
fn names(list: &str) -> Vec<(String, Range<usize>)> {
    let end = [" (", " -", " #"].iter().filter_map(|mark| list.find(mark)).min().unwrap_or(list.len());
    let list = list.get(..end).unwrap_or_default().trim_end();
    if list.is_empty() {
        // No name at all silences nothing; the place is where one is missing.
        return vec![(String::new(), 0..0)];
    }
    let mut out = Vec::new();
    let mut at = 0;
    for word in list.split([',', ' ', '\t']) {
        if !word.is_empty() {
            out.push((word.to_owned(), at..at + word.len()));
        }
        at += word.len() + 1;
    }
    out
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The lines that a comment speaks of: its own, and below a comment without anything before it the next one that is
/// no comment.
fn silenced(lines: &[&str], number: usize) -> Range<usize> {
    let mut end = number;
    while lines.get(end).is_some_and(|line| is_comment(line)) {
        end += 1;
    }
    number..end + 1
}

/// The service whose block a comment is at the head of: at its key, directly above or directly below it.
fn service_of(source: &Source, stack: &Stack, lines: &[&str], number: usize) -> Option<String> {
    let own = stack.services.values().filter(|service| service.place.source() == source);
    let mut found = own.filter(|service| {
        let key = service.place.line() - 1;
        let between = if number < key { number..key } else { key + 1..number + 1 };
        number == key || lines.get(between).is_some_and(|between| between.iter().all(|line| is_comment(line)))
    });
    found.next().map(|service| service.name.clone())
}

#[cfg(test)]
mod tests {
    use crate::testing;

    /// The names of the rules that find something, silenced ones left out.
    fn found(text: &str) -> Vec<&'static str> {
        let checked = crate::check(&testing::inputs(&[text]), &testing::options());
        let checked = checked.unwrap_or_else(|errors| panic!("{errors:?}"));
        let rules = checked.findings.iter().map(|finding| finding.rule.name);
        rules.filter(|name| !matches!(*name, "no-update-config" | "no-subnet")).collect()
    }

    #[test]
    fn a_comment_silences_its_line_the_next_one_or_a_service() {
        for text in [
            "services:\n  a:\n    image: x # tidegate: ignore unpinned-image\n",
            "services:\n  a:\n    # tidegate: ignore unpinned-image (CI sets it)\n    # why\n    image: x\n",
            "services:\n  # tidegate: ignore unpinned-image, no-subnet\n  a:\n    init: true\n    image: x\n",
            "services:\n  a: # tidegate: ignore unpinned-image\n    init: true\n    image: x\n",
            "services:\n  a:\n    # tidegate: ignore unpinned-image\n    init: true\n    image: x\n",
        ] {
            let left: Vec<&str> = found(text).into_iter().filter(|name| *name != "unused-ignore").collect();
            assert!(left.is_empty(), "{text}{left:?}");
        }
    }

    #[test]
    fn it_silences_nothing_else() {
        let text = "services:\n  a:\n    init: true # tidegate: ignore unpinned-image\n    image: x\n";
        assert_eq!(found(text), ["unused-ignore", "unpinned-image"]);
        let text = "services:\n  a:\n    image: x\n  # tidegate: ignore unpinned-image\n  b:\n    image: x\n";
        assert_eq!(found(text), ["unpinned-image"]);
    }

    #[test]
    fn names_that_no_rule_has_are_findings() {
        let text = "services:\n  a:\n    image: x:1 # tidegate: ignore unpined-image\n";
        assert_eq!(found(text), ["unknown-ignore"]);
        assert_eq!(found("# tidegate: ignore\nservices:\n  a:\n    image: x:1\n"), ["unknown-ignore"]);
    }
}
