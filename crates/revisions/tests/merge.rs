//! The merge file: as the project's own template writes it, and always a file that reads back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::path::Path;

use common::{Entry, history, owned};
use jiff::Zoned;
use proptest::prelude::*;
use revisions::{History, MergeError, MergeRequest, merge_file, read_text};

const TEMPLATE: &str = "\"\"\"${message}\n\nRevision: ${up_revision}\nAfter: ${down_revision | comma,n}\nMade: \
                        ${create_date}\n\"\"\"\n${imports if imports else \"\"}\nrevision: str = \
                        ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\nbranch_labels = \
                        ${repr(branch_labels)}\ndepends_on = ${repr(depends_on)}\n\n\ndef upgrade():\n    ${upgrades \
                        if upgrades else \"pass\"}\n\n\ndef downgrade():\n    ${downgrades if downgrades else \
                        \"pass\"}\n";

fn forked() -> History {
    history(&[Entry::new("a1", &[], &[]), Entry::new("b1", &["a1"], &[]), Entry::new("c1", &["a1"], &[])])
        .unwrap()
}

fn created() -> Zoned {
    "2026-03-04T05:06:07.123456[UTC]".parse().unwrap()
}

fn request<'a>(heads: &'a [String], message: &'a str, created: &'a Zoned) -> MergeRequest<'a> {
    MergeRequest {
        heads,
        message,
        id: "m1",
        created,
        template: None,
        file_template: "%(rev)s_%(slug)s",
        truncate_slug_length: 40,
    }
}

#[test]
fn the_projects_template_is_filled_in() {
    let (heads, created) = (owned(&["b1", "c1"]), created());
    let request = MergeRequest { template: Some(TEMPLATE), ..request(&heads, "Join left, right", &created) };
    let file = merge_file(&forked(), &request).unwrap();
    assert_eq!(file.name, "m1_join_left_right.py");
    insta::assert_snapshot!(file.text);
}

#[test]
fn a_template_that_only_mako_understands_gives_way_to_a_plain_file() {
    let (heads, created) = (owned(&["b1", "c1"]), created());
    for template in
        ["% for x in y:\n% endfor\n", "<%! import re %>", "${anything(else_)}", "${unclosed", "no revision"]
    {
        let request = MergeRequest { template: Some(template), ..request(&heads, "", &created) };
        let file = merge_file(&forked(), &request).unwrap();
        assert_eq!(file.name, "m1_.py");
        insta::assert_snapshot!("plain", file.text);
    }
}

#[test]
fn a_merge_of_nothing_of_no_heads_or_with_a_taken_id_is_refused() {
    let (history, created) = (forked(), created());
    let merge = |heads: &[&str], id: &str| {
        let heads = owned(heads);
        merge_file(&history, &MergeRequest { id, ..request(&heads, "x", &created) }).unwrap_err()
    };
    assert_eq!(merge(&["b1"], "m1"), MergeError::TooFew("'b1'".to_owned()));
    assert_eq!(merge(&["b1", "b1"], "m1"), MergeError::TooFew("'b1'".to_owned()));
    assert_eq!(merge(&["b1", "zz"], "m1"), MergeError::NoRevision("zz".to_owned()));
    assert_eq!(merge(&["a1", "b1"], "m1"), MergeError::NotAHead("a1".to_owned()));
    for id in ["", "a1", "a-b", "a234567890123456789012345678901234"] {
        assert_eq!(merge(&["b1", "c1"], id), MergeError::BadId(id.to_owned()));
    }
}

proptest! {
    #[test]
    fn whatever_the_message_the_file_reads_back_and_leaves_one_head(message in "\\PC{0,60}|[\"\\\\\n a-z]{0,30}") {
        let (heads, created) = (owned(&["b1", "c1"]), created());
        for template in [None, Some(TEMPLATE)] {
            let request = MergeRequest { template, ..request(&heads, &message, &created) };
            let file = merge_file(&forked(), &request).unwrap();
            prop_assert!(!file.name.contains('/'));
            let merge = read_text(Path::new(&file.name), file.text.as_bytes()).unwrap();
            let mut revisions = forked().revisions().to_vec();
            revisions.push(merge);
            let merged = History::new(revisions).unwrap();
            prop_assert_eq!(merged.heads(), ["m1"]);
        }
    }
}
