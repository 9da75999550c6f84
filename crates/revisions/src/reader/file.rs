//! One revision file: from its text to a [`Revision`]. Pure.

use std::path::Path;

use diagnostics::{Diagnostic, Place, Source};
use ruff_python_ast::{Expr, Stmt};

use super::literal::{Binding, Bindings, Value};
use super::parse::parse;
use crate::revision::{Answer, Dynamic, Revision};

/// Reads one file. `answer` is what the project's own Python said about it, if it was asked.
pub(crate) fn read_file(
    file: &Path,
    source: &Source,
    answer: Option<&Answer>,
) -> Result<Revision, Diagnostic> {
    let parsed = parse(source)?;
    let body = parsed.suite();
    let bindings = Bindings::of(body, source.text());
    let reader = Reader { file, source, bindings };
    let mut revision = match answer {
        None => reader.read()?,
        Some(answer) => reader.answered(answer),
    };
    revision.message = message(body);
    Ok(revision)
}

/// The first line of the docstring.
fn message(body: &[Stmt]) -> String {
    let Some(Stmt::Expr(first)) = body.first() else { return String::new() };
    let Expr::StringLiteral(docstring) = first.value.as_ref() else { return String::new() };
    docstring.value.to_str().trim().lines().next().unwrap_or_default().trim_end().to_owned()
}

struct Reader<'a> {
    file: &'a Path,
    source: &'a Source,
    bindings: Bindings<'a>,
}

impl Reader<'_> {
    fn read(&self) -> Result<Revision, Diagnostic> {
        let (id, place) = self.id()?;
        let Some(down) = self.bindings.get("down_revision") else {
            return Err(self.missing_down_revision());
        };
        if down.value == Value::Computed {
            return Err(self.computed("down_revision", down));
        }
        let mut dynamic = Vec::new();
        Ok(Revision {
            id,
            down_revision: self.list("down_revision", Some(down))?,
            depends_on: without_empty(self.optional("depends_on", &mut dynamic)?),
            branch_labels: self.optional("branch_labels", &mut dynamic)?,
            file: self.file.to_owned(),
            message: String::new(),
            dynamic,
            place,
            down_revision_place: self.place_of("down_revision"),
            depends_on_place: self.place_of("depends_on"),
            branch_labels_place: self.place_of("branch_labels"),
        })
    }

    fn answered(&self, answer: &Answer) -> Revision {
        Revision {
            id: answer.revision.clone(),
            down_revision: answer.down_revision.clone(),
            depends_on: without_empty(answer.depends_on.clone()),
            branch_labels: answer.branch_labels.clone(),
            file: self.file.to_owned(),
            message: String::new(),
            dynamic: Vec::new(),
            place: self.place_of("revision").unwrap_or_else(|| self.source.place(0..0)),
            down_revision_place: self.place_of("down_revision"),
            depends_on_place: self.place_of("depends_on"),
            branch_labels_place: self.place_of("branch_labels"),
        }
    }

    fn id(&self) -> Result<(String, Place), Diagnostic> {
        let Some(binding) = self.bindings.get("revision") else {
            return self.id_of_name();
        };
        let place = self.source.place(binding.range.clone());
        match &binding.value {
            Value::Text(id) => Ok((id.clone(), place)),
            Value::Computed => Err(self.computed("revision", binding)),
            other => Err(Diagnostic::error(
                "revision-file/wrong-type",
                format!("`revision` is {}, but an id is a string", kind(other)),
            )
            .at(place)
            .help("write the id in quotes")),
        }
    }

    /// Files from before Alembic 0.2 carry their id in their name (alembic, script/base.py, `_legacy_rev`).
    fn id_of_name(&self) -> Result<(String, Place), Diagnostic> {
        let start = self.source.place(0..0);
        if let Some(star) = &self.bindings.star_import {
            return Err(computed_diagnostic("revision", self.source.place(star.clone())));
        }
        let stem = self.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if !stem.is_empty() && stem.bytes().all(hex) {
            return Ok((stem.to_owned(), start));
        }
        Err(Diagnostic::error("revision-file/no-revision", "the file declares no `revision`").at(start).help(
            "declare `revision` and `down_revision`, or move the file out of the folder: Alembic takes every .py \
             file here for a revision",
        ))
    }

    fn missing_down_revision(&self) -> Diagnostic {
        if let Some(star) = &self.bindings.star_import {
            return computed_diagnostic("down_revision", self.source.place(star.clone()));
        }
        let place = self.place_of("revision").unwrap_or_else(|| self.source.place(0..0));
        Diagnostic::error("revision-file/no-down-revision", "the file declares no `down_revision`")
            .at(place)
            .help("name the parent, or write `down_revision = None` for the first revision of a branch")
    }

    /// A declaration that may be absent. A star import could bind it too, but none is known to.
    fn optional(&self, name: &'static str, dynamic: &mut Vec<Dynamic>) -> Result<Vec<String>, Diagnostic> {
        let binding = self.bindings.get(name);
        if let Some(computed) = binding.filter(|binding| binding.value == Value::Computed) {
            dynamic.push(Dynamic { name, place: self.source.place(computed.range.clone()) });
            return Ok(Vec::new());
        }
        self.list(name, binding)
    }

    fn list(&self, name: &str, binding: Option<&Binding>) -> Result<Vec<String>, Diagnostic> {
        let Some(binding) = binding else { return Ok(Vec::new()) };
        let wrong = |what: &str| {
            Diagnostic::error("revision-file/wrong-type", format!("`{name}` is {what}"))
                .at(self.source.place(binding.range.clone()))
                .help("write None, an id in quotes, or a tuple of ids")
        };
        match &binding.value {
            Value::None => Ok(Vec::new()),
            Value::Text(text) => Ok(vec![text.clone()]),
            // Alembic takes a tuple that holds only None for None.
            Value::List(items) if matches!(items.as_slice(), [None]) => Ok(Vec::new()),
            Value::List(items) => {
                let texts: Option<Vec<String>> = items.iter().cloned().collect();
                texts.ok_or_else(|| wrong("a list with None among its ids"))
            }
            Value::Other(what) => Err(wrong(what)),
            Value::Computed => Err(self.computed(name, binding)),
        }
    }

    fn computed(&self, name: &str, binding: &Binding) -> Diagnostic {
        computed_diagnostic(name, self.source.place(binding.range.clone()))
    }

    fn place_of(&self, name: &str) -> Option<Place> {
        self.bindings.get(name).map(|binding| self.source.place(binding.range.clone()))
    }
}

/// `depends_on = ""` is no dependency for Alembic, unlike an empty `down_revision`.
fn without_empty(names: Vec<String>) -> Vec<String> {
    if names.iter().all(String::is_empty) { Vec::new() } else { names }
}

/// The code by which a caller knows that the project's own Python has the answer (see [`crate::read_with`]).
pub const COMPUTED: &str = "revision-file/computed";

fn computed_diagnostic(name: &str, place: Place) -> Diagnostic {
    Diagnostic::error(COMPUTED, format!("`{name}` is computed when the file is imported"))
        .at(place)
        .label("only running the file tells its value")
        .help("write the value out, as Alembic's own template does")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::None => "None",
        Value::Text(_) => "a string",
        Value::List(_) => "a list",
        Value::Other(kind) => kind,
        Value::Computed => "computed",
    }
}
