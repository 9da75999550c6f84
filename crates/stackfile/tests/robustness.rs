//! Whatever the bytes are: no panic, no hang, and every error says where and what to do.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use stackfile::{Input, Options};

/// The texts to start from: every stack file of the project's cases.
static SEEDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut seeds = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the cases are there") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yml") {
                seeds.push(std::fs::read_to_string(path).expect("a case is text"));
            }
        }
    }
    seeds.sort();
    seeds
});

/// Pieces that mean something to a stack file.
const PIECES: &[&str] = &[
    "",
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "!x ",
    "${A",
    "${A:-b}",
    "$",
    "$$",
    "#",
    "---\n",
    "null",
    "true",
    "-1",
    "0",
    "18446744073709551615",
    ".nan",
    "1e400",
    "2024-01-01",
    "é",
    "\u{2028}",
    "\u{feff}",
    "\0",
    "x-a: 1\n",
    "version: \"3.3\"\n",
    "services:",
    "image: a",
    "ports:",
];

#[derive(Clone, Debug)]
enum Edit {
    Remove(usize, usize),
    Insert(usize, usize),
    Repeat(usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (any::<usize>(), 1..60_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ]
}

fn apply(text: &mut Vec<char>, edit: &Edit) {
    let bound = |at: usize| if text.is_empty() { 0 } else { at % text.len() };
    match edit {
        Edit::Remove(at, length) => {
            let at = bound(*at);
            let end = (at + length).min(text.len());
            text.drain(at..end);
        }
        Edit::Insert(at, piece) => {
            let at = bound(*at);
            text.splice(at..at, PIECES[*piece].chars());
        }
        Edit::Repeat(at, length) => {
            let at = bound(*at);
            let end = (at + length).min(text.len());
            let part: Vec<char> = text[at..end].to_vec();
            text.splice(at..at, part);
        }
    }
}

/// Loads, converts and prints; every error must have a place in a file and say what to do.
fn check(texts: &[String]) -> Result<(), TestCaseError> {
    let inputs: Vec<Input> = texts.iter().map(Input::stdin).collect();
    let options =
        Options { working_dir: "/nowhere".into(), profiles: vec!["*".into()], ..Options::default() };
    let errors = match stackfile::load(&inputs, &options) {
        Err(errors) => errors,
        Ok(loaded) => {
            let printed = stackfile::config_yaml(&loaded.stack);
            prop_assert!(printed.starts_with("version:"));
            match stackfile::convert(&loaded.stack, "stack") {
                Err(errors) => errors,
                Ok(desired) => {
                    prop_assert!(stackfile::requests(&desired).is_array());
                    return Ok(());
                }
            }
        }
    };
    prop_assert!(!errors.is_empty());
    for error in errors {
        prop_assert!(error.place.is_some(), "no place: {error}");
        prop_assert!(error.help.is_some(), "no help: {error}");
        prop_assert!(!error.render(diagnostics::Style::Plain).is_empty());
    }
    Ok(())
}

/// A thousand cases each, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mutated_files(seed in any::<prop::sample::Index>(), edits in prop::collection::vec(edit(), 1..6)) {
        let mut text: Vec<char> = seed.get(&SEEDS).chars().collect();
        for edit in &edits {
            apply(&mut text, edit);
        }
        check(&[text.into_iter().collect()])?;
    }

    #[test]
    fn two_mutated_files(
        first in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
        edit in edit(),
    ) {
        let mut text: Vec<char> = second.get(&SEEDS).chars().collect();
        apply(&mut text, &edit);
        check(&[first.get(&SEEDS).clone(), text.into_iter().collect()])?;
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        check(&[text])?;
    }

    #[test]
    fn any_service(key in "[a-z_]{1,16}", value in "[ -~]{0,40}") {
        check(&[format!("services:\n  app:\n    image: a\n    {key}: {value}\n")])?;
    }
}
