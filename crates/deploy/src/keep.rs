//! Keeping what somebody else changed (`--on-drift keep`): their fields go into what is wanted. Pure.
//!
//! What is recorded of such a service is what it would be without them, so the next deploy meets the same change again and
//! asks again: kept once is not forgotten.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::live::Live;
use crate::plan::{Foreign, recorded};
use crate::spec;
use crate::target::Target;

/// The target with the fields that others changed.
pub(crate) fn keep(mut target: Target, live: &Live, foreign: &[Foreign]) -> Target {
    let Some(recorded) = recorded(&live.releases) else { return target };
    for name in foreign.iter().map(|foreign| &foreign.service) {
        let (Some(wanted), Some(theirs), Some(Some(before))) =
            (target.services.get_mut(name), live.services.get(name), recorded.get(name))
        else {
            continue;
        };
        let merged = merge(&wanted.body, &live.localise(before), &live.localise(theirs));
        target.kept.insert(name.clone(), std::mem::replace(&mut wanted.body, merged));
        wanted.digest = spec::digest(&wanted.body);
    }
    target
}

/// A written spec as it would be without the fields that were kept: what goes into the record.
pub(crate) fn without(written: &Value, kept: &Value, original: &Value) -> Value {
    merge(written, kept, original)
}

/// `ours`, with what changed from `base` to `theirs`. Lists are one value, but for environment variables.
fn merge(ours: &Value, base: &Value, theirs: &Value) -> Value {
    merge_at("", ours, base, theirs).unwrap_or(Value::Null)
}

fn merge_at(path: &str, ours: &Value, base: &Value, theirs: &Value) -> Option<Value> {
    let some = |value: &Value| (!value.is_null()).then(|| value.clone());
    if spec::same(base, theirs) {
        return some(ours);
    }
    if path == "Labels" || ours.is_object() || theirs.is_object() {
        let empty = Map::new();
        let map = |value: &'_ Value| value.as_object().cloned().unwrap_or_else(|| empty.clone());
        return Some(Value::Object(merge_maps(path, &map(ours), &map(base), &map(theirs))));
    }
    if path.ends_with(".Env") {
        return Some(merge_environment(ours, base, theirs));
    }
    some(theirs)
}

fn merge_maps(
    path: &str,
    ours: &Map<String, Value>,
    base: &Map<String, Value>,
    theirs: &Map<String, Value>,
) -> Map<String, Value> {
    let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let of = |map: &Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or(Value::Null);
    let mut merged = Map::new();
    for key in keys {
        let inner = format!("{path}.{key}");
        // How a spec came about is ours to say, and how often it was forced is the engine's.
        let own = spec::OWN_LABELS.contains(&key.as_str()) || key == "ForceUpdate";
        let value = if own {
            ours.get(key).cloned()
        } else {
            merge_at(&inner, &of(ours, key), &of(base, key), &of(theirs, key))
        };
        if let Some(value) = value {
            merged.insert(key.clone(), value);
        }
    }
    merged
}

fn merge_environment(ours: &Value, base: &Value, theirs: &Value) -> Value {
    let (ours, base, theirs) = (spec::variables(ours), spec::variables(base), spec::variables(theirs));
    let merged = merge_maps("", &ours, &base, &theirs);
    merged
        .into_iter()
        .map(|(name, value)| Value::String(format!("{name}={}", value.as_str().unwrap_or_default())))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::merge;

    #[test]
    fn only_what_they_changed_is_taken() {
        let spec = |image: &str, replicas: u64, env: &[&str]| {
            json!({
                "Mode": { "Replicated": { "Replicas": replicas } },
                "TaskTemplate": { "ContainerSpec": { "Image": image, "Env": env } },
            })
        };
        let base = spec("app:1", 2, &["A=1", "B=1"]);
        let theirs = spec("app:1", 5, &["A=2", "B=1", "C=3"]);
        let ours = spec("app:2", 2, &["A=1", "B=2"]);
        assert_eq!(merge(&ours, &base, &theirs), spec("app:2", 5, &["A=2", "B=2", "C=3"]));
        // And back: what would be there without their change.
        let kept = merge(&ours, &base, &theirs);
        assert_eq!(merge(&kept, &kept, &ours), ours);
    }
}
