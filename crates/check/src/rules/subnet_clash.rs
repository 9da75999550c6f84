//! Two networks with the same addresses, and subnets that are none.

use std::net::IpAddr;

use diagnostics::{Place, Severity};

use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "subnet-clash",
    level: Severity::Error,
    summary: "two networks have overlapping subnets",
    what: "Two networks cannot have the same addresses on one node. The engine creates both, and a task that wants the \
           second one is refused with \"Pool overlaps with other one on this address space\", again and again. A subnet \
           that is not one (`10.0.0/24`) is refused at once.",
    instead: "Give each network a subnet of its own. Those of other stacks and of the nodes' own networks count too; a \
              file cannot know them.",
    example: Example {
        wrong: &["\
services:
  api:
    image: registry.example/app:1.4
    networks: [front, back]
networks:
  front: { ipam: { config: [{ subnet: 10.20.0.0/16 }] } }
  back: { ipam: { config: [{ subnet: 10.20.4.0/24 }] } }
"],
        right: &["\
services:
  api:
    image: registry.example/app:1.4
    networks: [front, back]
networks:
  front: { ipam: { config: [{ subnet: 10.20.0.0/24 }] } }
  back: { ipam: { config: [{ subnet: 10.20.4.0/24 }] } }
"],
    },
    check,
};

/// A range of addresses: the version of the protocol, the first and the last one.
type Addresses = (u8, u128, u128);

fn check(context: &Context<'_>) -> Vec<Draft> {
    let mut seen: Vec<(Addresses, &str, &str, &Place)> = Vec::new();
    let mut out = Vec::new();
    for (name, network) in context.stack.networks.iter().filter(|(_, network)| !network.external.external) {
        for subnet in network
            .ipam
            .config
            .iter()
            .filter_map(|pool| pool.subnet.as_ref())
            .filter(|subnet| !subnet.is_empty())
        {
            let Some(addresses) = parse(subnet) else {
                let message = format!("`{}` of the network `{name}` is no subnet", subnet.value);
                out.push(Draft::at(
                    &subnet.place,
                    message,
                    "write an address and a prefix, like `10.20.0.0/24`",
                ));
                continue;
            };
            let clash = seen.iter().find(|(other, ..)| {
                other.0 == addresses.0 && other.1 <= addresses.2 && addresses.1 <= other.2
            });
            if let Some((_, other, text, place)) = clash {
                let message = format!(
                    "the subnet {} of the network `{name}` overlaps {text} of `{other}`",
                    subnet.value
                );
                let draft = Draft::at(&subnet.place, message, "give each network a subnet of its own");
                out.push(draft.related(place, "the other one"));
            }
            seen.push((addresses, name, &subnet.value, &subnet.place));
        }
    }
    out
}

fn parse(text: &str) -> Option<Addresses> {
    let (address, prefix) = text.split_once('/')?;
    let (version, bits, address) = match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => (4, 32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (6, 128, u128::from(address)),
    };
    let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= bits)?;
    let host = match bits - prefix {
        128 => u128::MAX,
        free => (1_u128 << free) - 1,
    };
    Some((version, address & !host, address | host))
}

#[cfg(test)]
mod tests {
    use super::{RULE, parse};
    use crate::testing::places;

    #[test]
    fn overlaps_are_pointed_to() {
        let with = |second: &str| {
            format!(
                "services: {{ a: {{ image: x }} }}\nnetworks:\n  a: {{ ipam: {{ config: [{{ subnet: 10.0.0.0/16 }}] }} }}\n  b:\n    ipam:\n      config:\n        - subnet: {second}\n"
            )
        };
        assert_eq!(places(&RULE, &with("10.0.9.0/24")), ["7:19 10.0.9.0/24"]);
        assert_eq!(places(&RULE, &with("0.0.0.0/0")), ["7:19 0.0.0.0/0"]);
        assert_eq!(places(&RULE, &with("10.0/24")), ["7:19 10.0/24"]);
        for other in ["10.1.0.0/16", "fd00::/64"] {
            assert!(places(&RULE, &with(other)).is_empty(), "{other}");
        }
    }

    #[test]
    fn subnets_are_read() {
        assert_eq!(parse("10.0.0.5/30"), Some((4, 0x0a00_0004, 0x0a00_0007)));
        assert_eq!(parse("::/0"), Some((6, 0, u128::MAX)));
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
