//! One port of the swarm for two services.

use std::collections::BTreeMap;

use diagnostics::Severity;
use stackfile::model::{Port, Service};

use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "port-clash",
    level: Severity::Error,
    summary: "two services publish the same port",
    what: "A port that is published through the ingress network belongs to one service on all nodes. The engine refuses the \
           second service, which says that the port is in use, in the middle of the deploy: the services before it are \
           updated, those behind it are not.",
    instead: "Publish another port for one of them, or put a proxy in front of both.",
    example: Example {
        wrong: &["\
services:
  api:
    image: registry.example/app:1.4
    ports: [\"8000:8000\"]
  admin:
    image: registry.example/admin:2
    ports: [\"8000:80\"]
"],
        right: &["\
services:
  api:
    image: registry.example/app:1.4
    ports: [\"8000:8000\"]
  admin:
    image: registry.example/admin:2
    ports: [\"8001:80\"]
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let mut first: BTreeMap<(u32, String), (&Service, &Port)> = BTreeMap::new();
    let mut out = Vec::new();
    for service in context.services() {
        for port in service.ports.iter().filter(|port| port.published != 0 && port.mode != "host") {
            let protocol = if port.protocol.is_empty() { "tcp" } else { &port.protocol }.to_lowercase();
            let (owner, there) = *first.entry((port.published, protocol.clone())).or_insert((service, port));
            if owner.name != service.name {
                let message = format!(
                    "`{}` and `{}` both publish port {}/{protocol}: the engine refuses the second",
                    owner.name, service.name, port.published
                );
                let draft =
                    Draft::at(&port.place, message, "publish another port for one of them").of(service);
                out.push(draft.related(&there.place, "published here as well"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::places;

    #[test]
    fn the_second_port_is_pointed_to() {
        let with = |port: &str| {
            format!(
                "services:\n  a: {{ image: x, ports: [\"80:1\"] }}\n  b:\n    image: x\n    ports:\n      - {port}\n"
            )
        };
        assert_eq!(places(&RULE, &with("\"80:2\"")), ["6:9 \"80:2\""]);
        for port in ["\"81:1\"", "\"80:1/udp\"", "\"80\"", "{ target: 1, published: 80, mode: host }"] {
            assert!(places(&RULE, &with(port)).is_empty(), "{port}");
        }
    }
}
