//! What the tests of rules share.

use stackfile::{Input, Options};

use crate::checker::Files;
use crate::context::Context;
use crate::rule::{Draft, Rule};

/// Texts as files `a.yml`, `b.yml` ...
pub(crate) fn inputs(texts: &[&str]) -> Vec<Input> {
    let names = ["a.yml", "b.yml", "c.yml"];
    texts
        .iter()
        .zip(names)
        .map(|(text, name)| Input { name: name.into(), path: Some(name.into()), text: (*text).into() })
        .collect()
}

/// Options without any variables.
pub(crate) fn options() -> Options {
    Options { working_dir: "/stack".into(), ..Options::default() }
}

/// The files, loaded.
pub(crate) fn load(inputs: &[Input]) -> Files {
    Files::load(inputs, &options()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// What a rule finds in files.
pub(crate) fn drafts(rule: &Rule, texts: &[&str]) -> Vec<Draft> {
    (rule.check)(&Context::new(&load(&inputs(texts))))
}

/// The same, each as `line:column text-there`, for one file.
pub(crate) fn places(rule: &Rule, text: &str) -> Vec<String> {
    let found = drafts(rule, &[text]);
    let place = |draft: &Draft| {
        let place = &draft.place;
        let there = place.source().text().get(place.range()).unwrap_or_default();
        format!("{}:{} {there}", place.line(), place.column())
    };
    found.iter().map(place).collect()
}
