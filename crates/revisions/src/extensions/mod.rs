//! Which PostgreSQL extensions a history uses, found in the text of its files. Pure.
//!
//! A need that is found is certain enough to stop for; one that hides in a module that the revision imports, or in
//! SQL put together at run time, is not found. `downgrade()` does not count.

mod python;
mod signs;
mod sql;

use std::collections::BTreeMap;

use diagnostics::Place;

use crate::reader::parse::parse;
use crate::{History, Revision};

/// An extension that revision files use or create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionNeed {
    /// The extension's name, as CREATE EXTENSION takes it.
    pub extension: String,
    /// Where it is used, in upgrade order.
    pub uses: Vec<ExtensionUse>,
    /// Where the history itself creates it, in upgrade order.
    pub created: Vec<ExtensionUse>,
}

/// A place that uses or creates an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionUse {
    /// The revision's id.
    pub revision: String,
    /// What gives it away, such as `geometry` or `gin_trgm_ops`.
    pub sign: String,
    /// Where.
    pub place: Place,
}

impl ExtensionNeed {
    /// Whether the history creates the extension before it first uses it, so that nobody else has to.
    pub fn provided_by(&self, history: &History) -> bool {
        let Some(creator) = self.created.first() else { return false };
        self.uses.iter().all(|used| {
            used.revision == creator.revision
                || history.ancestors(&used.revision).contains(creator.revision.as_str())
        })
    }
}

/// One thing found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sign {
    extension: String,
    word: String,
    creates: bool,
    range: std::ops::Range<usize>,
}

/// The extensions that a history uses or creates, by name.
pub fn required_extensions(history: &History) -> Vec<ExtensionNeed> {
    let mut needs: BTreeMap<String, ExtensionNeed> = BTreeMap::new();
    for revision in history.history() {
        for sign in signs_of(revision) {
            let need = needs.entry(sign.extension.clone()).or_insert_with(|| ExtensionNeed {
                extension: sign.extension,
                uses: Vec::new(),
                created: Vec::new(),
            });
            let place = revision.place.source().place(sign.range);
            let found = ExtensionUse { revision: revision.id.clone(), sign: sign.word, place };
            if sign.creates { need.created.push(found) } else { need.uses.push(found) }
        }
    }
    needs.into_values().collect()
}

fn signs_of(revision: &Revision) -> Vec<Sign> {
    let source = revision.place.source();
    if !signs::may_hold_any(source.text()) {
        return Vec::new();
    }
    // It was parsed before: a file that is not Python never became a revision.
    parse(source).map(|parsed| python::signs(parsed.suite())).unwrap_or_default()
}
