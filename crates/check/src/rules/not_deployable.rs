//! What every deploy would refuse, though the files load.

use diagnostics::Severity;

use super::stack_file_warning;
use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "not-deployable",
    level: Severity::Error,
    summary: "the files load, and yet no requests can be made of them",
    what: "A service has no image, a network or a secret is used and not defined, a file that a secret or config names \
           is not there. Both `tidegate deploy` and `docker stack deploy` refuse such files. Where a secret's file is \
           only there when the deploy runs, silence this rule; fixes are not offered then, because nothing can be \
           compared.",
    instead: "As each finding says.",
    example: Example {
        wrong: &["services:\n  api:\n    command: [serve]\n"],
        right: &["services:\n  api:\n    image: registry.example/app:1.4\n    command: [serve]\n"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    context.refusals.iter().filter_map(stack_file_warning::draft).collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::places;

    #[test]
    fn the_place_of_the_refusal_is_pointed_to() {
        assert_eq!(places(&RULE, RULE.example.wrong[0]), ["2:3 api"]);
        let text = "services:\n  api:\n    image: x\n    networks: [nowhere]\n";
        assert_eq!(places(&RULE, text), ["4:16 nowhere"]);
    }
}
