//! A migration that runs beside itself.

use diagnostics::Severity;
use stackfile::model::Service;

use crate::context::{Context, config, is_job, migration, start_first};
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "migrate-in-parallel",
    level: Severity::Error,
    summary: "a migration can run twice at the same time",
    what: "Two migrations on one database get in each other's way: measured, from an empty or a pending database one of \
           two runners died in 10 of 10 trials, and `CREATE EXTENSION IF NOT EXISTS` failed in 20 of 20 with a unique \
           violation. They run at the same time with more than one replica, with `parallelism` other than 1, and with \
           `order: start-first`, where the old release's task may still run.",
    instead: "One replica, `parallelism: 1`, `order: stop-first`. `tidegate migrate` also takes a lock in the database.",
    example: Example {
        wrong: &["\
services:
  migrate:
    image: registry.example/app:1.4
    command: [alembic, upgrade, head]
    deploy:
      restart_policy: { condition: none }
      update_config: { parallelism: 0, order: start-first, failure_action: continue }
"],
        right: &["\
services:
  migrate:
    image: registry.example/app:1.4
    command: [alembic, upgrade, head]
    deploy:
      restart_policy: { condition: none }
      update_config: { parallelism: 1, order: stop-first, failure_action: continue }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let mut out = Vec::new();
    for service in context.services() {
        let Some(why) = migration(service) else { continue };
        if !is_job(service) {
            out.extend(update(service, &why));
        }
        out.extend(replicas(service, &why));
    }
    out
}

/// What the update does.
fn update(service: &Service, why: &str) -> Vec<Draft> {
    let name = &service.name;
    let mut out = Vec::new();
    let found = |place, message: String, help: &str| Draft::at(place, message, help).of(service).label(why);
    if let Some(place) = start_first(service) {
        let message = format!("`{name}` migrates, and with `order: start-first` the old one may still run");
        out.push(
            found(place, message, "write `order: stop-first`").update_config(&[("order", "stop-first")]),
        );
    }
    let parallelism = config(service).and_then(|config| config.parallelism.as_ref());
    if let Some(parallelism) = parallelism.filter(|parallelism| parallelism.value != 1) {
        let message =
            format!("`{name}` migrates, and {} of its tasks are updated at once", all_or(parallelism.value));
        let draft = found(&parallelism.place, message, "write `parallelism: 1`");
        out.push(draft.update_config(&[("parallelism", "1")]));
    }
    out
}

fn all_or(parallelism: u64) -> String {
    if parallelism == 0 { "all".into() } else { parallelism.to_string() }
}

/// How many there are.
fn replicas(service: &Service, why: &str) -> Option<Draft> {
    let deploy = &service.deploy;
    let many = deploy.replicas.as_ref().filter(|replicas| replicas.value > 1).map(|replicas| &replicas.place);
    let global = deploy.mode.as_ref().filter(|mode| mode.starts_with("global")).map(|mode| &mode.place);
    let message = format!("`{}` migrates, and several of it start at once", service.name);
    let draft =
        Draft::at(many.or(global)?, message, "write `mode: replicated` and `replicas: 1`").of(service);
    Some(draft.label(why).no_fix("changing the number of tasks changes more than the update"))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::places;

    fn with(deploy: &str) -> String {
        format!("services:\n  m:\n    image: x\n    command: alembic upgrade head\n    deploy:\n{deploy}")
    }

    #[test]
    fn every_way_to_run_twice_is_found() {
        for (deploy, wanted) in [
            ("      update_config:\n        order: start-first\n", "7:16 start-first"),
            ("      update_config:\n        parallelism: 0\n", "7:22 0"),
            ("      update_config:\n        parallelism: 2\n", "7:22 2"),
            ("      replicas: 2\n", "6:17 2"),
            ("      mode: global\n", "6:13 global"),
        ] {
            assert_eq!(places(&RULE, &with(deploy)), [wanted]);
        }
    }

    #[test]
    fn one_at_a_time_is_right_as_are_the_defaults() {
        assert!(places(&RULE, &with("      replicas: 1\n")).is_empty());
        assert!(
            places(&RULE, &with("      update_config: { parallelism: 1, order: stop-first }\n")).is_empty()
        );
        assert!(places(&RULE, "services:\n  a: { image: x, deploy: { replicas: 3 } }\n").is_empty());
    }
}
