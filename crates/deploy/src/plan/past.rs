//! What a stack's records say of the past, as far as a plan needs it. Pure.

use serde_json::Value;

use crate::release::{Outcome, Release, Specs, State};

/// What the records say.
pub(super) struct History<'a> {
    pub(super) last_number: u64,
    pub(super) interrupted: Option<&'a Release>,
    /// The last release, if it was interrupted or could not be put back whole.
    pub(super) unfinished: Option<&'a Release>,
    /// The release that is in force.
    pub(super) settled: Option<&'a Outcome>,
    /// The last specs that a finished release left.
    pub(super) specs: Option<&'a Specs>,
    /// There are records that cannot be opened.
    pub(super) sealed: bool,
}

impl<'a> History<'a> {
    pub(super) fn of(releases: &'a [Release]) -> Self {
        let last = releases.last();
        let outcome = |release: &'a Release| release.outcome.as_deref();
        Self {
            last_number: last.map_or(0, |release| release.intent.number),
            interrupted: last.filter(|release| release.outcome.is_none()),
            unfinished: last.filter(|release| {
                release.outcome.as_ref().is_none_or(|outcome| outcome.state == State::Incomplete)
            }),
            settled: settled(releases),
            specs: releases
                .iter()
                .rev()
                .filter(|release| release.opened)
                .find_map(outcome)
                .map(|outcome| &outcome.specs),
            sealed: releases
                .iter()
                .rev()
                .find(|release| release.succeeded())
                .is_some_and(|release| !release.opened),
        }
    }
}

impl History<'_> {
    /// What an unfinished release asked for, of a service that was not there before it.
    pub(super) fn made(&self, name: &str) -> Option<&Value> {
        let intent = &self.unfinished?.intent;
        intent.previous.get(name).filter(|before| before.is_none())?;
        intent.wanted.get(name)?.as_deref()
    }
}

/// The last release that succeeded, if whatever was tried after it was put back whole.
fn settled(releases: &[Release]) -> Option<&Outcome> {
    for release in releases.iter().rev() {
        let outcome = release.outcome.as_deref()?;
        match outcome.state {
            State::Succeeded => return Some(outcome),
            State::RolledBack => {}
            State::Incomplete => return None,
        }
    }
    None
}
