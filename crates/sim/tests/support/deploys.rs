//! Deploys on the simulator: a stack from the text of its file, and a deployer's usual options.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::PathBuf;

use deploy::{Deployed, Error, Event};
use sim::Sim;
pub(crate) use sim::options;
use stackfile::{Desired, Input};

/// The bodies of a stack file's text. Two variables have secrets: `P1` and `P2`.
pub(crate) fn desired(stack: &str, text: &str) -> Desired {
    let variables = [("P1", "first secret"), ("P2", "second secret")];
    let options = stackfile::Options {
        working_dir: PathBuf::from("/"),
        environment: variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        ..stackfile::Options::default()
    };
    let loaded = stackfile::load(&[Input::stdin(text)], &options)
        .unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    stackfile::convert(&loaded.stack, stack).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"))
}

/// Hears nothing.
pub(crate) fn silence(_: Event) {}

/// Deploys a stack file's text as stack `shop`, and tells nobody.
pub(crate) async fn deploy_text(caller: &Sim, text: &str, run: &str) -> Result<Deployed, Error> {
    deploy::deploy(caller, desired("shop", text), &options(run), &silence).await
}
