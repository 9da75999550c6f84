//! What the records say of a stack's releases: the list, one release, the difference of two. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use engine::Api;
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::observe;
use crate::release::{Records, Release};
use crate::source::Source;
use crate::spec::{self, Change};

/// A release, as its records tell it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseInfo {
    /// Its number.
    pub number: u64,
    /// `succeeded`, `rolled-back`, `incomplete`, or `unfinished` (it runs, or was interrupted).
    pub state: &'static str,
    /// Whether it is the one in force.
    pub in_force: bool,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// How long it took, in seconds.
    pub seconds: Option<u64>,
    /// Who began it.
    pub who: String,
    /// What it was made from.
    pub source: Option<Source>,
    /// The earlier release that it went back to, if it did.
    pub returns_to: Option<u64>,
    /// What happened, in one sentence.
    pub message: Option<String>,
    /// The image of each service.
    pub images: BTreeMap<String, String>,
    /// The rows of the version table after its gate, if a gate reported them.
    pub rows: Option<Vec<String>>,
    /// The revisions that its gate applied.
    pub applied: Vec<String>,
    /// Why it cannot be gone back to; `None` if it can.
    pub no_return: Option<String>,
}

/// What is different between two releases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseDiff {
    /// The one.
    pub from: u64,
    /// The other.
    pub to: u64,
    /// Services that only the other has.
    pub added: Vec<String>,
    /// Services that only the one has.
    pub removed: Vec<String>,
    /// What is different in the services that both have.
    pub changed: BTreeMap<String, Vec<Change>>,
    /// The database's rows after each, where they are known and not the same.
    pub rows: Option<(Vec<String>, Vec<String>)>,
}

/// All releases of a stack that are kept, oldest first.
pub async fn releases<A: Api>(api: &A, stack: &str) -> Result<Vec<ReleaseInfo>, Error> {
    let releases = read(api, stack).await?;
    let in_force = in_force(&releases).map(|release| release.intent.number);
    Ok(releases.iter().map(|release| info(release, in_force)).collect())
}

/// What is different between two releases.
pub async fn diff<A: Api>(api: &A, stack: &str, from: u64, to: u64) -> Result<ReleaseDiff, Error> {
    let releases = read(api, stack).await?;
    let (one, other) = (find(stack, &releases, from)?, find(stack, &releases, to)?);
    let (before, after) = (specs(stack, one)?, specs(stack, other)?);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).copied().collect();
    let mut diff = ReleaseDiff {
        from,
        to,
        added: Vec::new(),
        removed: Vec::new(),
        changed: BTreeMap::new(),
        rows: None,
    };
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => {
                let changes = spec::diff(before, after);
                if !changes.is_empty() {
                    diff.changed.insert(name.clone(), changes);
                }
            }
            (None, Some(_)) => diff.added.push(name.clone()),
            (Some(_), None) => diff.removed.push(name.clone()),
            (None, None) => {}
        }
    }
    let rows = |release: &Release| release.outcome.as_ref().and_then(|outcome| outcome.rows.clone());
    diff.rows = rows(one).zip(rows(other)).filter(|(before, after)| before != after);
    Ok(diff)
}

async fn read<A: Api>(api: &A, stack: &str) -> Result<Vec<Release>, Error> {
    observe::require_manager(api).await?;
    Ok(observe::live(api, stack, &[], &Records::default()).await?.releases)
}

/// The release that is in force: the last one that succeeded.
pub(crate) fn in_force(releases: &[Release]) -> Option<&Release> {
    releases.iter().rev().find(|release| release.succeeded())
}

/// A release by its number.
pub(crate) fn find<'a>(stack: &str, releases: &'a [Release], number: u64) -> Result<&'a Release, Error> {
    releases.iter().find(|release| release.intent.number == number).ok_or_else(|| Error::NoRelease {
        stack: stack.to_owned(),
        wanted: format!("release {number}"),
        known: releases.iter().map(|release| release.intent.number).collect(),
    })
}

/// Every spec that a release left.
fn specs<'a>(stack: &str, release: &'a Release) -> Result<BTreeMap<&'a String, &'a Value>, Error> {
    let number = release.intent.number;
    if let (Some(outcome), true) = (&release.outcome, release.opened) {
        return Ok(outcome.specs.iter().filter_map(|(name, spec)| Some((name, spec.as_deref()?))).collect());
    }
    let reason = no_return(release).unwrap_or_else(|| "it left no specs".to_owned());
    Err(Error::NoReturn { stack: stack.to_owned(), number, reasons: vec![reason] })
}

/// Why a release cannot be gone back to, as far as its record alone tells.
pub(crate) fn no_return(release: &Release) -> Option<String> {
    match &release.outcome {
        None => Some("it was never finished".to_owned()),
        Some(_) if !release.succeeded() => Some("it did not succeed".to_owned()),
        Some(_) if !release.opened => Some("its record was sealed with a key that is gone".to_owned()),
        Some(_) => None,
    }
}

fn info(release: &Release, in_force: Option<u64>) -> ReleaseInfo {
    let outcome = release.outcome.as_ref();
    ReleaseInfo {
        number: release.intent.number,
        state: outcome.map_or("unfinished", |outcome| outcome.state.as_str()),
        in_force: in_force == Some(release.intent.number),
        started_at: release.intent.started_at.clone(),
        seconds: outcome.map(|outcome| outcome.seconds),
        who: release.intent.who.clone(),
        source: release.intent.source.clone(),
        returns_to: release.intent.returns_to,
        message: outcome.map(|outcome| outcome.message.clone()),
        images: outcome.map(|outcome| outcome.images.clone()).unwrap_or_default(),
        rows: outcome.and_then(|outcome| outcome.rows.clone()),
        applied: outcome.map(|outcome| outcome.applied.clone()).unwrap_or_default(),
        no_return: no_return(release),
    }
}
