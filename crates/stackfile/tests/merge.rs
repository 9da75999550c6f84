//! What holds for any two files that are merged.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use stackfile::{Input, Options, Stack};

fn load(files: &[Value]) -> Stack {
    let inputs: Vec<Input> = files.iter().map(|file| Input::stdin(file.to_string())).collect();
    match stackfile::load(&inputs, &Options { working_dir: "/stack".into(), ..Options::default() }) {
        Ok(loaded) => loaded.stack,
        Err(errors) => panic!("{errors:?}"),
    }
}

fn with(service: &Value) -> Value {
    let mut service = service.clone();
    service["image"] = "app:1".into();
    json!({"services": {"app": service}})
}

type Texts = BTreeMap<String, String>;

fn texts() -> impl Strategy<Value = Texts> {
    prop::collection::btree_map("[A-D]", "[a-z]{0,3}", 0..4)
}

/// A published port, its target and its protocol; 0 is not published.
type Port = (u16, u16, &'static str);

fn ports() -> impl Strategy<Value = BTreeSet<Port>> {
    let port = (prop_oneof![Just(0_u16), 50..53_u16], 80..82_u16, prop_oneof![Just("tcp"), Just("udp")]);
    prop::collection::btree_set(port, 0..5).prop_map(|ports| {
        // One file does not publish a port twice.
        let mut taken = BTreeSet::new();
        ports.into_iter().filter(|port| taken.insert(identity(port))).collect()
    })
}

fn identity((published, target, protocol): &Port) -> (u16, u16, &'static str) {
    (*published, if *published == 0 { *target } else { 0 }, protocol)
}

fn wanted_identities(base: &BTreeSet<Port>, over: &BTreeSet<Port>) -> BTreeSet<Port> {
    base.iter().chain(over).map(identity).collect()
}

fn port_list(ports: &BTreeSet<Port>) -> Value {
    let text = |(published, target, protocol): &Port| match published {
        0 => format!("{target}/{protocol}"),
        _ => format!("{published}:{target}/{protocol}"),
    };
    ports.iter().map(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// A later value wins, an earlier one stays where there is no later one; empty values are values.
    #[test]
    fn environment_and_labels_are_united(base in texts(), over in texts()) {
        let mut wanted = base.clone();
        wanted.extend(over.clone());
        let stack = load(&[
            with(&json!({"environment": base, "labels": base})),
            with(&json!({"environment": over, "labels": over})),
        ]);
        let app = &stack.services["app"];
        let environment: Texts = app
            .environment
            .iter()
            .map(|(key, value)| (key.clone(), value.value.clone().unwrap_or_default()))
            .collect();
        let labels: Texts = app.labels.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect();
        prop_assert_eq!(&environment, &wanted);
        prop_assert_eq!(&labels, &wanted);
    }

    /// No port is lost, unless a later one has the same published port and protocol.
    #[test]
    fn ports_are_united(base in ports(), over in ports()) {
        let replaced: BTreeSet<_> = over.iter().map(identity).collect();
        let mut wanted = over.clone();
        wanted.extend(base.iter().filter(|port| !replaced.contains(&identity(port))));
        let stack = load(&[with(&json!({"ports": port_list(&base)})), with(&json!({"ports": port_list(&over)}))]);
        let ports = &stack.services["app"].ports;
        let got: BTreeSet<_> = ports
            .iter()
            .map(|port| (port.published, port.target, port.protocol.clone()))
            .collect();
        let wanted: BTreeSet<_> = wanted
            .into_iter()
            .map(|(published, target, protocol)| (u32::from(published), u32::from(target), protocol.to_owned()))
            .collect();
        prop_assert_eq!(got, wanted);
        let identities: BTreeSet<_> = wanted_identities(&base, &over);
        prop_assert_eq!(ports.len(), identities.len(), "a port is there twice");
    }

    /// A file that says nothing changes nothing.
    #[test]
    fn an_empty_file_changes_nothing(environment in texts(), ports in ports(), replicas in 0..3_u8) {
        let base = with(&json!({
            "environment": environment,
            "ports": port_list(&ports),
            "deploy": {"replicas": replicas},
        }));
        let alone = load(std::slice::from_ref(&base));
        for nothing in [json!({"services": {}}), json!({"services": {"app": {}}})] {
            let merged = load(&[base.clone(), nothing]);
            let sorted = |stack: &Stack| {
                let mut json = stackfile::config_json(stack);
                if let Some(ports) = json.pointer_mut("/services/app/ports").and_then(Value::as_array_mut) {
                    ports.sort_by_key(ToString::to_string);
                }
                json
            };
            prop_assert_eq!(sorted(&alone), sorted(&merged));
        }
    }

    /// Merging three files is merging the third into the first two.
    #[test]
    fn later_files_win(values in prop::collection::vec("[a-z]{0,3}", 1..4)) {
        let files: Vec<Value> = values.iter().map(|value| with(&json!({"user": value}))).collect();
        let stack = load(&files);
        let user = stack.services["app"].user.as_ref().map(|user| user.value.clone());
        prop_assert_eq!(user.as_ref(), values.last());
    }
}
