//! The project's own stack files: what they convert to, and how refusals read.
//!
//! `cases/accepted/<name>/` holds `stack.yml` (or the files that `case.json` lists) and whatever they refer to;
//! `cases/refused/<name>.yml` is a file that must not be accepted. Snapshots are in `snapshots/`.

#![allow(clippy::unwrap_used)] // The helpers of a test may fail like the test itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Style};
use serde_json::{Value, json};
use stackfile::{Desired, Input, Loaded, Options};

fn cases(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Reads the files of a folder, showing them by their short names.
fn load(folder: &Path, files: &[String], meta: &Value) -> Result<Loaded, Vec<Diagnostic>> {
    let inputs: Vec<Input> = files
        .iter()
        .map(|file| {
            let mut input = Input::read(&folder.join(file)).unwrap();
            input.name.clone_from(file);
            input
        })
        .collect();
    let texts = |key: &str| -> BTreeMap<String, String> {
        serde_json::from_value(meta[key].clone()).unwrap_or_default()
    };
    let profiles = serde_json::from_value(meta["profiles"].clone()).unwrap_or_default();
    stackfile::load(&inputs, &Options { environment: texts("env"), working_dir: folder.to_owned(), profiles })
}

fn render(folder: &Path, diagnostics: &[Diagnostic]) -> String {
    let texts: Vec<String> = diagnostics.iter().map(|diagnostic| diagnostic.render(Style::Plain)).collect();
    texts.join("\n\n").replace(&*folder.to_string_lossy(), "<folder>")
}

fn show(desired: &Desired) -> Value {
    let waits: BTreeMap<&str, Vec<String>> = desired
        .services
        .iter()
        .filter(|service| service.depends_on_declared)
        .map(|service| {
            let entry =
                |entry: &stackfile::Dependency| format!("{}: {}", entry.service, entry.condition.as_str());
            (service.key.as_str(), service.depends_on.iter().map(entry).collect())
        })
        .collect();
    let names = |objects: &[stackfile::ExternalObject]| -> Vec<String> {
        objects.iter().map(|object| object.name.clone()).collect()
    };
    let places: BTreeMap<&String, String> =
        desired.extension_places.iter().map(|(path, place)| (path, place.to_string())).collect();
    json!({
        "requests": stackfile::requests(desired),
        "depends_on": waits,
        "extension": desired.extension,
        "extension_place": desired.extension_place.as_ref().map(ToString::to_string),
        "extension_places": places,
        "external_networks": desired.external_networks.iter().map(|n| n.name.clone()).collect::<Vec<_>>(),
        "external_secrets": names(&desired.external_secrets),
        "external_configs": names(&desired.external_configs),
    })
}

#[test]
fn accepted() {
    for folder in cases("accepted") {
        let meta = std::fs::read_to_string(folder.join("case.json")).unwrap_or_else(|_| "{}".into());
        let meta: Value = serde_json::from_str(&meta).unwrap();
        let files =
            serde_json::from_value(meta["files"].clone()).unwrap_or_else(|_| vec!["stack.yml".to_owned()]);
        let loaded =
            load(&folder, &files, &meta).unwrap_or_else(|errors| panic!("{}", render(&folder, &errors)));
        let desired = stackfile::convert(&loaded.stack, "shop").unwrap_or_else(|errors| panic!("{errors:?}"));
        assert!(!format!("{desired:?}").contains("a secret value"), "Debug must not show a secret");
        let place = |text: &str| text.replace(&*folder.to_string_lossy(), "<folder>");
        insta::with_settings!({snapshot_suffix => name(&folder), omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("requests", place(&serde_json::to_string_pretty(&show(&desired)).unwrap()));
            insta::assert_snapshot!("config", place(&stackfile::config_yaml(&loaded.stack)));
            let warnings: Vec<Diagnostic> = loaded.warnings.iter().chain(&desired.warnings).cloned().collect();
            insta::assert_snapshot!("warnings", render(&folder, &warnings));
        });
    }
}

#[test]
fn refused() {
    let meta = json!({"env": {"WORD": "maybe", "EMPTY": ""}});
    for path in cases("refused").into_iter().filter(|path| path.extension().is_some_and(|end| end == "yml")) {
        let folder = path.parent().unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let errors = match load(folder, &[file], &meta) {
            Err(errors) => errors,
            Ok(loaded) => stackfile::convert(&loaded.stack, "shop").map(|_| ()).expect_err(&name(&path)),
        };
        for error in &errors {
            assert!(error.place.is_some() && error.help.is_some(), "{error}");
        }
        insta::with_settings!({snapshot_suffix => name(&path), omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("refused", render(folder, &errors));
        });
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Input::read(Path::new("no/such/stack.yml")).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no/such/stack.yml") && text.contains("check the path"), "{text}");
    assert!(stackfile::load(&[], &Options::default()).is_err());
}

#[test]
fn a_blank_stack_name_is_refused() {
    let loaded = stackfile::load(&[Input::stdin("services: {a: {image: b}}")], &Options::default()).unwrap();
    for name in ["", " ", "'\""] {
        assert!(stackfile::convert(&loaded.stack, name).is_err(), "{name:?}");
    }
}

#[test]
fn a_secret_written_into_the_file_is_not_shown() {
    let text =
        "services: {}\nsecrets:\n  a: {content: hunter2, file: hunter2}\n  b: hunter2\n  c: |\n    hunter2\n";
    let errors = stackfile::load(&[Input::stdin(text)], &Options::default()).unwrap_err();
    assert_eq!(errors.len(), 3);
    let shown = render(Path::new("/nowhere"), &errors);
    assert!(!shown.contains("hunter2"), "{shown}");
}
