//! An order that the stock client does not keep.

use diagnostics::Severity;
use stackfile::Condition;
use stackfile::model::Service;

use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "ignored-depends-on",
    level: Severity::Note,
    summary: "`docker stack deploy` ignores depends_on",
    what: "The stock client drops `depends_on` and updates services in a random order, so the application may be new before \
           its database is migrated; the form with conditions it refuses. `tidegate deploy` keeps to both: it takes its \
           waves and its gate from them.",
    instead: "Deploy with `tidegate deploy`. A file that also has to work with the stock client needs services that wait \
              themselves, and `depends_on` as a list.",
    example: Example {
        wrong: &["\
services:
  postgres:
    image: registry.example/postgis:15
    healthcheck: { test: [CMD, pg_isready, -h, 127.0.0.1] }
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
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    context.services().filter_map(draft).collect()
}

fn draft(service: &Service) -> Option<Draft> {
    let entries = &service.depends_on.as_ref()?.entries;
    let first = entries.first()?;
    let conditional = entries.iter().find(|entry| entry.condition != Condition::ServiceStarted);
    let names: Vec<String> = entries.iter().map(|entry| format!("`{}`", entry.service)).collect();
    let name = &service.name;
    let (place, message) = match conditional {
        Some(entry) => (
            &entry.place,
            format!(
                "`docker stack deploy` refuses `condition: {}` in the depends_on of `{name}`",
                entry.condition.as_str()
            ),
        ),
        None => (
            &first.place,
            format!("`docker stack deploy` ignores that `{name}` waits for {}", names.join(", ")),
        ),
    };
    let draft = Draft::at(place, message, "deploy with `tidegate deploy`, which keeps the order").of(service);
    Some(draft.no_fix("the file is right for `tidegate deploy`"))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{drafts, places};

    #[test]
    fn the_first_entry_or_the_condition_is_pointed_to() {
        let list = "services:\n  a:\n    image: x\n    depends_on:\n      - d\n      - e\n  d: { image: y }\n  e: { image: y }\n";
        assert_eq!(places(&RULE, list), ["5:9 d"]);
        let map = "services:\n  a:\n    image: x\n    depends_on:\n      d: { condition: service_healthy }\n  d: { image: y }\n";
        assert_eq!(places(&RULE, map), ["5:7 d"]);
        assert!(drafts(&RULE, &[map])[0].message.contains("refuses"));
        assert!(places(&RULE, "services:\n  a: { image: x, depends_on: [] }\n").is_empty());
    }
}
