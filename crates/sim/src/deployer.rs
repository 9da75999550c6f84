//! A deployer's usual options on the simulator: no registry, no network, a clock that stands still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deploy::{
    Answer, Asking, Holder, Interrupt, OnDrift, Options, PlanOptions, Probe, Records, ResolveImage, Source,
    Url,
};
use jiff::Timestamp;

/// The options; `run` tells the deployers apart.
pub fn options(run: &str) -> Options {
    Options {
        resolve_image: ResolveImage::Never,
        plan: PlanOptions { on_drift: OnDrift::Stop, ..PlanOptions::default() },
        wait_lease: Duration::from_mins(5),
        timeout: None,
        registry_auth: BTreeMap::new(),
        holder: Holder {
            who: format!("{run}@test"),
            nonce: run.to_owned(),
            process: String::new(),
            is_gone: |_| false,
        },
        ask_checks: true,
        probe: Arc::new(NoNetwork),
        clock: || Timestamp::UNIX_EPOCH,
        source: Source::asked(Timestamp::UNIX_EPOCH),
        yields: true,
        agreed: None,
        interrupt: Interrupt::default(),
        records: Records::default(),
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
