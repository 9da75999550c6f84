//! A service that runs once and is started again for ever.

use diagnostics::Severity;
use stackfile::model::Service;

use crate::context::{Context, is_job, migration, restart_condition, restart_place, serves_too};
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "one-shot-restarts",
    level: Severity::Error,
    summary: "a one-shot service is started again each time it ends",
    what: "Swarm restarts every task that ends, exit code 0 included, unless the restart policy says otherwise: \
           `condition: any` is the default. A migration then runs again every few seconds, for as long as the stack is \
           there. `restart: \"no\"` does not help: the stock client sends no policy for it, and the default applies.",
    instead: "Write `deploy.restart_policy` with `condition: none`, or `on-failure` with `max_attempts`.",
    example: Example {
        wrong: &["\
services:
  migrate:
    image: registry.example/app:1.4
    command: [alembic, upgrade, head]
    restart: \"no\"
"],
        right: &["\
services:
  migrate:
    image: registry.example/app:1.4
    command: [alembic, upgrade, head]
    deploy:
      restart_policy: { condition: on-failure, max_attempts: 3 }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let services = context.services().filter(|service| !is_job(service));
    services.filter_map(|service| draft(service, context)).collect()
}

fn draft(service: &Service, context: &Context<'_>) -> Option<Draft> {
    if matches!(restart_condition(service), Some("none" | "on-failure")) || serves_too(service) {
        return None;
    }
    let why = context.runs_once(service).or_else(|| migration(service))?;
    let message =
        format!("`{}` is meant to run once, and Swarm starts it again each time it ends", service.name);
    let help = "write `deploy.restart_policy` with `condition: none`, or `on-failure` with `max_attempts`";
    let draft = Draft::at(restart_place(service), message, help).of(service);
    Some(
        draft
            .label(format!("it runs once: {why}"))
            .no_fix("how often it may be tried again is for a person to say"),
    )
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::places;

    #[test]
    fn the_condition_or_the_service_is_pointed_to() {
        for (text, wanted) in [
            ("services:\n  migrate:\n    image: x\n", "2:3 migrate"),
            (
                "services:\n  m:\n    image: x\n    command: tidegate migrate\n    restart: \"no\"\n",
                "5:14 \"no\"",
            ),
            (
                "services:\n  db-migrations:\n    image: x\n    deploy:\n      restart_policy:\n        condition: any\n",
                "6:20 any",
            ),
        ] {
            assert_eq!(places(&RULE, text), [wanted]);
        }
    }

    #[test]
    fn services_that_serve_are_left_alone() {
        for text in [
            "services:\n  api: { image: x }\n",
            "services:\n  api: { image: x, command: sh -c 'alembic upgrade head && gunicorn app' }\n",
            "services:\n  migrate: { image: x, deploy: { restart_policy: { condition: none } } }\n",
            "services:\n  migrate: { image: x, deploy: { mode: replicated-job } }\n",
        ] {
            assert!(places(&RULE, text).is_empty(), "{text}");
        }
    }
}
