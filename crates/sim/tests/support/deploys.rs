//! Deploys on the simulator: a stack from the text of its file, and a deployer's usual options.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deploy::{
    Answer, Asking, Deployed, Error, Event, Holder, Interrupt, OnDrift, Options, PlanOptions, Probe,
    ResolveImage, Source, Url,
};
use sim::Sim;
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

/// A deployer's options; `run` tells the deployers apart.
pub(crate) fn options(run: &str) -> Options {
    Options {
        resolve_image: ResolveImage::Never,
        plan: PlanOptions { on_drift: OnDrift::Stop, prune: false, parallel: None },
        wait_lease: Duration::from_mins(5),
        timeout: None,
        registry_auth: std::collections::BTreeMap::new(),
        holder: Holder {
            who: format!("{run}@test"),
            nonce: run.to_owned(),
            process: String::new(),
            is_gone: |_| false,
        },
        probe: Arc::new(NoNetwork),
        clock: || jiff::Timestamp::UNIX_EPOCH,
        source: Source::asked(jiff::Timestamp::UNIX_EPOCH),
        yields: true,
        agreed: None,
        interrupt: Interrupt::default(),
    }
}

/// A network on which nobody answers.
#[derive(Debug)]
struct NoNetwork;

impl Probe for NoNetwork {
    fn get<'a>(&'a self, _: &'a Url) -> Asking<'a, Answer> {
        Box::pin(async { Err("cannot be reached".to_owned()) })
    }

    fn connect<'a>(&'a self, _: &'a str) -> Asking<'a, ()> {
        Box::pin(async { Err("cannot be reached".to_owned()) })
    }
}

/// Hears nothing.
pub(crate) fn silence(_: Event) {}

/// Deploys a stack file's text as stack `shop`, and tells nobody.
pub(crate) async fn deploy_text(caller: &Sim, text: &str, run: &str) -> Result<Deployed, Error> {
    deploy::deploy(caller, desired("shop", text), &options(run), &silence).await
}
