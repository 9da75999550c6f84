//! Texts and what they parse to.

use diagnostics::Source;

use super::parse;

fn json(text: &str) -> Result<serde_json::Value, String> {
    parse(&Source::new("t.yml", text))
        .map(|document| document.root.to_json())
        .map_err(|error| error.to_string())
}

#[test]
fn merge_keys_are_shallow_and_the_first_wins() {
    let text = "a: &a {x: 1, y: {p: 1}}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], y: {q: 3}}\n";
    let c = json(text).unwrap()["c"].clone();
    assert_eq!(c, serde_json::json!({"y": {"q": 3}, "x": 1, "z": 2}));
}

#[test]
fn a_tab_may_stand_between_a_colon_and_a_value() {
    let text = "x: [\n\ty,\tz]\na:\tb\nc:\t \td\ne: \"f:\tg\"\nh:\t5\n";
    assert_eq!(
        json(text).unwrap(),
        serde_json::json!({"x": ["y", "z"], "a": "b", "c": "d", "e": "f:\tg", "h": 5})
    );
    assert!(json("a:\tb: c\n").is_err());
}

#[test]
fn a_quoted_merge_key_is_a_key() {
    assert_eq!(json("'<<': 1").unwrap(), serde_json::json!({"<<": 1}));
}

#[test]
fn refusals_name_their_place() {
    for (text, wanted) in [
        ("a: 1\nb: 2\na: 3\n", "t.yml:3:1: the key `a` is given twice"),
        ("a:\n\tb: 1\n", "t.yml:2:1: a tab indents this line"),
        ("a:\n  \tb: 1\n", "t.yml:2:3: a tab indents this line"),
        ("a:\n  -\tb\n", "t.yml:2:4: a tab indents this line"),
        ("  a: 1\nb: 2\n", "t.yml:2:1: this line is indented less than the first line"),
        ("1: a\n", "t.yml:1:1: a key must be a string, this is a number (quote it: \"1\")"),
        ("a: *nope\n", "t.yml:1:4: this is not YAML"),
        ("a: &x [*x]\n", "this alias stands inside the value that it repeats"),
        ("a: \u{7}\n", "t.yml:1:4: the control character U+0007"),
        ("a: {<<: 3}\n", "`<<` takes a mapping"),
        ("a: !!int x\n", "t.yml:1:4: `x` is no !!int"),
    ] {
        let error = json(text).unwrap_err();
        assert!(error.contains(wanted), "{text:?} gives {error}");
    }
}

#[test]
fn aliases_cannot_explode() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let previous = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(", "));
    }
    assert!(json(&text).unwrap_err().contains("aliases expand this file"));
}

#[test]
fn nesting_is_bounded() {
    let text = format!("a: {}{}", "[".repeat(150), "]".repeat(150));
    assert!(json(&text).unwrap_err().contains("nested more than"));
}

#[test]
fn places_count_bytes_in_text_that_is_not_ascii() {
    let document = parse(&Source::new("t.yml", "ä: ö\nbß: c\n")).unwrap().root;
    let entry = &document.as_map().unwrap()["bß"];
    assert_eq!(entry.node.place.to_string(), "t.yml:2:5");
    let range = entry.node.place.range();
    assert_eq!(&entry.node.place.source().text()[range], "c");
}

#[test]
fn brackets_may_close_under_their_key() {
    let text = "a:\n  b: [\n    1,\n    2\n  ]\n  c: {\n\"d\": 3\n}\n  e: \"x\n y\"\n";
    assert_eq!(json(text).unwrap(), serde_json::json!({"a": {"b": [1, 2], "c": {"d": 3}, "e": "x y"}}));
}

/// What looks like such a bracket in a block scalar is text, and stays as it is.
#[test]
fn brackets_in_a_block_scalar_are_text() {
    let text = "a:\n  b: [\n    1\n  ]\n  c: |\n    {\n    }\n  d: [\n  2\n  ]\n";
    assert_eq!(json(text).unwrap(), serde_json::json!({"a": {"b": [1], "c": "{\n}\n", "d": [2]}}));
}

#[test]
fn behind_a_repair_errors_are_at_their_own_places() {
    let error = json("a: [\n1\n]\nb: [\n}\n").unwrap_err();
    assert!(error.contains("t.yml:5:1"), "{error}");
    let error = json("a:\n  b: [\n1\n  ]\n  c: 1\n  c: 2\n").unwrap_err();
    assert!(error.contains("t.yml:6:3: the key `c` is given twice"), "{error}");
}
