//! Where the steps of loading put what they find, so that one run shows every error of a file.

use diagnostics::Diagnostic;

/// Errors and warnings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn error(&mut self, diagnostic: Diagnostic) {
        self.errors.push(diagnostic);
    }

    pub(crate) fn warn(&mut self, diagnostic: Diagnostic) {
        self.warnings.push(diagnostic);
    }

    /// The errors so far, if there are any, in the order of the file.
    pub(crate) fn check(&mut self) -> Result<(), Vec<Diagnostic>> {
        if self.errors.is_empty() { Ok(()) } else { Err(in_order(std::mem::take(&mut self.errors))) }
    }

    /// The warnings, in the order of the file.
    pub(crate) fn into_warnings(self) -> Vec<Diagnostic> {
        in_order(self.warnings)
    }
}

/// Sorted by place, each one once: an alias repeats what it stands for.
fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_cached_key(|diagnostic| {
        let place = diagnostic.place.as_ref();
        let place = place.map(|place| (place.source().name().to_owned(), place.range().start));
        (place, diagnostic.message.clone())
    });
    diagnostics.dedup();
    diagnostics
}
