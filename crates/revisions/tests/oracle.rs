//! Alembic's own answers: heads, bases, labels, targets, plans and rows after each step.
//!
//! The project keeps a part of the data in `tests/cases`; the whole is compared where it is at hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::path::Path;

use common::compare::{differences, rows_are_right};
use common::{Entry, history, json, oracle, strings};
use serde_json::Value;

#[test]
fn every_answer_about_the_kept_graphs_is_alembics() {
    all_the_same(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/graphs.json"), 12);
}

#[test]
fn every_answer_about_the_oracles_graphs_is_alembics() {
    if let Some(folder) = oracle() {
        all_the_same(&folder.join("synthetic.json"), 200);
    }
}

fn all_the_same(file: &Path, expected: usize) {
    let graphs = json(file);
    let graphs = graphs.as_array().unwrap();
    assert_eq!(graphs.len(), expected);
    let differences = differences(graphs);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn the_trees_of_public_projects_are_read_and_ordered_as_alembic_does() {
    let Some(folder) = oracle() else { return };
    let mut files: Vec<_> =
        std::fs::read_dir(folder.join("trees")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 21);
    for file in files {
        compare_tree(&json(&file));
    }
}

#[test]
fn the_kept_tree_is_read_and_ordered_as_alembic_does() {
    compare_tree(&json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/tree.json")));
}

/// Writes a project's revision files, reads them back from disk and compares.
fn compare_tree(tree: &Value) {
    let name = &tree["name"];
    let folder = tempfile::tempdir().unwrap();
    for entry in tree["revisions"].as_array().unwrap().iter().map(Entry::from_json) {
        let file = folder.path().join(&entry.file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, entry.text()).unwrap();
    }
    let history = revisions::read_versions(&[folder.path().to_owned()], true)
        .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
    assert_eq!(history.heads(), strings(&tree["heads"]), "{name}");
    assert_eq!(history.real_heads(), strings(&tree["real_heads"]), "{name}");
    assert_eq!(history.bases(), strings(&tree["bases"]), "{name}");
    assert_eq!(history.real_bases(), strings(&tree["real_bases"]), "{name}");
    for revision in tree["revisions"].as_array().unwrap() {
        let id = revision["revision"].as_str().unwrap();
        let labels: Vec<&str> = history.labels(id).into_iter().collect();
        assert_eq!(labels, strings(&revision["branch_labels"]), "{name} {id}");
        assert_eq!(history.depends_on(id), strings(&revision["depends_on_resolved"]), "{name} {id}");
    }
    let order = strings(&tree["upgrade_order_heads_from_base"]);
    let history_order: Vec<&str> = history.history().iter().map(|revision| revision.id.as_str()).collect();
    assert_eq!(history_order, order, "{name}");
    let plan = history.plan_upgrade(&[], "heads").unwrap();
    assert!(plan.steps.iter().map(|step| &step.revision).eq(&order), "{name}");
    assert!(rows_are_right(&history, &plan), "{name}");
    let mut heads = strings(&tree["real_heads"]);
    heads.sort_unstable();
    assert_eq!(plan.rows_after(), heads, "{name}");
}

#[test]
fn the_graph_on_which_alembic_hangs_is_refused_within_a_second() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hang.json");
    for file in [Some(kept), oracle().map(|folder| folder.join("hang_minimal.json"))].into_iter().flatten() {
        let entries: Vec<Entry> = json(&file).as_array().unwrap().iter().map(Entry::from_json).collect();
        let begin = std::time::Instant::now();
        let errors = history(&entries).unwrap_err();
        assert!(begin.elapsed() < std::time::Duration::from_secs(1));
        let codes: Vec<&str> = errors.iter().map(|error| error.code).collect();
        assert_eq!(codes, ["revision-graph/cycle"]);
    }
}
