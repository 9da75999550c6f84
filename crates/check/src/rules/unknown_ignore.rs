//! A comment that names no rule. What it finds comes from the reader of comments.

use diagnostics::{Place, Severity};

use crate::rule::{Draft, Example, Rule};
use crate::rules::nearest;

pub(crate) static RULE: Rule = Rule {
    name: "unknown-ignore",
    level: Severity::Warning,
    summary: "a `# tidegate: ignore` comment names a rule that does not exist",
    what: "The comment silences nothing: its rule's name is misspelt, or missing. It cannot be silenced itself.",
    instead: "Write the rule's name as a finding shows it. `tidegate check --list` has all of them.",
    example: Example {
        wrong: &["services:\n  api:\n    image: registry.example/app # tidegate: ignore unpined-image\n"],
        right: &["services:\n  api:\n    image: registry.example/app # tidegate: ignore unpinned-image\n"],
    },
    check: |_| Vec::new(),
};

/// The finding for a name; an empty one is missing.
pub(crate) fn draft(place: &Place, name: &str) -> Draft {
    let message = match name {
        "" => "this comment names no rule to ignore".into(),
        _ => format!("there is no rule `{name}` to ignore"),
    };
    let help = match nearest(name).filter(|_| !name.is_empty()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write `# tidegate: ignore RULE`; `tidegate check --list` has the names".into(),
    };
    Draft::at(place, message, help)
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;

    use super::draft;

    #[test]
    fn the_nearest_name_is_offered() {
        let place = Source::new("a.yml", "x").place(0..1);
        assert_eq!(draft(&place, "unpined-image").help, "did you mean `unpinned-image`?");
        assert!(draft(&place, "").message.contains("names no rule"));
        assert!(draft(&place, "frobnicate").help.contains("--list"));
    }
}
