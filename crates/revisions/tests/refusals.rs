//! Histories that are refused as a whole, and targets that are: rendered as a person sees them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::fmt::Write;

use common::{Entry, history, owned};
use diagnostics::Style;
use proptest::prelude::*;

fn labelled(revision: &str, down: &[&str], labels: &[&str]) -> Entry {
    Entry { branch_labels: owned(labels), ..Entry::new(revision, down, &[]) }
}

fn in_file(file: &str, entry: Entry) -> Entry {
    Entry { file: file.to_owned(), ..entry }
}

#[test]
fn a_history_that_cannot_be_is_refused_with_its_files_and_lines() {
    let cases: Vec<(&str, Vec<Entry>)> = vec![
        (
            "two files with one id",
            vec![
                in_file("1_a.py", Entry::new("a1b2", &[], &[])),
                in_file("2_a.py", Entry::new("a1b2", &[], &[])),
            ],
        ),
        (
            "a parent with a slip",
            vec![Entry::new("a1b2c3d4", &[], &[]), Entry::new("e5f6", &["a1b2c3d5"], &[])],
        ),
        (
            "a parent that nobody has",
            vec![Entry::new("a1b2", &[], &[]), Entry::new("c3d4", &["a1b2", "ffff"], &[])],
        ),
        ("a dependency that nobody has", vec![Entry::new("a1b2", &[], &["other"])]),
        ("an id that is a target", vec![Entry::new("head", &[], &[]), Entry::new("a1", &["head"], &[])]),
        ("an id that is too long", vec![Entry::new("add_a_column_to_the_table_of_users", &[], &[])]),
        ("reserved characters", vec![Entry::new("2024-01-01@x", &[], &[])]),
        ("an empty id", vec![Entry::new("", &[], &[])]),
        ("an empty parent", vec![Entry::new("a1", &[""], &[])]),
        ("its own parent", vec![Entry::new("a1b2", &["a1b2"], &[])]),
        ("its own dependency", vec![Entry::new("a1b2", &[], &["a1b2"])]),
        (
            "a circle of parents that Alembic lets pass",
            vec![
                Entry::new("r0", &[], &[]),
                Entry::new("r1", &["r0", "r2"], &[]),
                Entry::new("r2", &["r1"], &[]),
                Entry::new("r3", &["r2"], &[]),
            ],
        ),
        (
            "a circle through a dependency",
            vec![
                Entry::new("a1", &[], &["b2"]),
                Entry::new("b1", &[], &[]),
                Entry::new("b2", &["b1", "a1"], &[]),
            ],
        ),
        ("one label twice", vec![labelled("a1", &[], &["left"]), labelled("b1", &[], &["left"])]),
        ("a label that is an id", vec![labelled("a1", &[], &[]), labelled("b1", &[], &["a1"])]),
    ];
    let mut text = String::new();
    for (name, entries) in cases {
        let Err(errors) = history(&entries) else { panic!("{name} was accepted") };
        writeln!(text, "# {name}\n").unwrap();
        for error in errors {
            assert!(error.help.is_some() && error.place.is_some(), "{name}: {error}");
            writeln!(text, "{}\n", error.render(Style::Plain)).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_refused_target_says_what_to_do() {
    let entries = [
        Entry::new("a1b2c3", &[], &[]),
        labelled("b1b2c3", &["a1b2c3"], &["left"]),
        labelled("c1b2c3", &["a1b2c3"], &["right"]),
        Entry::new("c1b2d4", &["c1b2c3"], &[]),
    ];
    let history = history(&entries).unwrap();
    let mut text = String::new();
    let mut show = |what: &str, result: Result<String, revisions::TargetError>| {
        let error = result.expect_err(what);
        let help = error.help.unwrap_or_else(|| panic!("{what}: no help"));
        writeln!(text, "{what}\n  {:?}: {}\n  help: {help}\n", error.kind, error.message).unwrap();
    };
    for target in ["head", "a1b2c4", "zzzz", "c1b2", "left@c1b2d4", "nobody@head", ""] {
        show(target, history.resolve(target).map(|ids| format!("{ids:?}")));
    }
    for (rows, target) in [
        (vec!["a1b2c3"], "+1"),
        (vec!["c1b2d4"], "+1"),
        (vec!["b1b2c3", "c1b2c3"], "+1"),
        (vec!["a1b2c3", "c1b2c3"], "heads"),
        (vec!["feedface"], "heads"),
        (vec![], "c1b2c3,c1b2d4"),
        (vec![], "-1"),
    ] {
        let what = format!("upgrade {rows:?} -> {target}");
        show(&what, history.plan_upgrade(&owned(&rows), target).map(|plan| format!("{plan:?}")));
    }
    for (rows, target) in [
        (vec!["b1b2c3"], "c1b2c3"),
        (vec!["a1b2c3"], "-2"),
        (vec!["a1b2c3"], "+1"),
        (vec![], "-1"),
        (vec!["c1b2d4"], "b1b2c3-3"),
        (vec!["b1b2c3", "c1b2d4"], "nobody@base"),
    ] {
        let what = format!("downgrade {rows:?} -> {target}");
        show(&what, history.plan_downgrade(&owned(&rows), target).map(|plan| format!("{plan:?}")));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_computed_value_refuses_only_what_it_decides() {
    let mut entries = vec![Entry::new("a1b2", &[], &[]).read(), Entry::new("b1b2", &["a1b2"], &[]).read()];
    entries.push(Entry::new("c1b2", &["a1b2"], &[]).read());
    let read = |text: &str| revisions::read_text(std::path::Path::new("d.py"), text.as_bytes()).unwrap();
    let labels = "from x import LABEL\nrevision = 'd1b2'\ndown_revision = 'b1b2'\nbranch_labels = LABEL\n";
    let mut with_label = entries.clone();
    with_label.push(read(labels));
    let history = revisions::History::new(with_label).unwrap();
    assert_eq!(history.resolve("heads").unwrap(), ["c1b2", "d1b2"]);
    assert_eq!(history.plan_upgrade(&[], "heads").unwrap().steps.len(), 4);
    assert_eq!(history.resolve("expand@head").unwrap_err().kind, revisions::TargetErrorKind::Dynamic);
    entries.push(read(&labels.replace("branch_labels", "depends_on")));
    let history = revisions::History::new(entries).unwrap();
    assert_eq!(history.resolve("b1b2").unwrap(), ["b1b2"]);
    for error in [history.resolve("heads").unwrap_err(), history.plan_upgrade(&[], "b1b2").unwrap_err()] {
        assert_eq!(error.kind, revisions::TargetErrorKind::Dynamic);
        assert!(error.help.unwrap().contains("d.py:4:14"));
    }
}

#[test]
fn a_downgrade_below_a_base_leaves_the_other_branches_alone() {
    // B4: Alembic would undo everything.
    let entries = [
        Entry::new("a1b2", &[], &[]),
        Entry::new("a2b2", &["a1b2"], &[]),
        Entry::new("z1b2", &[], &[]),
        Entry::new("z2b2", &["z1b2"], &[]),
    ];
    let history = history(&entries).unwrap();
    let plan = history.plan_downgrade(&owned(&["a2b2", "z2b2"]), "a1b2-1").unwrap();
    let undone: Vec<&str> = plan.steps.iter().map(|step| step.revision.as_str()).collect();
    assert_eq!(undone, ["a2b2", "a1b2"]);
    assert_eq!(plan.rows_after(), ["z2b2"]);
}

#[test]
fn several_targets_at_once_are_planned_together() {
    let entries = [
        Entry::new("a1b2", &[], &[]),
        Entry::new("b1b2", &["a1b2"], &[]),
        Entry::new("c1b2", &["a1b2"], &[]),
        Entry::new("d1b2", &["a1b2"], &[]),
    ];
    let history = history(&entries).unwrap();
    assert_eq!(history.resolve("b1b2, d1b2").unwrap(), ["b1b2", "d1b2"]);
    assert_eq!(history.plan_upgrade(&[], "b1b2,d1b2").unwrap().rows_after(), ["b1b2", "d1b2"]);
}

proptest! {
    #[test]
    fn any_edges_at_all_are_a_history_or_a_refusal_and_every_cycle_is_found(
        edges in prop::collection::vec((prop::collection::vec(0usize..8, 0..3), prop::option::of(0usize..8)), 1..8),
    ) {
        let id = |node: usize| format!("id{node}");
        let count = edges.len();
        let entries: Vec<Entry> = edges
            .iter()
            .enumerate()
            .map(|(node, (down, dependency))| Entry {
                file: format!("{node}.py"),
                revision: id(node),
                down_revision: down.iter().map(|&parent| id(parent)).collect(),
                depends_on: dependency.iter().map(|&parent| id(parent)).collect(),
                branch_labels: Vec::new(),
            })
            .collect();
        // An independent test for cycles: take away revisions whose needs are all taken away, until none is left.
        let mut left: Vec<usize> = (0..count).collect();
        loop {
            let (gone, stay): (Vec<usize>, Vec<usize>) = left.iter().partition(|&&node| {
                let (down, dependency) = &edges[node];
                !down.iter().chain(dependency).any(|need| left.contains(need))
            });
            left = stay;
            if gone.is_empty() {
                break;
            }
        }
        let missing = edges.iter().any(|(down, dependency)| down.iter().chain(dependency).any(|need| *need >= count));
        match history(&entries) {
            Ok(history) => {
                prop_assert!(left.is_empty() && !missing);
                prop_assert_eq!(history.history().len(), count);
            }
            Err(errors) => {
                let has = |code: &str| errors.iter().any(|error| error.code == code);
                prop_assert_eq!(has("revision-graph/cycle"), !left.is_empty());
                prop_assert_eq!(has("revision-graph/missing-parent"), missing);
            }
        }
    }
}
