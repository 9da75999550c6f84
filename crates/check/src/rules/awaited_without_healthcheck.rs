//! A service that others wait for, and that nothing says is ready.

use diagnostics::Severity;
use stackfile::Condition;
use stackfile::model::Service;

use crate::context::{Context, has_healthcheck, is_job};
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "awaited-without-healthcheck",
    level: Severity::Warning,
    summary: "others wait for a service that has no healthcheck",
    what: "Waiting for a service means waiting until its tasks run, and with a healthcheck a task runs only when it is \
           healthy. Without one it runs as soon as its process has started: a database that initialises its volume is \
           waited for no longer than an instant, and whoever waits meets a closed port.",
    instead: "Give the service a `healthcheck`; for PostgreSQL one that asks over TCP (`pg_isready -h 127.0.0.1`), because \
              while a volume is initialised the server answers on its socket only. If the image brings one, say so with \
              a `# tidegate: ignore` comment.",
    example: Example {
        wrong: &["\
services:
  postgres:
    image: registry.example/postgis:15
  api:
    image: registry.example/app:1.4
    depends_on: [postgres]
"],
        right: &["\
services:
  postgres:
    image: registry.example/postgis:15
    healthcheck: { test: [CMD, pg_isready, -h, 127.0.0.1] }
  api:
    image: registry.example/app:1.4
    depends_on: [postgres]
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let services = context.services().filter(|service| !is_job(service) && !has_healthcheck(service));
    services
        .filter(|service| context.runs_once(service).is_none())
        .filter_map(|service| draft(service, context))
        .collect()
}

fn draft(service: &Service, context: &Context<'_>) -> Option<Draft> {
    let waiting = context.waiting_for(service);
    let (_, entry) = waiting.first()?;
    let names: Vec<String> = waiting.iter().map(|(other, _)| format!("`{}`", other.name)).collect();
    let verb = if names.len() == 1 { "waits" } else { "wait" };
    let wanted = match entry.condition {
        Condition::ServiceHealthy => "be healthy",
        _ => "run",
    };
    let message = format!(
        "{} {verb} for `{}` to {wanted}, which has no healthcheck: it counts as soon as its process starts",
        names.join(", "),
        service.name
    );
    let draft =
        Draft::at(&service.place, message, "add a `healthcheck` that passes when the service answers")
            .of(service);
    let draft = draft.related(&entry.place, "waited for here");
    Some(draft.no_fix("what shows that the service answers is for a person to say"))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{drafts, places};

    #[test]
    fn the_service_is_pointed_to_once() {
        let text = "services:\n  a: { image: x, depends_on: [d] }\n  b: { image: x, depends_on: [d] }\n  d:\n    image: y\n";
        assert_eq!(places(&RULE, text), ["4:3 d"]);
        assert!(drafts(&RULE, &[text])[0].message.starts_with("`a`, `b` wait for `d` to run"));
    }

    #[test]
    fn healthchecks_and_services_that_run_once_are_right() {
        for text in [
            "services:\n  a: { image: x, depends_on: [d] }\n  d: { image: y, healthcheck: { test: ok } }\n",
            "services:\n  a: { image: x, depends_on: { d: { condition: service_completed_successfully } } }\n  d: { image: y }\n",
            "services:\n  a: { image: x, depends_on: [nobody] }\n  d: { image: y }\n",
        ] {
            assert!(places(&RULE, text).is_empty(), "{text}");
        }
    }
}
