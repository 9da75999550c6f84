//! All rules: one rule, one file, with its explanation and its tests.

mod awaited_without_healthcheck;
mod host_port_start_first;
mod ignored_depends_on;
mod limit_below_reservation;
mod migrate_in_parallel;
mod no_subnet;
mod no_update_config;
mod not_deployable;
mod one_shot_restarts;
mod one_shot_rollback;
mod port_clash;
mod secret_in_environment;
mod shared_volume_start_first;
mod stack_file_warning;
mod start_first_without_healthcheck;
mod stock_merge_loss;
mod subnet_clash;
pub(crate) mod unknown_ignore;
mod unpinned_image;
pub(crate) mod unused_ignore;

use crate::rule::Rule;

/// In the order of the page of rules: what breaks a deploy first.
static RULES: &[&Rule] = &[
    &not_deployable::RULE,
    &one_shot_rollback::RULE,
    &one_shot_restarts::RULE,
    &migrate_in_parallel::RULE,
    &start_first_without_healthcheck::RULE,
    &host_port_start_first::RULE,
    &shared_volume_start_first::RULE,
    &no_update_config::RULE,
    &awaited_without_healthcheck::RULE,
    &ignored_depends_on::RULE,
    &port_clash::RULE,
    &subnet_clash::RULE,
    &no_subnet::RULE,
    &secret_in_environment::RULE,
    &unpinned_image::RULE,
    &limit_below_reservation::RULE,
    &stock_merge_loss::RULE,
    &stack_file_warning::RULE,
    &unknown_ignore::RULE,
    &unused_ignore::RULE,
];

/// All rules.
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// The rule of a name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    rules().iter().copied().find(|rule| rule.name == name)
}

/// The rule's name that a person most likely meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    stackfile::similar(name, rules().iter().map(|rule| rule.name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing;

    #[test]
    fn every_example_shows_its_rule() {
        for rule in rules() {
            let names = |texts: &[&str]| -> Vec<&str> {
                let checked = crate::check(&testing::inputs(texts), &testing::options());
                let checked = checked.unwrap_or_else(|errors| panic!("{}: {errors:?}", rule.name));
                checked.findings.iter().map(|finding| finding.rule.name).collect()
            };
            assert!(
                names(rule.example.wrong).contains(&rule.name),
                "{} finds nothing in its example",
                rule.name
            );
            assert!(
                !names(rule.example.right).contains(&rule.name),
                "{} finds its good example bad",
                rule.name
            );
        }
    }

    #[test]
    fn names_are_unique_and_near_ones_are_found() {
        let names: BTreeSet<&str> = rules().iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), rules().len());
        assert_eq!(nearest("no-update-confg"), Some("no-update-config"));
        assert_eq!(nearest("frobnicate"), None);
    }
}
