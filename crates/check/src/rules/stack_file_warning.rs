//! What reading the files already found.

use diagnostics::{Diagnostic, Severity};

use super::stock_merge_loss;
use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "stack-file-warning",
    level: Severity::Warning,
    summary: "something in the files is ignored, deprecated or not set",
    what: "The warnings that every command prints when it reads the files: a key that Swarm cannot honour (`build`, \
           `links`, `container_name` ...), a variable that is not set and becomes an empty string, a form that is \
           deprecated.",
    instead: "As each warning says. Variables that only CI sets are best required: `${RELEASE:?}`.",
    example: Example {
        wrong: &["services:\n  api:\n    image: registry.example/app:1.4\n    container_name: api\n"],
        right: &["services:\n  api:\n    image: registry.example/app:1.4\n"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let warnings = context.warnings.iter().copied();
    let others = warnings.filter(|warning| warning.code != stock_merge_loss::CODE);
    others.filter_map(draft).collect()
}

/// A warning of the loader; all of those have a place.
pub(super) fn draft(warning: &Diagnostic) -> Option<Draft> {
    let help = warning.help.clone().unwrap_or_else(|| "write it in a way that is honoured".into());
    let mut draft = Draft::at(warning.place.as_ref()?, &warning.message, help);
    draft.label.clone_from(&warning.label);
    draft.related.clone_from(&warning.related);
    Some(draft)
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{drafts, places};

    #[test]
    fn warnings_of_the_loader_are_findings() {
        assert_eq!(places(&RULE, RULE.example.wrong[0]), ["4:5 container_name"]);
        assert_eq!(places(&RULE, "services:\n  a:\n    image: x:${TAG}\n"), ["3:14 ${TAG}"]);
        assert!(drafts(&RULE, super::stock_merge_loss::RULE.example.wrong).is_empty());
    }
}
