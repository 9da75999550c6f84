//! A new task that waits for a port which the old one holds.

use diagnostics::Severity;
use stackfile::model::{Port, Service};

use crate::context::{Context, is_job, start_first};
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "host-port-start-first",
    level: Severity::Error,
    summary: "with start-first the new task cannot have the host's port that the old one holds",
    what: "A port with `mode: host` is the node's own, and only one task of the node can have it. With \
           `order: start-first` the new task is to start before the old one stops; on one node, or where every node has \
           a task, it finds no place (\"host-mode port already in use\"), and the update waits for ever: Swarm has no \
           limit for it.",
    instead: "Write `order: stop-first`, or publish the port through the ingress network (`mode: ingress`). Several nodes \
              with room for one more task also do; then the finding is a warning.",
    example: Example {
        wrong: &["\
services:
  proxy:
    image: registry.example/proxy:2
    healthcheck: { test: [CMD, check] }
    ports: [{ target: 80, published: 80, mode: host }]
    deploy:
      mode: global
      update_config: { order: start-first }
"],
        right: &["\
services:
  proxy:
    image: registry.example/proxy:2
    healthcheck: { test: [CMD, check] }
    ports: [{ target: 80, published: 80, mode: host }]
    deploy:
      mode: global
      update_config: { order: stop-first }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    context.services().filter(|service| !is_job(service)).filter_map(draft).collect()
}

fn draft(service: &Service) -> Option<Draft> {
    let place = start_first(service)?;
    let port = service.ports.iter().find(|port| is_host(port))?;
    let name = &service.name;
    let message = format!(
        "`{name}` is updated start-first and holds port {} of its node: the new task finds no free port there",
        port.published
    );
    let severity = if is_tied_to_nodes(service) { Severity::Error } else { Severity::Warning };
    let draft =
        Draft::at(place, message, "write `order: stop-first`, or publish the port with `mode: ingress`");
    let draft = draft.of(service).severity(severity).related(&port.place, "the port");
    Some(draft.update_config(&[("order", "stop-first")]))
}

fn is_host(port: &Port) -> bool {
    port.mode == "host" && port.published != 0
}

/// Whether the new task can only go where the old one is.
fn is_tied_to_nodes(service: &Service) -> bool {
    let deploy = &service.deploy;
    let named = |constraint: &str| {
        let text = constraint.replace(' ', "");
        text.starts_with("node.hostname==") || text.starts_with("node.id==")
    };
    deploy.mode.as_ref().is_some_and(|mode| mode.value == "global")
        || deploy.placement.constraints.iter().any(|constraint| named(constraint))
}

#[cfg(test)]
mod tests {
    use diagnostics::Severity;

    use super::RULE;
    use crate::testing::{drafts, places};

    fn with(mode: &str, deploy: &str) -> String {
        format!(
            "services:\n  a:\n    image: x\n    ports:\n      - {{ target: 80, published: 80, mode: {mode} }}\n    deploy:\n{deploy}      update_config:\n        order: start-first\n"
        )
    }

    #[test]
    fn a_host_port_and_start_first_do_not_go_together() {
        assert_eq!(places(&RULE, &with("host", "")), ["8:16 start-first"]);
        assert!(places(&RULE, &with("ingress", "")).is_empty());
        assert!(places(&RULE, &with("host", "").replace("start-first", "stop-first")).is_empty());
    }

    #[test]
    fn it_is_an_error_where_the_task_has_no_other_node() {
        let severity = |deploy: &str| drafts(&RULE, &[&with("host", deploy)])[0].severity;
        assert_eq!(severity(""), Some(Severity::Warning));
        assert_eq!(severity("      mode: global\n"), Some(Severity::Error));
        assert_eq!(
            severity("      placement: { constraints: [\"node.hostname == a\"] }\n"),
            Some(Severity::Error)
        );
    }
}
