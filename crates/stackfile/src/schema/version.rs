//! The version of a file's format.

use diagnostics::Diagnostic;

use crate::yaml::{Node, Value};

/// The newest version, which a file without `version` has.
const LATEST: Version = Version(13);

/// `3.<minor>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u8);

impl Version {
    /// The version that a file says it has. None, an empty one and `"3"` are the newest.
    pub(crate) fn of(root: &Node) -> Result<Self, Diagnostic> {
        let Some(node) = root.get("version") else { return Ok(LATEST) };
        let refused = |message: String| {
            Diagnostic::error("stack-file/version", message)
                .at(node.place.clone())
                .help("remove the line, or write a version from \"3.0\" to \"3.13\"")
        };
        let Value::String(text) = &node.value else {
            return Err(refused(format!("`version` must be a string, this is {}", node.kind()))
                .help("quote it: `version: \"3.8\"`, or remove the line"));
        };
        if text.is_empty() || text == "3" {
            return Ok(LATEST);
        }
        let minor = text.strip_prefix("3.").filter(|minor| *minor == "0" || !minor.starts_with('0'));
        minor
            .and_then(|minor| minor.parse().ok().filter(|&minor| minor <= LATEST.0 && !text.contains('+')))
            .map(Self)
            .ok_or_else(|| refused(format!("stack files of version `{text}` are not supported")))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "3.{}", self.0)
    }
}
