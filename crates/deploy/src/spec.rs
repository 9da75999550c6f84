//! Service specs as raw JSON: canonical form, digest, "is the live spec the one I asked for", field-by-field diff.
//!
//! Pure. A spec is never turned into a typed model and back: a typed client model dropped the healthcheck on
//! inspect -> update (measured).

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Service label: the digest of the body that Tidegate asked for.
pub(crate) const SPEC_LABEL: &str = "tidegate.spec";
/// Service label: the release that last changed the service.
pub(crate) const RELEASE_LABEL: &str = "tidegate.release";
/// Service label: the key that seals the stack's release records (see `seal`).
pub(crate) const SEAL_LABEL: &str = "tidegate.seal";
/// Service label: `true` on a gate.
pub(crate) const GATE_LABEL: &str = "tidegate.gate";

/// Labels that Tidegate writes on services; they say how a spec came about and are not part of what it asks for.
pub(crate) const OWN_LABELS: [&str; 4] = [SPEC_LABEL, RELEASE_LABEL, SEAL_LABEL, GATE_LABEL];

/// Two specs that mean the same have the same canonical form: keys sorted, absent and empty the same.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .iter()
                .map(|(key, value)| (key.clone(), canonical(value)))
                .filter(|(key, value)| !says_nothing(key, value))
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// The canonical form as text, without making it: `canonical(value).to_string()`.
pub(crate) fn canonical_text(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &|_| false, &mut text);
    text
}

/// Writes the canonical form of a value, without the labels of its own that are left out.
fn write_canonical(value: &Value, left_out: &dyn Fn(&str) -> bool, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .iter()
                .filter(|(key, value)| {
                    !(says_nothing(key, value) || *key == "Labels" && all_left_out(value, left_out))
                })
                .collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write_text(key, text);
                text.push(':');
                match value {
                    Value::Object(labels) if key == "Labels" => {
                        let kept = labels.iter().filter(|(label, _)| !left_out(label));
                        let kept: Map<String, Value> =
                            kept.map(|(key, value)| (key.clone(), value.clone())).collect();
                        write_canonical(&Value::Object(kept), &|_| false, text);
                    }
                    value => write_canonical(value, &|_| false, text),
                }
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write_canonical(item, &|_| false, text);
            }
            text.push(']');
        }
        Value::String(words) => write_text(words, text),
        other => {
            // Writing to a String cannot fail.
            let _ = write!(text, "{other}");
        }
    }
}

fn all_left_out(labels: &Value, left_out: &dyn Fn(&str) -> bool) -> bool {
    let said = |(label, value): (&String, &Value)| !is_void(value) && !left_out(label);
    labels.as_object().is_some_and(|labels| !labels.iter().any(said))
}

fn write_text(words: &str, text: &mut String) {
    if words.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f)) {
        // With its escapes.
        text.push_str(&Value::from(words).to_string());
    } else {
        text.push('"');
        text.push_str(words);
        text.push('"');
    }
}

/// Whether the engine writes the value in the same way as no value at all.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a field means the same as if it were not there. Engines from 26.1 on write that new privileges are not refused;
/// 20.10 wrote nothing (measured), and what it recorded must still be the same after it was upgraded.
fn says_nothing(key: &str, value: &Value) -> bool {
    is_void(value) || key == "NoNewPrivileges" && *value == Value::Bool(false)
}

/// Whether two specs are the same, field for field: whether their canonical forms are, without making them.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let said = |map: &Map<String, Value>| {
                map.iter().filter(|(key, value)| !says_nothing(key, value)).count()
            };
            let both = |(key, value): (&String, &Value)| {
                says_nothing(key, value)
                    || b.get(key).is_some_and(|other| !says_nothing(key, other) && same(value, other))
            };
            a.iter().all(both) && said(a) == said(b)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (a, b) => a == b,
    }
}

/// Whether a value's canonical form is empty.
fn is_void(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().all(|(key, value)| says_nothing(key, value)),
        other => is_empty(other),
    }
}

/// The digest of a body as it was asked for, Tidegate's own labels aside (lower-case hex of SHA-256).
pub(crate) fn digest(body: &Value) -> String {
    let mut text = String::new();
    write_canonical(body, &|label| OWN_LABELS.contains(&label), &mut text);
    hex(&Sha256::digest(text.as_bytes()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A label of a service spec.
pub(crate) fn label<'a>(spec: &'a Value, name: &str) -> Option<&'a str> {
    spec.get("Labels")?.get(name)?.as_str()
}

/// Sets a label of a service spec.
pub(crate) fn set_label(spec: &mut Value, name: &str, value: &str) {
    if let Some(labels) = object_at(spec, "Labels") {
        labels.insert(name.to_owned(), Value::String(value.to_owned()));
    }
}

/// The object at `key` of an object, made if absent or null. `None` if the value is no object.
pub(crate) fn object_at<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    let slot = value.as_object_mut()?.entry(key).or_insert(Value::Null);
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut()
}

