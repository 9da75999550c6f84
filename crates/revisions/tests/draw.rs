//! Pictures of a history.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::Path;

use proptest::prelude::*;
use revisions::{History, draw};

fn history() -> History {
    let files = [
        ("root", "None", "None", "None", "Begin"),
        ("left1", "'root'", "None", "'left'", "Say \\\"hello\\\" <b>"),
        ("right1", "'root'", "None", "None", "Go & stop"),
        ("left2", "'left1'", "None", "None", ""),
        ("third1", "'root'", "None", "None", ""),
        ("merge", "('left2', 'right1', 'third1')", "None", "None", "Join"),
        ("other1", "None", "'left2'", "None", "Depends"),
        ("tip", "'merge'", "None", "None", ""),
        ("tip2", "'merge'", "None", "None", ""),
    ];
    let read = |(id, down, depends, labels, message): &(&str, &str, &str, &str, &str)| {
        let text = format!(
            "\"\"\"{message}\n\"\"\"\nrevision = '{id}'\ndown_revision = {down}\ndepends_on = {depends}\nbranch_labels \
             = {labels}\n"
        );
        revisions::read_text(Path::new("x.py"), text.as_bytes()).unwrap()
    };
    History::new(files.iter().map(read).collect()).unwrap()
}

#[test]
fn a_history_is_drawn_in_four_forms() {
    let history = history();
    insta::assert_snapshot!("text", draw::text(&history));
    insta::assert_snapshot!("dot", draw::dot(&history));
    insta::assert_snapshot!("mermaid", draw::mermaid(&history));
    insta::assert_snapshot!("svg", draw::svg(&history));
}

proptest! {
    #[test]
    fn every_revision_is_drawn_once_whatever_the_shape(
        parents in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..20)
    ) {
        let files = parents.iter().enumerate().map(|(node, parents)| {
            let down: Vec<String> = parents.iter().filter(|_| node > 0).map(|p| format!("'id{:03}',", p.index(node))).collect();
            let text = format!("revision = 'id{node:03}'\ndown_revision = ({})\n", down.concat());
            revisions::read_text(Path::new("x.py"), text.as_bytes()).unwrap()
        });
        let history = History::new(files.collect()).unwrap();
        let picture = draw::text(&history);
        for node in 0..parents.len() {
            prop_assert_eq!(picture.matches(&format!("* id{node:03}")).count()
                + picture.lines().filter(|line| line.contains(&format!("| id{node:03}"))).count(), 1);
        }
        prop_assert_eq!(draw::svg(&history).matches("<circle").count(), parents.len());
        prop_assert_eq!(draw::dot(&history).matches("[label=").count(), parents.len());
        prop_assert_eq!(draw::mermaid(&history).matches("[\"").count(), parents.len());
    }
}
