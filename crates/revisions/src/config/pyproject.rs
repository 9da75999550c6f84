//! `[tool.alembic]` of pyproject.toml (Alembic 1.16 and later). Pure.

use diagnostics::{Diagnostic, Place, Source};
use toml::{Table, Value};

use crate::secret::without_passwords;

/// The table, and the folder that `%(here)s` stands for.
#[derive(Debug)]
pub(super) struct Pyproject {
    source: Source,
    table: Table,
    here: String,
}

impl Pyproject {
    /// Parses a text; nothing when it has no `[tool.alembic]`.
    pub(super) fn parse(name: &str, text: &str, here: &str) -> Result<Option<Self>, Diagnostic> {
        let source = Source::new(name, without_passwords(text));
        let whole: Table = text.parse().map_err(|error: toml::de::Error| {
            Diagnostic::error("alembic-config/syntax", format!("not valid TOML: {}", error.message().trim()))
                .at(source.place(error.span().unwrap_or_default()))
                .help("correct the file; Alembic reads [tool.alembic] from it")
        })?;
        let tool = whole.get("tool").and_then(|tool| tool.get("alembic"));
        match tool {
            None => Ok(None),
            Some(Value::Table(table)) => {
                Ok(Some(Self { table: table.clone(), here: here.to_owned(), source }))
            }
            Some(_) => Err(Diagnostic::error("alembic-config/wrong-type", "tool.alembic is not a table")
                .at(source.place(0..0))
                .help("write a section [tool.alembic]")),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Diagnostic> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => self.expand(key, text).map(Some),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    pub(super) fn list(&self, key: &str) -> Result<Option<Vec<String>>, Diagnostic> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| self.wrong(key, "a list of strings"))?;
        let texts = items.iter().map(|item| match item {
            Value::String(text) => self.expand(key, text),
            _ => Err(self.wrong(key, "a list of strings")),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, Diagnostic> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Boolean(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(key, "true or false, without quotes")),
        }
    }

    pub(super) fn integer(&self, key: &str) -> Result<Option<i64>, Diagnostic> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Integer(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(key, "a whole number")),
        }
    }

    /// Where a key is written, as near as its name tells.
    pub(super) fn place(&self, key: &str) -> Place {
        let text = self.source.text();
        let section = text.find("[tool.alembic]").unwrap_or_default();
        let at = text[section..].find(key).map_or(0..0, |at| section + at..section + at + key.len());
        self.source.place(at)
    }

    /// Python's `%` formatting with `%(here)s`, which is all that Alembic defines.
    fn expand(&self, key: &str, text: &str) -> Result<String, Diagnostic> {
        let expanded = text.replace("%(here)s", &self.here).replace("%%", "\u{0}");
        if expanded.contains('%') {
            return Err(Diagnostic::error(
                "alembic-config/interpolation",
                "a '%' is neither '%%' nor '%(here)s'",
            )
            .at(self.place(key))
            .help("write '%%' for a percent sign"));
        }
        Ok(expanded.replace('\u{0}', "%"))
    }

    fn wrong(&self, key: &str, wanted: &str) -> Diagnostic {
        Diagnostic::error("alembic-config/wrong-type", format!("`{key}` of [tool.alembic] is not {wanted}"))
            .at(self.place(key))
            .help(format!("write {wanted}"))
    }
}
