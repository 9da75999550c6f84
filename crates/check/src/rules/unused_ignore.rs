//! A comment that silences nothing. What it finds comes from the reader of comments.

use diagnostics::{Place, Severity};

use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "unused-ignore",
    level: Severity::Note,
    summary: "a `# tidegate: ignore` comment silences nothing",
    what: "The rule finds nothing where the comment stands: the cause is gone, or the comment is in the wrong place. It speaks \
           of its own line and the next one, or, at the head of a service's block, of the whole service.",
    instead: "Remove the comment, or move it to the line of the finding.",
    example: Example {
        wrong: &[
            "services:\n  api:\n    image: registry.example/app:1.4 # tidegate: ignore unpinned-image\n",
        ],
        right: &["services:\n  api:\n    image: registry.example/app # tidegate: ignore unpinned-image\n"],
    },
    check: |_| Vec::new(),
};

/// The finding for a rule's name.
pub(crate) fn draft(place: &Place, name: &str) -> Draft {
    let message = format!("this comment silences nothing: {name} finds nothing here");
    Draft::at(place, message, "remove it, or move it to the line of the finding")
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[test]
    fn it_is_found_only_where_nothing_is_silenced() {
        let names = |text: &str| -> Vec<&str> {
            let checked = crate::check(&testing::inputs(&[text]), &testing::options())
                .unwrap_or_else(|e| panic!("{e:?}"));
            checked.findings.iter().map(|finding| finding.rule.name).collect()
        };
        assert!(names(super::RULE.example.wrong[0]).contains(&"unused-ignore"));
        assert!(!names(super::RULE.example.right[0]).contains(&"unused-ignore"));
    }
}
