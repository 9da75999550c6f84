//! Making every fix that can be proven, one after the other. Writes no file.

use std::collections::BTreeSet;

use diagnostics::{Diagnostic, Source};
use stackfile::{Input, Options};

use crate::checker::{Checked, finding, report};
use crate::diff::unified;
use crate::finding::{Finding, FixState};
use crate::mask::Masks;
use crate::proof::State;

/// No file needs more rounds; each one removes a finding.
const MOST_ROUNDS: usize = 1_000;

/// Files with every fix made.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// The files; those without a finding that can be fixed are as they were.
    pub inputs: Vec<Input>,
    /// The findings that are gone.
    pub applied: Vec<Finding>,
    /// What is left.
    pub left: Checked,
    /// What the fixes change, as a unified diff in which secrets are masked; empty if there is nothing to fix.
    pub diff: String,
}

/// Makes every fix that can be proven, each against what the ones before it have left. Writes nothing.
pub fn fix(inputs: &[Input], options: &Options) -> Result<Fixed, Vec<Diagnostic>> {
    let mut state = State::load(inputs.to_vec(), options)?;
    let mut old = Masks::of(state.stack());
    let mut applied = Vec::new();
    let mut refused = BTreeSet::new();
    // Whether all that is refused was tried on the files as they are now: one fix may make way for another.
    let mut certain = true;
    while applied.len() < MOST_ROUNDS {
        if let Some((finding, next)) = next(&state, &mut refused) {
            applied.push(finding);
            state = next;
            certain = false;
        } else if certain {
            break;
        } else {
            refused.clear();
            certain = true;
        }
    }
    let left = report(&state);
    let mut new = Masks::of(state.stack());
    let source = |input: &Input| Source::new(&input.name, &input.text);
    let changed = inputs.iter().zip(&state.inputs).filter(|(before, after)| before.text != after.text);
    let diff = changed
        .map(|(before, after)| unified(&before.name, &old.text(&source(before)), &new.text(&source(after))))
        .collect();
    Ok(Fixed { inputs: state.inputs, applied, left, diff })
}

/// The first finding that can be fixed, and the files with the fix; `refused` are those that are known not to be.
fn next(state: &State, refused: &mut BTreeSet<(&'static str, String)>) -> Option<(Finding, State)> {
    for (rule, draft) in &state.found {
        if refused.contains(&(rule.name, draft.message.clone())) {
            continue;
        }
        match state.prove(rule, draft) {
            Ok((fix, next)) => {
                let mut masks = Masks::of(state.stack());
                return Some((finding(rule, draft, FixState::Offered(fix), &mut masks), next));
            }
            Err(_) => refused.insert((rule.name, draft.message.clone())),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const ONE_SHOT: &str = "    image: x:1\n    deploy:\n      restart_policy: { condition: none }\n";

    fn fixed(texts: &[&str]) -> Fixed {
        fix(&testing::inputs(texts), &testing::options()).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn refusal(texts: &[&str], rule: &str) -> String {
        let left = fixed(texts).left.findings;
        let finding = left.iter().find(|finding| finding.rule.name == rule);
        match finding.map(|finding| &finding.fix) {
            Some(FixState::Refused(reason)) => reason.clone(),
            other => panic!("{rule}: {other:?}"),
        }
    }

    #[test]
    fn fixes_follow_each_other_until_nothing_can_be_fixed() {
        let text =
            format!("services:\n  migrate: # comment\n{ONE_SHOT}  api:\n    image: y:1\n    # the end\n");
        let fixed = fixed(&[&text]);
        insta::assert_snapshot!(fixed.inputs[0].text);
        let names: Vec<&str> = fixed.applied.iter().map(|finding| finding.rule.name).collect();
        assert_eq!(names, ["one-shot-rollback", "no-update-config"]);
        assert!(fixed.left.findings.iter().all(|finding| matches!(finding.fix, FixState::Refused(_))));
    }

    #[test]
    fn a_finding_that_cannot_be_fixed_does_not_hide_one_that_can() {
        let text = "services:\n  m:\n    image: x:1\n    command: alembic upgrade head\n    deploy:\n      replicas: 2\n      \
                    restart_policy: { condition: none }\n      update_config:\n        order: start-first\n        \
                    failure_action: continue\n";
        let fixed = fixed(&[text]);
        assert!(fixed.inputs[0].text.contains("order: stop-first"), "{}", fixed.inputs[0].text);
    }

    #[test]
    fn a_fix_that_would_reach_another_service_is_refused() {
        let text = format!("services:\n  migrate: &m\n{ONE_SHOT}  other:\n    <<: *m\n");
        assert!(refusal(&[&text], "one-shot-rollback").contains("anchors"));
    }

    #[test]
    fn a_fix_that_would_lose_merged_keys_is_refused() {
        let text = "x-d: &d { update_config: { delay: 5s, failure_action: rollback } }\nservices:\n  m:\n    image: \
                    x:1\n    deploy:\n      <<: *d\n      restart_policy: { condition: none }\n";
        assert!(refusal(&[text], "one-shot-rollback").contains("outside of the service"));
        let text = text.replace(", failure_action: rollback", "");
        assert!(refusal(&[&text], "one-shot-rollback").contains("lose other keys"));
    }

    #[test]
    fn a_later_file_that_overrides_the_edit_is_seen() {
        let base =
            "services:\n  m:\n    image: x:1\n    deploy:\n      restart_policy: { condition: none }\n";
        let over = "services:\n  m:\n    deploy: { update_config: { failure_action: rollback } }\n";
        assert!(refusal(&[base, over], "one-shot-rollback").contains("outside of the service"));
    }

    #[test]
    fn old_versions_without_order_get_no_order() {
        let text = "version: \"3.1\"\nservices:\n  api:\n    image: x:1\n";
        assert!(refusal(&[text], "no-update-config").contains("would not load"));
    }
}
