//! What a check hands out: findings with their place, and fixes as edits of the files' texts.

use std::ops::Range;

use diagnostics::{Diagnostic, Place};
use serde::Serialize;

use crate::Rule;

/// Something that a rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What to tell a person. Its places show texts in which secrets are masked.
    pub diagnostic: Diagnostic,
    /// Where it is in the file as it was read.
    pub region: Region,
    /// The service that it is about.
    pub service: Option<String>,
    /// What `--fix` would do about it.
    pub fix: FixState,
}

/// What a machine can do about a finding.
#[derive(Clone, Debug)]
pub enum FixState {
    /// This, and it is proven that nothing else changes.
    Offered(Fix),
    /// Nothing, for this reason.
    Refused(String),
}

/// A part of a file; lines and columns are counted from 1, in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Region {
    /// The file, as named on the command line.
    pub file: String,
    /// The first line.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// The line after the last character.
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
}

impl Region {
    pub(crate) fn of(place: &Place) -> Self {
        let end = place.range().end;
        let end = place.source().place(end..end);
        Self {
            file: place.source().name().to_owned(),
            line: place.line(),
            column: place.column(),
            end_line: end.line(),
            end_column: end.column(),
        }
    }
}

/// An edit of one file that removes a finding.
#[derive(Clone, Debug)]
pub struct Fix {
    /// What it does, in one line.
    pub description: String,
    /// The file.
    pub file: String,
    /// The parts to replace, from the start of the file to its end; they do not overlap.
    pub edits: Vec<Edit>,
}

/// A part of a text, and what to put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The part, in bytes.
    pub range: Range<usize>,
    /// Where that is for a person.
    pub region: Region,
    /// What to put there.
    pub text: String,
}
