//! A service that runs once, and an update that takes its normal exit for a failure.

use diagnostics::Severity;
use stackfile::model::Service;

use crate::context::{Context, config, is_job};
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "one-shot-rollback",
    level: Severity::Error,
    summary: "an update of a one-shot service is rolled back or paused when the service ends normally",
    what: "Swarm's updater counts every task that ends within the monitor period as failed, exit code 0 included. \
           With `failure_action: rollback` it puts the old image back and **runs the old migrations again**, \
           measured about 23 s later with `monitor: 60s`. With `pause`, which is the default, a success ends as \
           \"update paused\". `tidegate deploy` runs a gate outside of the updater; `docker stack deploy` does not.",
    instead: "Give the service `failure_action: continue`. Whether the migration succeeded is for its exit code and \
              the database to say, not for the updater.",
    example: Example {
        wrong: &["\
services:
  migrate:
    image: registry.example/app:1.4
    command: [alembic, upgrade, head]
    deploy:
      restart_policy: { condition: none }
      update_config: { failure_action: rollback, monitor: 60s }
"],
        right: &["\
services:
  migrate:
    image: registry.example/app:1.4
    command: [alembic, upgrade, head]
    deploy:
      restart_policy: { condition: none }
      update_config: { failure_action: continue, order: stop-first }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let services = context.services().filter(|service| !is_job(service));
    services.filter_map(|service| Some(draft(service, &context.runs_once(service)?)?.of(service))).collect()
}

fn draft(service: &Service, why: &str) -> Option<Draft> {
    let name = &service.name;
    let action = config(service).and_then(|config| config.failure_action.as_ref());
    let place = action.map(|action| &action.place).or(config(service).map(|config| &config.place));
    let place = place.unwrap_or(&service.place);
    let written = action.map_or("pause", |action| action.value.as_str());
    let default = if action.is_none() { ", the default," } else { "" };
    let (severity, effect) = match written {
        "rollback" => (Severity::Error, "runs its old image again when it ends normally"),
        "pause" | "" => (Severity::Warning, "pauses the update when it ends normally"),
        _ => return None,
    };
    let message = format!("`{name}` runs once, and `failure_action: {written}`{default} {effect}");
    let draft = Draft::at(place, message, "write `failure_action: continue`").severity(severity);
    Some(draft.label(format!("it runs once: {why}")).update_config(if config(service).is_some() {
        &[("failure_action", "continue")]
    } else {
        &[("parallelism", "1"), ("order", "stop-first"), ("failure_action", "continue")]
    }))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{drafts, places};

    #[test]
    fn the_value_the_block_or_the_service_is_pointed_to() {
        let with = |config: &str| {
            format!(
                "services:\n  m:\n    image: x\n    deploy:\n      restart_policy: {{ condition: none }}\n{config}"
            )
        };
        for (config, wanted) in [
            ("      update_config:\n        failure_action: rollback\n", "7:25 rollback"),
            ("      update_config:\n        failure_action: pause\n", "7:25 pause"),
            ("      update_config:\n        order: stop-first\n", "6:7 update_config"),
            ("", "2:3 m"),
        ] {
            assert_eq!(places(&RULE, &with(config)), [wanted]);
        }
        assert!(places(&RULE, &with("      update_config: { failure_action: continue }\n")).is_empty());
        assert!(places(&RULE, &with("      mode: replicated-job\n")).is_empty());
    }

    #[test]
    fn a_service_is_known_to_run_once_by_more_than_its_restart_policy() {
        for text in [
            "x-tidegate: { gate: { service: m } }\nservices:\n  m: { image: x }\n",
            "services:\n  m: { image: x, deploy: { labels: { tidegate.gate: \"true\" } } }\n",
            "services:\n  m: { image: x }\n  a: { image: x, depends_on: { m: { condition: service_completed_successfully } }, deploy: {} }\n",
            "services:\n  m: { image: x, command: flask db upgrade, deploy: { restart_policy: { condition: on-failure } } }\n",
        ] {
            assert_eq!(drafts(&RULE, &[text]).len(), 1, "{text}");
        }
        let serving =
            "services:\n  web: { image: x, deploy: { restart_policy: { condition: on-failure } } }\n";
        assert!(drafts(&RULE, &[serving]).is_empty());
    }
}
