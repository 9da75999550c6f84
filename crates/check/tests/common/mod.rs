//! The proof that fixes changed nothing but what they may, made once more and from the outside.

use std::collections::{BTreeMap, BTreeSet};

use check::{FixState, Fixed};
use serde_json::Value;
use stackfile::{Input, Options};

/// The requests of files, each service's `UpdateConfig` apart.
fn requests(inputs: &[Input], options: &Options) -> (Value, BTreeMap<String, Value>) {
    let loaded = stackfile::load(inputs, options).expect("the files load");
    let desired = stackfile::convert(&loaded.stack, "x").expect("the files convert");
    let mut requests = stackfile::requests(&desired);
    let mut updates = BTreeMap::new();
    for request in
        requests.as_array_mut().into_iter().flatten().filter(|request| request["kind"] == "service")
    {
        let name = request["name"].as_str().unwrap_or_default().trim_start_matches("x_").to_owned();
        let update = request["body"].as_object_mut().and_then(|body| body.remove("UpdateConfig"));
        updates.insert(name, update.unwrap_or_default());
    }
    (requests, updates)
}

/// Whether the lines that are comments are the same.
fn keeps_every_comment(before: &str, after: &str) -> bool {
    let comments = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.trim_start().starts_with('#')).map(str::to_owned).collect()
    };
    comments(before) == comments(after)
}

/// Panics if a fix did more than it may.
pub fn verify(id: &str, inputs: &[Input], options: &Options, fixed: &Fixed) {
    let (before, old) = requests(inputs, options);
    let (after, new) = requests(&fixed.inputs, options);
    assert_eq!(before, after, "{id}: a fix changed more than an UpdateConfig");
    let meant: BTreeSet<&str> =
        fixed.applied.iter().filter_map(|finding| finding.service.as_deref()).collect();
    for (service, update) in &old {
        if !meant.contains(service.as_str()) {
            assert_eq!(new.get(service), Some(update), "{id}: {service} was not to be changed");
        }
    }
    for (before, after) in inputs.iter().zip(&fixed.inputs) {
        assert!(keeps_every_comment(&before.text, &after.text), "{id}: a comment is lost");
    }
    let offered = |finding: &&check::Finding| matches!(finding.fix, FixState::Offered(_));
    assert_eq!(fixed.left.findings.iter().filter(offered).count(), 0, "{id}: something is left to fix");
}
