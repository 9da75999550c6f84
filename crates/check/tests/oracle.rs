//! Every accepted file of the shared oracle: a check of it ends, and its fixes change nothing but what they may.
//!
//! The oracle is not a part of the project; without it this test says so and passes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::verify;
use serde_json::Value;
use stackfile::{Input, Options};

mod common;

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

#[test]
fn fixes_of_real_files_change_nothing_but_what_they_may() {
    let (mut stacks, mut made) = (0, 0);
    let mut findings: BTreeMap<&str, usize> = BTreeMap::new();
    for (folder, meta) in cases() {
        let id = folder.display().to_string();
        let (inputs, options) = read(&folder, &meta);
        let checked = check::check(&inputs, &options).unwrap_or_else(|errors| panic!("{id}: {errors:?}"));
        for finding in &checked.findings {
            *findings.entry(finding.rule.name).or_default() += 1;
        }
        let fixed = check::fix(&inputs, &options).unwrap_or_else(|errors| panic!("{id}: {errors:?}"));
        verify(&id, &inputs, &options, &fixed);
        stacks += 1;
        made += fixed.applied.len();
    }
    eprintln!("{stacks} stacks, {made} fixes, findings: {findings:#?}");
    assert!(stacks == 0 || made > 0, "nothing was fixed, so nothing was tested");
}
