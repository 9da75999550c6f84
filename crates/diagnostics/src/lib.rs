//! Errors and warnings about input: what happened, where (file, line, column and the source line itself) and
//! what to write instead.
//!
//! One type for all loaders, one renderer for all output. This crate does no IO and never prints: a front end
//! asks for a [`Diagnostic`] as text ([`Diagnostic::render`]) or serialises it.

mod render;
pub mod secrets;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

pub use render::Style;

/// A text that was read, and the name to show for it. Cheap to clone and to point into.
#[derive(Clone, PartialEq, Eq)]
pub struct Source(Arc<SourceText>);

#[derive(PartialEq, Eq)]
struct SourceText {
    name: String,
    text: String,
}

impl Source {
    /// A text and the name a person knows it by (a path as given on the command line, or `<stdin>`).
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Arc::new(SourceText { name: name.into(), text: text.into() }))
    }

    /// The name to show.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// A place in this text. A range outside the text, or inside a character, is moved to the nearest place
    /// that exists: a diagnostic must never be the thing that fails.
    pub fn place(&self, range: Range<usize>) -> Place {
        let start = floor_char_boundary(self.text(), range.start);
        let end = floor_char_boundary(self.text(), range.end).max(start);
        Place { source: self.clone(), start, end }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.name).finish()
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// A range of a source, in bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    source: Source,
    start: usize,
    end: usize,
}

impl Place {
    /// The source this is a part of.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The range, in bytes of the source.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> usize {
        let line_start = self.before().rfind('\n').map_or(0, |at| at + 1);
        self.source.text()[line_start..self.start].chars().count() + 1
    }

    /// The same place in a text that shows nothing behind it on its line: somebody may have written a secret there.
    #[must_use]
    pub fn without_rest(&self) -> Self {
        let text = self.source.text();
        let line_end = text[self.end..].find('\n').map_or(text.len(), |at| self.end + at);
        let hidden = format!("{} ...{}", &text[..self.end], &text[line_end..]);
        Source::new(self.source.name(), hidden).place(self.range())
    }

    fn before(&self) -> &str {
        &self.source.text()[..self.start]
    }
}

impl fmt::Display for Place {
    /// `file:line:column`, the form that editors and terminals make clickable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name(), self.line(), self.column())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whether a diagnostic stops the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; nothing needs to change.
    Note,
    /// The input is used, but perhaps not as its author meant.
    Warning,
    /// The input is refused.
    Error,
}

impl Severity {
    /// `note`, `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One finding about the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether this stops the work.
    pub severity: Severity,
    /// A stable short name, for machines (`stack-file/unknown-key`).
    pub code: &'static str,
    /// What happened, to what; one sentence without a final full stop.
    pub message: String,
    /// Where, if it is about a place in a file.
    pub place: Option<Place>,
    /// What to say at that place, when the message alone does not.
    pub label: Option<String>,
    /// Other places that matter, each with a remark.
    pub related: Vec<(Place, String)>,
    /// What to do next, or to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning without a place yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A finding of any severity, without a place yet.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            place: None,
            label: None,
            related: Vec::new(),
            help: None,
        }
    }

    /// The same, at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same, with a remark at its place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same, with another place that matters.
    #[must_use]
    pub fn related(mut self, place: Place, remark: impl Into<String>) -> Self {
        self.related.push((place, remark.into()));
        self
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The diagnostic as a person reads it, with the source line and a marker below it.
    pub fn render(&self, style: Style) -> String {
        render::render(self, style)
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: message (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Diagnostic", 7)?;
        object.serialize_field("severity", self.severity.as_str())?;
        object.serialize_field("code", self.code)?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("file", &self.place.as_ref().map(|place| place.source.name()))?;
        object.serialize_field("line", &self.place.as_ref().map(Place::line))?;
        object.serialize_field("column", &self.place.as_ref().map(Place::column))?;
        object.serialize_field("help", &self.help)?;
        object.end()
    }
}