/// The mode of a service: `Replicated` where nothing is said.
pub(crate) fn mode(spec: &Value) -> &str {
    let modes = spec.get("Mode").and_then(Value::as_object);
    modes
        .and_then(|modes| modes.iter().find(|(_, mode)| !mode.is_null()))
        .map_or("Replicated", |(name, _)| name)
}

/// The image that a service spec runs.
pub(crate) fn image(spec: &Value) -> Option<&str> {
    engine::at(spec, "/TaskTemplate/ContainerSpec/Image")?.as_str()
}

/// Whether a live spec is the answer to a desired body: everything that the body says is so in the live spec.
///
/// The engine fills in defaults, so the live spec may say more; an empty value in the body asks for nothing. What
/// somebody added where the body says nothing is found by comparing with the spec read back after the deploy
/// (see `plan`), not here.
pub(crate) fn covers(desired: &Value, live: &Value) -> bool {
    // A mode without settings is empty, and would be covered by any other.
    label(desired, SPEC_LABEL) == label(live, SPEC_LABEL)
        && mode(desired) == mode(live)
        && covered(desired, live)
}

fn covered(desired: &Value, live: &Value) -> bool {
    match (desired, live) {
        (desired, _) if is_empty(desired) => true,
        (Value::Object(desired), live) => desired.iter().all(|(key, value)| {
            key == "ForceUpdate" || covered(value, live.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Array(desired), Value::Array(live)) => {
            desired.len() == live.len() && desired.iter().zip(live).all(|(d, l)| covered(d, l))
        }
        (Value::Number(number), Value::Null) => number.as_f64() == Some(0.0),
        (Value::Bool(false), Value::Null) => true,
        (desired, live) => desired == live,
    }
}

/// One difference between two specs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// Where: `TaskTemplate.ContainerSpec.Image`, or `...Env[NAME]` for a variable.
    pub path: String,
    /// The value before, as text; `None` if there was none.
    pub before: Option<String>,
    /// The value after, as text; `None` if there is none.
    pub after: Option<String>,
}

/// What differs between two specs, Tidegate's own labels aside. A text is shown only where it cannot be a secret.
pub(crate) fn diff(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    walk("", &canonical(before), &canonical(after), &mut changes);
    changes.retain(|change| !OWN_LABELS.iter().any(|own| change.path == format!("Labels.{own}")));
    changes
}

/// Fields that the engine fills in where a body says nothing (measured on 20.10 and 26.1).
const FILLED_IN: [&str; 9] = [
    "EndpointSpec.Mode",
    "Mode.Replicated",
    "RollbackConfig",
    "TaskTemplate.ContainerSpec.Isolation",
    "TaskTemplate.ContainerSpec.StopGracePeriod",
    "TaskTemplate.ForceUpdate",
    "TaskTemplate.RestartPolicy",
    "TaskTemplate.Runtime",
    "UpdateConfig",
];

/// What an update from a live spec to a wanted body changes: as [`diff`], but what the engine has filled in by itself
/// is not called "gone", and zero values that it leaves out are not called "new".
pub(crate) fn update_diff(live: &Value, wanted: &Value) -> Vec<Change> {
    let mut changes = diff(live, wanted);
    changes.retain(|change| {
        let filled_in =
            |field: &&str| change.path == **field || change.path.starts_with(&format!("{field}."));
        // `Init` is the exception: false and absent are two things.
        let zero = matches!(change.after.as_deref(), Some("false" | "0")) && !change.path.ends_with(".Init");
        match (&change.before, &change.after) {
            (None, Some(_)) => !zero,
            (_, None) => !FILLED_IN.iter().any(filled_in),
            _ => true,
        }
    });
    changes
}

fn walk(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(_) | Value::Null, Value::Object(_)) | (Value::Object(_), Value::Null) => {
            let empty = Map::new();
            let (old, new) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
            let mut keys: Vec<_> =
                old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))).collect();
            keys.sort();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let (old, new) = (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
                walk(&inner, old, new, changes);
            }
        }
        _ if path.ends_with(".Env") => walk_environment(path, before, after, changes),
        _ => changes.push(Change {
            path: path.to_owned(),
            before: shown(path, before),
            after: shown(path, after),
        }),
    }
}

fn walk_environment(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let (old, new) = (variables(before), variables(after));
    let mut names: Vec<_> = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))).collect();
    names.sort();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        if was != is {
            let hidden = |value: &Value| if value.is_null() { None } else { Some("(hidden)".to_owned()) };
            changes.push(Change {
                path: format!("{path}[{name}]"),
                before: was.and_then(hidden),
                after: is.and_then(hidden),
            });
        }
    }
}

pub(crate) fn variables(list: &Value) -> Map<String, Value> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|entry| {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            (name.to_owned(), Value::String(value.to_owned()))
        })
        .collect()
}

