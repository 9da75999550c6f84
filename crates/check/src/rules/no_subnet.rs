//! A network whose addresses the file does not fix.

use diagnostics::Severity;

use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "no-subnet",
    level: Severity::Note,
    summary: "a network has no subnet, so nothing can be checked against clashes",
    what: "Swarm takes the next free subnet of its address pool, `10.0.0.0/8` unless the swarm was set up with another. It \
           does not know the networks around the nodes: an overlay that gets the addresses of an office network or a VPN \
           hides them from the containers. Nothing in the file shows it.",
    instead: "Write `ipam.config` with a `subnet` that is free where the nodes are, or set the swarm's pool \
              (`docker swarm init --default-addr-pool`) and silence this rule.",
    example: Example {
        wrong: &["\
services:
  api:
    image: registry.example/app:1.4
    networks: [back]
networks:
  back: {}
"],
        right: &["\
services:
  api:
    image: registry.example/app:1.4
    networks: [back]
networks:
  back: { ipam: { config: [{ subnet: 10.20.4.0/24 }] } }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let owned = context.stack.networks.iter().filter(|(_, network)| !network.external.external);
    let without = owned.filter(|(_, network)| {
        network.ipam.config.iter().all(|pool| pool.subnet.as_ref().is_none_or(|subnet| subnet.is_empty()))
    });
    let draft = |name: &str, place| {
        let message = format!("the network `{name}` has no subnet: nothing can be checked against clashes");
        let help = "write `ipam.config` with a `subnet` that is free where the nodes are";
        Draft::at(place, message, help).no_fix("which subnet is free is for a person to say")
    };
    without.map(|(name, network)| draft(name, &network.place)).collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::places;

    #[test]
    fn networks_of_the_stack_need_a_subnet() {
        let with = |network: &str| format!("services: {{ a: {{ image: x }} }}\nnetworks:\n  n: {network}\n");
        assert_eq!(places(&RULE, &with("{}")), ["3:3 n"]);
        assert_eq!(places(&RULE, &with("{ ipam: { config: [{ subnet: \"${UNSET}\" }] } }")), ["3:3 n"]);
        assert!(places(&RULE, &with("{ external: true }")).is_empty());
        assert!(places(&RULE, &with("{ ipam: { config: [{ subnet: 10.0.0.0/24 }] } }")).is_empty());
    }
}
