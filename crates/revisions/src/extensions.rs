//! Which PostgreSQL extensions a history uses, found in the text of its files.

use diagnostics::Place;

use crate::History;

/// An extension that revision files use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionNeed {
    /// The extension's name, as CREATE EXTENSION takes it.
    pub extension: &'static str,
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

/// The extensions that a history uses, by name.
pub fn required_extensions(history: &History) -> Vec<ExtensionNeed> {
    let _ = history;
    Vec::new()
}
