//! What the stock client loses when it merges several files.

use diagnostics::Severity;

use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "stock-merge-loss",
    level: Severity::Warning,
    summary: "of several files `docker stack deploy` loses or doubles something",
    what: "Where several files are given, the stock client lets no `false`, `0s` or empty value override an earlier one, \
           knows ports by their published number only (`53/udp` replaces `53/tcp`), drops logging options where the \
           earlier file has none, and appends one healthcheck's test to the other's. `tidegate deploy` keeps what the files \
           say; the two then deploy different things.",
    instead: "Say it in one file only. To replace an earlier value, `!override` and `!reset` work with `tidegate`.",
    example: Example {
        wrong: &[
            "services:\n  dns:\n    image: registry.example/dns:2\n    read_only: true\n",
            "services:\n  dns:\n    read_only: false\n",
        ],
        right: &[
            "services:\n  dns:\n    image: registry.example/dns:2\n    read_only: false\n",
            "services:\n  dns:\n    init: true\n",
        ],
    },
    check,
};

/// The code of the loader's warnings about merging.
pub(super) const CODE: &str = "stack-file/merge";

fn check(context: &Context<'_>) -> Vec<Draft> {
    let losses = context.warnings.iter().filter(|warning| warning.code == CODE);
    losses
        .filter_map(|warning| {
            let mut draft = super::stack_file_warning::draft(warning)?;
            draft.help = warning.help.clone().unwrap_or_else(|| "say it in one file only".into());
            Some(draft.no_fix("which of the files is right is for a person to say"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::drafts;

    #[test]
    fn the_later_value_is_pointed_to_with_the_earlier_one() {
        let found = drafts(&RULE, RULE.example.wrong);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place.to_string(), "b.yml:3:16");
        assert_eq!(found[0].related[0].0.to_string(), "a.yml:4:16");
        assert!(drafts(&RULE, &["services:\n  a:\n    image: x\n"]).is_empty());
    }
}
