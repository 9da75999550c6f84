//! What rows of a version table mean, and that a repair changes nothing that was applied.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::collections::BTreeSet;

use common::{Entry, history, owned};
use proptest::prelude::*;
use revisions::{Evidence, Finding, History};
use serde_json::json;

/// A branch point, two branches, their merge, and a separate branch that depends on one of them.
fn forked() -> History {
    history(&[
        Entry::new("base0001", &[], &[]),
        Entry::new("left0001", &["base0001"], &[]),
        Entry::new("right001", &["base0001"], &[]),
        Entry::new("merge001", &["left0001", "right001"], &[]),
        Entry::new("other001", &[], &["left0001"]),
    ])
    .unwrap()
}

fn shown(rows: &[&str]) -> serde_json::Value {
    let diagnosis = forked().diagnose(&owned(rows));
    let messages: Vec<String> = diagnosis.findings.iter().map(Finding::message).collect();
    let choices: Vec<Vec<String>> = diagnosis.findings.iter().map(Finding::choices).collect();
    json!({ "diagnosis": diagnosis, "messages": messages, "choices": choices })
}

#[test]
fn every_state_of_the_rows_is_named_and_explained() {
    let states = [
        vec![],
        vec!["base0001"],
        vec!["merge001", "other001"],
        vec!["left0001", "merge001"],
        vec!["left0001", "right001", "merge001"],
        vec!["left0001", "other001"],
        vec!["base0001", "base0001"],
        vec!["base0001", "base0001", "left0001", "left0001"],
        vec!["feedface", "left0001"],
        vec!["left00001"],
    ];
    let all: Vec<_> = states.iter().map(|rows| shown(rows)).collect();
    insta::assert_json_snapshot!(all);
}

#[test]
fn an_empty_table_means_something_else_when_there_are_other_tables() {
    let history = forked();
    let with = |other_tables, table| history.diagnose_with(&[], Evidence { table, other_tables });
    assert!(with(None, None).is_consistent());
    assert!(with(Some(false), Some(false)).is_consistent());
    assert!(!with(Some(true), Some(true)).is_consistent());
    let lost = with(Some(true), Some(false));
    assert_eq!(lost.findings[0].message(), "the database has tables but no version table");
    assert!(lost.repair.is_none());
    assert!(lost.findings[0].choices()[0].contains("search_path"));
}

fn histories_and_rows() -> impl Strategy<Value = (Vec<Entry>, Vec<usize>)> {
    let edges = prop::collection::vec(
        (
            prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            prop::option::weighted(0.2, any::<prop::sample::Index>()),
        ),
        1..14,
    );
    (edges, prop::collection::vec(any::<prop::sample::Index>(), 0..6)).prop_map(|(edges, rows)| {
        let count = edges.len();
        let id = |node: usize| format!("id{node:04}");
        let entries = edges.iter().enumerate().map(|(node, (down, dependency))| {
            let earlier = |index: &prop::sample::Index| (node > 0).then(|| id(index.index(node)));
            let mut down: Vec<String> = down.iter().filter_map(earlier).collect();
            down.sort();
            down.dedup();
            let depends_on = dependency.iter().filter_map(earlier).collect();
            Entry {
                file: format!("{node}.py"),
                revision: id(node),
                down_revision: down,
                depends_on,
                branch_labels: Vec::new(),
            }
        });
        (entries.collect(), rows.iter().map(|row| row.index(count)).collect())
    })
}

/// What is applied, from the declarations alone, by a way of its own.
fn applied(entries: &[Entry], rows: &[String]) -> BTreeSet<String> {
    let mut applied: BTreeSet<String> = rows.iter().cloned().collect();
    loop {
        let more: BTreeSet<String> = entries
            .iter()
            .filter(|entry| applied.contains(&entry.revision))
            .flat_map(|entry| entry.down_revision.iter().chain(&entry.depends_on).cloned())
            .collect();
        let before = applied.len();
        applied.extend(more);
        if applied.len() == before {
            return applied;
        }
    }
}

proptest! {
    #[test]
    fn a_repair_changes_nothing_that_is_applied_and_makes_the_rows_consistent(
        (entries, rows) in histories_and_rows()
    ) {
        let history = history(&entries).unwrap();
        let rows: Vec<String> = rows.iter().map(|&node| entries[node].revision.clone()).collect();
        let diagnosis = history.diagnose(&rows);
        let before = applied(&entries, &rows);
        prop_assert_eq!(&diagnosis.applied.iter().cloned().collect::<BTreeSet<_>>(), &before);
        prop_assert_eq!(diagnosis.applied.len() + diagnosis.pending.len(), entries.len());
        let Some(repair) = &diagnosis.repair else {
            prop_assert!(diagnosis.is_consistent());
            return Ok(());
        };
        prop_assert_eq!(&applied(&entries, &repair.rows_after), &before);
        prop_assert!(history.diagnose(&repair.rows_after).is_consistent());
        let deleted: usize = repair.delete.iter().map(|deletion| deletion.count).sum();
        prop_assert_eq!(deleted + repair.rows_after.len(), rows.len());
        for deletion in &repair.delete {
            prop_assert!(repair.rows_after.contains(&deletion.implied_by));
            prop_assert_eq!(&deletion.path[0], &deletion.implied_by);
            prop_assert_eq!(deletion.path.last().unwrap(), &deletion.row);
            // The proof can be checked link by link against the files.
            for link in deletion.path.windows(2) {
                let entry = entries.iter().find(|entry| entry.revision == link[0]).unwrap();
                prop_assert!(entry.down_revision.contains(&link[1]) || entry.depends_on.contains(&link[1]));
            }
        }
        // What stock Alembic refuses as overlapping can be upgraded afterwards.
        let plan = history.plan_upgrade(&repair.rows_after, "heads").unwrap();
        prop_assert_eq!(plan.steps.len(), diagnosis.pending.len());
    }

    #[test]
    fn an_upgrade_to_all_heads_ends_at_the_real_heads_and_a_downgrade_to_base_at_nothing(
        (entries, rows) in histories_and_rows()
    ) {
        let history = history(&entries).unwrap();
        let rows: Vec<String> = rows.iter().map(|&node| entries[node].revision.clone()).collect();
        let rows = history.diagnose(&rows).repair.map_or_else(|| rows.clone(), |repair| repair.rows_after);
        let mut heads = owned(&history.real_heads());
        heads.sort();
        let up = history.plan_upgrade(&rows, "heads").unwrap();
        prop_assert_eq!(up.rows_after(), heads);
        let mut done = applied(&entries, &rows);
        for step in &up.steps {
            let entry = entries.iter().find(|entry| entry.revision == step.revision).unwrap();
            let needs = entry.down_revision.iter().chain(&entry.depends_on);
            prop_assert!(needs.clone().all(|need| done.contains(need)), "{} before its needs", step.revision);
            prop_assert!(done.insert(step.revision.clone()));
            prop_assert_eq!(&applied(&entries, &step.rows_after), &done);
        }
        prop_assert_eq!(done.len(), entries.len());
        let down = history.plan_downgrade(&up.rows_after(), "base").unwrap();
        prop_assert_eq!(down.steps.len(), entries.len());
        prop_assert!(down.rows_after().is_empty());
    }
}
