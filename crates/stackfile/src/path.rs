//! The way from the root of a file to a value, for messages (`services.app.ports[0]`) and for tables of fields.

use std::fmt;

/// One step, and the steps before it.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

impl<'a> Path<'a> {
    pub(crate) const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    pub(crate) fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    pub(crate) fn item(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Item(index) }
    }

    /// The last key, for messages about a field.
    pub(crate) fn last(&self) -> &'a str {
        match self.step {
            Step::Key(key) => key,
            Step::Item(_) => self.parent.map_or("", Path::last),
            Step::Root => "",
        }
    }

    /// Whether this is the path that a pattern describes: `*` is any step, `[]` any item of a list.
    pub(crate) fn matches(&self, pattern: &[&str]) -> bool {
        match (self.step, pattern.split_last()) {
            (Step::Root, None) => true,
            (Step::Root, Some(_)) | (_, None) => false,
            (step, Some((&last, before))) => {
                let same = match step {
                    Step::Key(key) => last == "*" || last == key,
                    Step::Item(_) => last == "*" || last == "[]",
                    Step::Root => false,
                };
                same && self.parent.is_some_and(|parent| parent.matches(before))
            }
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else { return Ok(()) };
        parent.fmt(f)?;
        match self.step {
            Step::Key(key) if matches!(parent.step, Step::Root) => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Item(index) => write!(f, "[{index}]"),
            Step::Root => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_and_matched() {
        let services = Path::ROOT.key("services");
        let app = services.key("app");
        let ports = app.key("ports");
        let first = ports.item(0);
        let target = first.key("target");
        assert_eq!(target.to_string(), "services.app.ports[0].target");
        assert!(target.matches(&["services", "*", "ports", "[]", "target"]));
        assert!(!target.matches(&["services", "*", "ports", "target"]));
        assert!(!first.matches(&["services", "*", "ports"]));
    }
}
