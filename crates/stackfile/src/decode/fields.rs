//! Reading the fields of one mapping. The schema has been checked, so a wrong type can only turn up where the
//! schema lets everything through; it is an error all the same, never a silent default.

use diagnostics::{Diagnostic, Place};

use super::Decoder;
use crate::model::{Duration, Flag, Keyed, Located, Strings, Text, Texts};
use crate::notation::{duration, size};
use crate::yaml::{Map, Node, Value};

/// The entries of a mapping; null has none.
pub(super) struct Fields<'a>(Option<&'a Map>);

impl<'a> Fields<'a> {
    pub(super) fn of(node: &'a Node) -> Self {
        Self(node.as_map())
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.0?.get(key).map(|entry| &entry.node).filter(|node| !node.is_null())
    }

    /// Where a key is.
    pub(super) fn key(&self, key: &str) -> Option<Place> {
        self.0?.get(key).map(|entry| entry.key.clone())
    }

    /// The fields of a mapping inside this one.
    pub(super) fn inside(&self, key: &str) -> Option<Fields<'a>> {
        self.get(key).map(Fields::of)
    }
}

fn located<T>(value: T, node: &Node) -> Located<T> {
    Located::new(value, node.place.clone())
}

impl Decoder<'_> {
    pub(super) fn wrong(&mut self, node: &Node, wanted: &str) {
        self.report.error(
            Diagnostic::error("stack-file/type", format!("this must be {wanted}, it is {}", node.kind()))
                .at(node.place.clone())
                .help(format!("write {wanted} here")),
        );
    }

    pub(super) fn refuse(&mut self, node: &Node, message: String, help: &str) {
        self.report.error(Diagnostic::error("stack-file/value", message).at(node.place.clone()).help(help));
    }

    pub(super) fn string(&mut self, node: &Node) -> Option<Located<String>> {
        if let Some(text) = node.as_str() {
            return Some(located(text.to_owned(), node));
        }
        self.wrong(node, "a string");
        None
    }

    pub(super) fn text(&mut self, fields: &Fields<'_>, key: &str) -> Text {
        fields.get(key).and_then(|node| self.string(node))
    }

    /// A scalar, as its text: where a number will do for a string.
    pub(super) fn scalar(&mut self, fields: &Fields<'_>, key: &str) -> Text {
        let node = fields.get(key)?;
        let text = node.scalar_text();
        if text.is_none() {
            self.wrong(node, "a string");
        }
        text.map(|text| located(text, node))
    }

    pub(super) fn flag(&mut self, fields: &Fields<'_>, key: &str) -> Flag {
        let node = fields.get(key)?;
        if let Value::Bool(value) = node.value {
            return Some(located(value, node));
        }
        self.wrong(node, "true or false");
        None
    }

    /// A whole number; a fraction is cut off, as the official client does where its schema lets one through.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn int(&mut self, fields: &Fields<'_>, key: &str) -> Option<Located<i64>> {
        let node = fields.get(key)?;
        match node.value {
            Value::Int(value) => Some(located(value, node)),
            Value::Float(value) if value.abs() < 9e18 => Some(located(value as i64, node)),
            _ => {
                self.wrong(node, "a whole number");
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub(super) fn count(&mut self, fields: &Fields<'_>, key: &str) -> Option<Located<u64>> {
        let node = fields.get(key)?;
        if let Value::Uint(value) = node.value {
            return Some(located(value, node));
        }
        let value = self.int(fields, key)?;
        if let Ok(value) = u64::try_from(value.value) {
            return Some(located(value, node));
        }
        self.refuse(node, format!("`{key}` must not be negative"), "write 0 or more");
        None
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // The engine takes a 32 bit float.
    pub(super) fn ratio(&mut self, fields: &Fields<'_>, key: &str) -> Option<Located<f32>> {
        let node = fields.get(key)?;
        match node.value {
            Value::Int(value) => Some(located(value as f32, node)),
            Value::Float(value) => Some(located(value as f32, node)),
            _ => {
                self.wrong(node, "a number");
                None
            }
        }
    }

    pub(super) fn duration(&mut self, fields: &Fields<'_>, key: &str) -> Duration {
        let text = self.text(fields, key)?;
        match duration::parse(&text) {
            Ok(value) => Some(Located::new(value, text.place)),
            Err(message) => {
                self.notation(&text, message, duration::HELP);
                None
            }
        }
    }

    pub(super) fn size(&mut self, fields: &Fields<'_>, key: &str) -> Option<Located<i64>> {
        let text = self.text(fields, key)?;
        match size::parse(&text) {
            Ok(value) => Some(Located::new(value, text.place)),
            Err(message) => {
                self.notation(&text, message, size::HELP);
                None
            }
        }
    }

    /// An error of one of the small notations.
    pub(super) fn notation<T>(&mut self, at: &Located<T>, message: String, help: &str) {
        self.report.error(Diagnostic::error("stack-file/value", message).at(at.place.clone()).help(help));
    }

    /// A string or a list of strings.
    pub(super) fn strings(&mut self, fields: &Fields<'_>, key: &str) -> Strings {
        self.strings_if_given(fields, key).unwrap_or_default()
    }

    /// The same, `None` if the key is absent.
    pub(super) fn strings_if_given(&mut self, fields: &Fields<'_>, key: &str) -> Option<Strings> {
        let node = fields.get(key)?;
        Some(match &node.value {
            Value::List(list) => list.iter().filter_map(|item| self.string(item)).collect(),
            _ => self.string(node).into_iter().collect(),
        })
    }

    /// A mapping or a list of `key=value`; no value is an empty one.
    pub(super) fn texts(&mut self, fields: &Fields<'_>, key: &str) -> Texts {
        let entries = self.values(fields, key);
        entries
            .into_iter()
            .map(|(key, value)| (key, Located::new(value.value.unwrap_or_default(), value.place)))
            .collect()
    }

    /// The same; no value stays none.
    pub(super) fn values(&mut self, fields: &Fields<'_>, key: &str) -> Keyed<Located<Option<String>>> {
        let Some(node) = fields.get(key) else { return Keyed::new() };
        let mut out = Keyed::new();
        match &node.value {
            Value::Map(map) => {
                for (key, entry) in map {
                    let value = entry.node.scalar_text();
                    if value.is_none() && !entry.node.is_null() {
                        self.wrong(&entry.node, "a string, a number or null");
                    }
                    out.insert(key.clone(), located(value, &entry.node));
                }
            }
            Value::List(list) => {
                for item in list {
                    let Some(text) = self.string(item) else { continue };
                    let (key, value) = match text.split_once('=') {
                        Some((key, value)) => (key, Some(value.to_owned())),
                        None => (text.as_str(), None),
                    };
                    out.insert(key.to_owned(), located(value, item));
                }
            }
            _ => self.wrong(node, "a mapping or a list"),
        }
        out
    }

    /// `driver_opts` and the like: `None` if the key is absent, which differs from an empty mapping.
    pub(super) fn options(&mut self, fields: &Fields<'_>, key: &str) -> Option<Texts> {
        fields.get(key)?;
        Some(self.texts(fields, key))
    }
}

/// A list of strings or numbers, as strings.
pub(super) fn scalars(fields: &Fields<'_>, key: &str) -> Strings {
    let list = fields.get(key).and_then(Node::as_list).unwrap_or_default();
    list.iter().filter_map(|node| node.scalar_text().map(|text| located(text, node))).collect()
}
