//! A new task that gets requests before it can answer them.

use diagnostics::Severity;
use stackfile::model::Service;

use crate::context::{Context, has_healthcheck, is_job, is_off, start_first};
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "start-first-without-healthcheck",
    level: Severity::Warning,
    summary: "with start-first and no healthcheck the old task is stopped before the new one can answer",
    what: "Without a healthcheck a task counts as running when its process has started. With `order: start-first` Swarm \
           then stops the old task, and requests fail until the new one is up. Measured with an application that starts \
           in 5 s, at 50 requests a second: 244 to 248 failed requests and an outage of 5 s at every deploy; with a \
           healthcheck none.",
    instead: "Give the service a `healthcheck` that passes when it answers. If the image brings one (`HEALTHCHECK` in its \
              Dockerfile), say so with a `# tidegate: ignore` comment.",
    example: Example {
        wrong: &["\
services:
  api:
    image: registry.example/app:1.4
    deploy:
      update_config: { order: start-first }
"],
        right: &["\
services:
  api:
    image: registry.example/app:1.4
    healthcheck:
      test: [CMD, curl, -f, http://localhost:8000/healthz]
    deploy:
      update_config: { order: start-first }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let services =
        context.services().filter(|service| !is_job(service) && context.runs_once(service).is_none());
    services.filter_map(draft).collect()
}

fn draft(service: &Service) -> Option<Draft> {
    let place = start_first(service).filter(|_| !has_healthcheck(service))?;
    let name = &service.name;
    let message = format!(
        "`{name}` is updated start-first and has no healthcheck: requests fail while the new task starts"
    );
    let mut draft =
        Draft::at(place, message, "add a `healthcheck` that passes when the service answers").of(service);
    if let Some(off) = service.healthcheck.as_ref().filter(|check| is_off(check)) {
        draft = draft.related(&off.place, "the healthcheck is switched off here");
    }
    Some(draft.no_fix("what shows that the service answers is for a person to say"))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::places;

    #[test]
    fn start_first_needs_a_healthcheck() {
        let text = |more: &str| {
            format!(
                "services:\n  a:\n    image: x\n{more}    deploy:\n      update_config:\n        order: start-first\n"
            )
        };
        assert_eq!(places(&RULE, &text("")), ["6:16 start-first"]);
        assert_eq!(places(&RULE, &text("    healthcheck: { disable: true }\n")), ["7:16 start-first"]);
        assert_eq!(places(&RULE, &text("    healthcheck: { test: [NONE] }\n")), ["7:16 start-first"]);
        assert!(places(&RULE, &text("    healthcheck: { test: curl localhost }\n")).is_empty());
        assert!(places(&RULE, "services:\n  a: { image: x }\n").is_empty());
    }
}