/// Ends of paths whose texts are never a secret. Arguments, health checks, labels and options of drivers can be.
const SHOWN: [&str; 9] = [
    ".Image",
    ".com.docker.stack.image",
    ".Mode",
    ".Order",
    ".FailureAction",
    ".Condition",
    ".Isolation",
    ".Runtime",
    ".StopSignal",
];

fn shown(path: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::String(text) if SHOWN.iter().any(|end| path.ends_with(end)) => Some(text.clone()),
        _ => Some("(hidden)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{OWN_LABELS, canonical, canonical_text, covers, diff, digest, hex, same};

    #[test]
    fn specs_are_the_same_where_their_canonical_forms_are() {
        let values = [
            json!(null),
            json!({}),
            json!([]),
            json!(0),
            json!({ "a": null }),
            json!({ "a": { "b": [] } }),
            json!({ "a": [{}] }),
            json!({ "a": [null] }),
            json!({ "a": [{ "b": "" }] }),
            json!({ "a": 1, "b": "" }),
            json!({ "b": {}, "a": 1 }),
            json!({ "a": 1, "b": 2 }),
            json!({ "b": 2, "a": 1 }),
            json!({ "a": 1, "c": 2 }),
            json!({ "a": false }),
            json!({ "NoNewPrivileges": false }),
            json!({ "NoNewPrivileges": true }),
        ];
        for a in &values {
            for b in &values {
                assert_eq!(same(a, b), canonical(a) == canonical(b), "{a} {b}");
            }
            assert_eq!(canonical_text(a), canonical(a).to_string());
        }
    }

    #[test]
    fn a_digest_is_that_of_the_canonical_form_without_our_labels() {
        use sha2::{Digest, Sha256};
        let texts = ["", "a", "quote\" back\\slash", "line\nbreak \u{1} \u{7f} \u{e9}"];
        for text in texts {
            let nested =
                json!({ "Labels": { OWN_LABELS[0]: text, "z": text }, "b": [{}, { "x": text }], "a": 1.5 });
            for labels in [
                json!({}),
                json!({ OWN_LABELS[0]: "x" }),
                json!({ OWN_LABELS[1]: "x", "own": text }),
                json!(null),
            ] {
                let body = json!({ "Name": text, "Labels": labels, "TaskTemplate": nested });
                let mut kept = body.clone();
                if let Some(labels) = kept["Labels"].as_object_mut() {
                    labels.retain(|label, _| !OWN_LABELS.contains(&label.as_str()));
                }
                let expected = hex(&Sha256::digest(canonical(&kept).to_string().as_bytes()));
                assert_eq!(digest(&body), expected, "{body}");
                assert_eq!(canonical_text(&body), canonical(&body).to_string());
            }
        }
    }

    #[test]
    fn what_a_newer_engine_fills_in_is_no_change() {
        let container =
            |privileges| json!({ "TaskTemplate": { "ContainerSpec": { "Privileges": privileges } } });
        let before = container(json!({ "CredentialSpec": null, "SELinuxContext": null }));
        let upgraded =
            container(json!({ "CredentialSpec": null, "NoNewPrivileges": false, "SELinuxContext": null }));
        assert!(same(&before, &upgraded) && same(&upgraded, &before));
        assert_eq!(diff(&before, &upgraded), []);
        let edited = container(json!({ "NoNewPrivileges": true }));
        assert!(!same(&before, &edited) && !same(&upgraded, &edited));
    }

    #[test]
    fn a_difference_shows_images_and_numbers_and_hides_what_may_be_a_secret() {
        let spec = |image: &str, secret: &str, replicas: u64| {
            json!({
                "Labels": { "traefik.users": secret },
                "Mode": { "Replicated": { "Replicas": replicas } },
                "TaskTemplate": {
                    "ContainerSpec": {
                        "Image": image,
                        "Args": ["redis-server", "--requirepass", secret],
                        "Env": [format!("PASSWORD={secret}")],
                    },
                    "LogDriver": { "Options": { "splunk-token": secret } },
                },
            })
        };
        let changes = diff(&spec("app:1", "canary-1", 1), &spec("app:2", "canary-2", 2));
        assert_eq!(changes.len(), 6);
        let text = format!("{changes:?}");
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("app:1") && text.contains("app:2") && text.contains("Replicas"), "{text}");
    }

    #[test]
    fn a_live_spec_may_say_more_than_was_asked_for_but_nothing_else() {
        let asked =
            json!({ "Mode": { "Replicated": { "Replicas": 2 } }, "TaskTemplate": { "Placement": {} } });
        let mut live = asked.clone();
        live["EndpointSpec"] = json!({ "Mode": "vip" });
        live["TaskTemplate"]["ForceUpdate"] = json!(3);
        assert!(covers(&asked, &live));
        live["Mode"]["Replicated"]["Replicas"] = json!(3);
        assert!(!covers(&asked, &live));
    }
}
