//! Reading a stack file.

use std::path::{Path, PathBuf};

use diagnostics::Diagnostic;

use crate::files;

/// One stack file, read.
#[derive(Clone, Debug)]
pub struct Input {
    /// The name to show in messages: the path as given, or `<stdin>`.
    pub name: String,
    /// Where it was read from; `None` for standard input.
    pub path: Option<PathBuf>,
    /// Its text.
    pub text: String,
}

impl Input {
    /// Reads a file: UTF-8, or UTF-16 with a byte order mark.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let name = path.display().to_string();
        let refused = |problem: &str| {
            Diagnostic::error(
                "stack-file/unreadable",
                format!("the stack file {name} cannot be read: {problem}"),
            )
        };
        let bytes = files::read(path, files::TEXT_LIMIT).map_err(|error| {
            let help = match error.kind() {
                std::io::ErrorKind::NotFound => "check the path; relative ones start from the current folder",
                _ => "check that it is a file and that you may read it",
            };
            refused(&error.to_string()).help(help)
        })?;
        let text = decode(bytes).ok_or_else(|| refused("it is not UTF-8").help("save the file as UTF-8"))?;
        Ok(Self { name, path: Some(path.to_owned()), text })
    }

    /// A text from standard input.
    pub fn stdin(text: impl Into<String>) -> Self {
        Self { name: "<stdin>".into(), path: None, text: text.into() }
    }
}

/// The text of a file, without its byte order mark.
fn decode(bytes: Vec<u8>) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2))
    };
    match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        for (bytes, text) in [
            (b"a: 1".to_vec(), Some("a: 1")),
            (b"\xef\xbb\xbfa: 1".to_vec(), Some("a: 1")),
            (b"\xff\xfea\0:\0".to_vec(), Some("a:")),
            (b"\xfe\xff\0a\0:".to_vec(), Some("a:")),
            (b"\xff\xfea\0:".to_vec(), None),
            (b"\xc3\x28".to_vec(), None),
        ] {
            assert_eq!(decode(bytes.clone()).as_deref(), text, "{bytes:?}");
        }
    }
}
