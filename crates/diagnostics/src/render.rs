//! Diagnostics as text, through `annotate-snippets` (the library behind rustc's own messages).

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::{Diagnostic, Place, Severity};

/// Whether the text may carry ANSI colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// No escape codes.
    Plain,
    /// ANSI colours.
    Coloured,
}

pub(crate) fn render(diagnostic: &Diagnostic, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(&diagnostic.message);
    let mut group = match &diagnostic.place {
        Some(place) => title.element(snippet(place, diagnostic.label.as_deref(), AnnotationKind::Primary)),
        None => Group::with_title(title),
    };
    for (place, remark) in &diagnostic.related {
        group = group.element(snippet(place, Some(remark), AnnotationKind::Context));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    }
    .render(&[group])
}

fn snippet<'a>(
    place: &'a Place,
    label: Option<&'a str>,
    kind: AnnotationKind,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let annotation = kind.span(place.range());
    let annotation = match label {
        Some(label) => annotation.label(label),
        None => annotation,
    };
    Snippet::source(place.source().text()).path(place.source().name()).annotation(annotation)
}
