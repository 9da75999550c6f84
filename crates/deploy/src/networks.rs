//! Networks as they are recorded and made again: the body that a creation takes, from what the engine says of a network; in
//! what one differs from what is wanted; and specs whose networks have other ids than they had. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Network, at};
use serde_json::{Map, Value, json};

use crate::release::{Release, Specs};
use crate::spec;

pub(crate) const NAMESPACE_LABEL: &str = "com.docker.stack.namespace";
/// What the engine itself chooses anew for each network, like its id.
const CHOSEN_BY_ENGINE: &str = "com.docker.network.driver.overlay.vxlanid_list";

/// Networks by their ids: the body that makes each of them again, or only `Name` for one that is not the stack's own.
pub(crate) type Networks = BTreeMap<String, Value>;

/// The body that makes a network again as it is, its addresses included.
pub(crate) fn body_of(network: &Network) -> Value {
    let mut body = Map::new();
    for field in
        ["Name", "Driver", "EnableIPv4", "EnableIPv6", "IPAM", "Internal", "Attachable", "Options", "Labels"]
    {
        if let Some(value) = network.raw.get(field).filter(|value| !value.is_null()) {
            body.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(options) = body.get_mut("Options").and_then(Value::as_object_mut) {
        options.remove(CHOSEN_BY_ENGINE);
    }
    body.insert("Scope".to_owned(), json!("swarm"));
    Value::Object(body)
}

/// A body's name.
pub(crate) fn name(body: &Value) -> &str {
    body.get("Name").and_then(Value::as_str).unwrap_or_default()
}

/// Whether a network is a stack's own, by its body.
pub(crate) fn is_of(stack: &str, body: &Value) -> bool {
    spec::label(body, NAMESPACE_LABEL) == Some(stack)
}

/// In what a network that is there differs from what is wanted, in words. What the wanted body leaves to the engine is not
/// compared: an address that the engine chose cannot be told from one that an earlier file gave.
pub(crate) fn differences(wanted: &Value, there: &Value) -> Vec<String> {
    let mut different = Vec::new();
    let mut compare = |what: &str, wanted: &str, there: &str| {
        if wanted != there {
            different.push(format!("{what} is {there}, not {wanted}"));
        }
    };
    let text = |body: &Value, pointer: &str| {
        at(body, pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    for (what, pointer, usual) in
        [("its driver", "/Driver", "overlay"), ("its IPAM driver", "/IPAM/Driver", "default")]
    {
        let or_usual = |value: String| if value.is_empty() { usual.to_owned() } else { value };
        compare(what, &or_usual(text(wanted, pointer)), &or_usual(text(there, pointer)));
    }
    for field in ["Internal", "Attachable", "EnableIPv4", "EnableIPv6"] {
        let flag = |body: &Value| body.get(field).and_then(Value::as_bool);
        let usual = field == "EnableIPv4";
        if let Some(wanted) = flag(wanted) {
            compare(&format!("`{field}`"), &wanted.to_string(), &flag(there).unwrap_or(usual).to_string());
        }
    }
    different.extend(pools(wanted, there));
    for (what, field) in [("driver options", "Options"), ("labels", "Labels")] {
        let of = |body: &Value| {
            let mut map = body.get(field).and_then(Value::as_object).cloned().unwrap_or_default();
            map.remove(CHOSEN_BY_ENGINE);
            map
        };
        // Their values may be nobody's business.
        if of(wanted) != of(there) {
            different.push(format!("its {what} are others"));
        }
    }
    different
}

/// The address pools that are wanted and not there, or there and no longer wanted beside others.
fn pools(wanted: &Value, there: &Value) -> Vec<String> {
    const FIELDS: [&str; 4] = ["Subnet", "IPRange", "Gateway", "AuxiliaryAddresses"];
    let list = |body: &Value| at(body, "/IPAM/Config").and_then(Value::as_array).cloned().unwrap_or_default();
    let (wanted, there) = (list(wanted), list(there));
    let has = |pool: &Value, found: &Value| {
        FIELDS.iter().all(|field| match pool.get(field).filter(|value| !value.is_null()) {
            Some(value) => found.get(field) == Some(value),
            None => true,
        })
    };
    let covered = wanted.iter().all(|pool| there.iter().any(|found| has(pool, found)));
    if wanted.is_empty() || covered && wanted.len() == there.len() {
        return Vec::new();
    }
    let shown = |pools: &[Value]| {
        let pools = pools.iter().map(|pool| {
            let values = FIELDS.iter().filter_map(|field| pool.get(field)?.as_str()).collect::<Vec<_>>();
            values.join(" ")
        });
        pools.collect::<Vec<_>>().join(", ")
    };
    vec![format!("its addresses are {}, not {}", shown(&there), shown(&wanted))]
}

/// The networks that a spec's tasks join, by id or name.
pub(crate) fn targets(spec: &Value) -> impl Iterator<Item = &str> {
    let list = at(spec, "/TaskTemplate/Networks").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|network| network.get("Target")?.as_str())
}

/// Puts other ids in the place of those for which there is one.
pub(crate) fn translate<'a>(spec: &mut Value, other: impl Fn(&str) -> Option<&'a str>) {
    let list = spec.pointer_mut("/TaskTemplate/Networks").and_then(Value::as_array_mut);
    for network in list.into_iter().flatten() {
        let found = network.get("Target").and_then(Value::as_str).and_then(&other);
        if let Some(id) = found {
            network["Target"] = json!(id);
        }
    }
}

/// The names of networks that the records know by ids.
pub(crate) fn names(releases: &[Release]) -> BTreeMap<String, String> {
    let recorded = releases.iter().flat_map(|release| {
        let outcome = release.outcome.iter().flat_map(|outcome| &outcome.networks);
        release.intent.networks.iter().chain(outcome)
    });
    recorded.map(|(id, body)| (id.clone(), name(body).to_owned())).collect()
}

/// Brings the specs in records up to date: where a network has been made anew under its name since, they refer to the one
/// that is there. `there` maps the names of the networks that are there to their ids.
pub(crate) fn bring_up_to_date(
    releases: &mut [Release],
    there: &BTreeMap<&str, &str>,
    ids: &dyn Fn(&str) -> bool,
) {
    let names = names(releases);
    let other = |id: &str| {
        let name = names.get(id).filter(|_| !ids(id))?;
        there.get(name.as_str()).copied()
    };
    let stale =
        |specs: &Specs| specs.values().flatten().any(|spec| targets(spec).any(|id| other(id).is_some()));
    let refresh = |specs: &mut Specs| {
        for spec in specs.values_mut().flatten() {
            if targets(spec).any(|id| other(id).is_some()) {
                translate(Arc::make_mut(spec), other);
            }
        }
    };
    for release in releases {
        // Records are shared with those who opened them before: only what changes is made anew.
        if stale(&release.intent.previous) {
            refresh(&mut Arc::make_mut(&mut release.intent).previous);
        }
        if let Some(outcome) = release.outcome.as_mut().filter(|outcome| stale(&outcome.specs)) {
            refresh(&mut Arc::make_mut(outcome).specs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(raw: Value) -> Network {
        serde_json::from_value(raw).unwrap()
    }

    /// As an engine shows it (20.10.24).
    fn shown() -> Value {
        json!({
            "Name": "shop_back", "Id": "n1", "Created": "2026-01-01T00:00:00Z", "Scope": "swarm", "Driver": "overlay",
            "EnableIPv6": false, "IPAM": { "Driver": "default", "Options": null,
                "Config": [{ "Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1" }] },
            "Internal": false, "Attachable": true, "Ingress": false, "ConfigFrom": { "Network": "" }, "ConfigOnly": false,
            "Containers": { "c": { "Name": "x" } },
            "Options": { "com.docker.network.driver.overlay.vxlanid_list": "4097", "encrypted": "" },
            "Labels": { "com.docker.stack.namespace": "shop" }, "Peers": [],
        })
    }

    #[test]
    fn a_network_is_made_again_with_its_addresses_and_without_what_the_engine_chooses() {
        let body = body_of(&network(shown()));
        let expected = json!({
            "Name": "shop_back", "Driver": "overlay", "EnableIPv6": false,
            "IPAM": { "Driver": "default", "Options": null,
                "Config": [{ "Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1" }] },
            "Internal": false, "Attachable": true, "Options": { "encrypted": "" },
            "Labels": { "com.docker.stack.namespace": "shop" }, "Scope": "swarm",
        });
        assert_eq!(body, expected);
        assert!(is_of("shop", &body) && !is_of("other", &body));
    }

    #[test]
    fn what_differs_is_said_and_what_is_left_to_the_engine_is_not() {
        let there = body_of(&network(shown()));
        let wanted = json!({
            "Name": "shop_back", "Driver": "overlay", "Scope": "", "IPAM": null, "Internal": false, "Attachable": true,
            "Options": { "encrypted": "" }, "Labels": { "com.docker.stack.namespace": "shop" },
        });
        assert!(differences(&wanted, &there).is_empty());
        let with = |field: &str, value: Value| {
            let mut wanted = wanted.clone();
            wanted[field] = value;
            differences(&wanted, &there)
        };
        let subnet = |subnet: &str| json!({ "Driver": "", "Config": [{ "Subnet": subnet }] });
        assert!(with("IPAM", subnet("10.1.0.0/24")).is_empty());
        assert_eq!(
            with("IPAM", subnet("10.2.0.0/24")),
            ["its addresses are 10.1.0.0/24 10.1.0.1, not 10.2.0.0/24"]
        );
        assert_eq!(with("Attachable", json!(false)), ["`Attachable` is true, not false"]);
        assert_eq!(with("EnableIPv6", json!(true)), ["`EnableIPv6` is false, not true"]);
        assert_eq!(with("Driver", json!("macvlan")), ["its driver is overlay, not macvlan"]);
        let secret = with("Options", json!({ "encrypted": "", "key": "canary" }));
        assert_eq!(secret, ["its driver options are others"]);
        assert_eq!(with("Labels", json!({})), ["its labels are others"]);
    }

    #[test]
    fn a_spec_gets_the_ids_that_are_there() {
        let mut spec = json!({ "TaskTemplate": { "Networks": [{ "Target": "old" }, { "Target": "kept" }] } });
        translate(&mut spec, |id| (id == "old").then_some("new"));
        assert_eq!(targets(&spec).collect::<Vec<_>>(), ["new", "kept"]);
    }
}
