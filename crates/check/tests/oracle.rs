//! Every accepted file of the shared oracle: a check of it ends, and its fixes change nothing but what they may.
//!
//! The oracle is not a part of the project; without it this test says so and passes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use check::{FixState, Fixed};
use serde_json::Value;
use stackfile::{Input, Options};

fn cases() -> Vec<(PathBuf, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/stackfile");
    let mut cases = Vec::new();
    for group in ["real", "dockercli", "synthetic"] {
        let Ok(entries) = std::fs::read_dir(root.join(group)) else { continue };
        for folder in entries.flatten().map(|entry| entry.path()) {
            let text = std::fs::read_to_string(folder.join("case.json")).unwrap_or_default();
            let Ok(meta) = serde_json::from_str::<Value>(&text) else { continue };
            if meta["rejected"] != true {
                cases.push((folder, meta));
            }
        }
    }
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    if cases.is_empty() {
        eprintln!("skipped: {} is not there", root.display());
    }
    cases
}

fn read(folder: &Path, meta: &Value) -> (Vec<Input>, Options) {
    let mut environment = BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]);
    for (key, value) in meta["env"].as_object().into_iter().flatten() {
        environment.insert(key.clone(), value.as_str().unwrap_or_default().into());
    }
    let files = meta["files"].as_array().cloned().unwrap_or_default();
    let read = |file: &Value| {
        let name = file.as_str().expect("a file's name");
        let mut input = Input::read(&folder.join(name)).expect("the oracle's file can be read");
        input.name = name.into();
        input
    };
    let options = Options { environment, working_dir: folder.to_owned(), profiles: Vec::new() };
    (files.iter().map(read).collect(), options)
}

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

/// The lines of a text that an edit keeps, in order.
fn keeps_every_comment(before: &str, after: &str) -> bool {
    let comments = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.trim_start().starts_with('#')).map(str::to_owned).collect()
    };
    comments(before) == comments(after)
}

fn verify(id: &str, inputs: &[Input], options: &Options, fixed: &Fixed) {
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

#[test]
fn fixes_of_real_files_change_nothing_but_what_they_may() {
    let (mut files, mut findings, mut fixes, mut refused) = (0, BTreeMap::new(), 0, BTreeMap::new());
    for (folder, meta) in cases() {
        let id = folder.display().to_string();
        let (inputs, options) = read(&folder, &meta);
        let checked = check::check(&inputs, &options).unwrap_or_else(|errors| panic!("{id}: {errors:?}"));
        files += 1;
        for finding in &checked.findings {
            *findings.entry(finding.rule.name).or_insert(0) += 1;
        }
        let fixed = check::fix(&inputs, &options).unwrap_or_else(|errors| panic!("{id}: {errors:?}"));
        fixes += fixed.applied.len();
        for finding in fixed.left.findings.iter().filter(|finding| finding.rule.name == "no-update-config") {
            if let FixState::Refused(reason) = &finding.fix {
                *refused.entry(reason.clone()).or_insert(0) += 1;
            }
        }
        verify(&id, &inputs, &options, &fixed);
    }
    eprintln!("{files} stacks, {fixes} fixes, findings {findings:#?}, not fixed {refused:#?}");
}
