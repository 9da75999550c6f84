//! A secret that a test plants, and the search for it wherever it must not be.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A text that occurs nowhere by chance.
#[derive(Debug, Clone)]
pub struct Canary(String);

impl Canary {
    /// Takes the text; it must be long enough not to occur by chance.
    #[track_caller]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        assert!(text.len() >= 12, "a canary of {} bytes could occur by chance", text.len());
        Self(text)
    }

    /// Panics when the text, or its base64 or hex form, is in `haystack`.
    #[track_caller]
    pub fn assert_absent(&self, place: &str, haystack: &str) {
        let found = self.forms().into_iter().find(|form| haystack.contains(form.as_str()));
        assert!(found.is_none(), "the secret is in {place}, as {found:?}:\n{haystack}");
    }

    /// Panics when a process that runs now has the text among its arguments.
    #[track_caller]
    pub fn assert_absent_from_arguments(&self) {
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let path = process.path().join("cmdline");
            if let Ok(arguments) = fs::read(&path) {
                let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
                self.assert_absent(&path.display().to_string(), &arguments);
            }
        }
    }

    fn forms(&self) -> Vec<String> {
        let hex = self.0.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        // Inside longer base64 the text can start at any of three offsets; the ends are cut off.
        let base64 = (0..3).map(|offset| {
            let mut bytes = vec![0; offset];
            bytes.extend(self.0.bytes());
            let encoded = STANDARD.encode(&bytes);
            let start = [0, 2, 3][offset];
            let whole = bytes.len() / 3 * 4;
            encoded[start..whole].to_owned()
        });
        [self.0.clone(), hex].into_iter().chain(base64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_plain_in_hex_and_at_each_offset_in_base64() {
        let canary = Canary::new("correct-horse-battery");
        for prefix in ["", "a", "ab", "abc"] {
            let encoded = STANDARD.encode(format!("{prefix}correct-horse-battery-and-more"));
            assert!(canary.forms().iter().any(|form| encoded.contains(form)), "{prefix}: {encoded}");
        }
        canary.assert_absent("a harmless text", "nothing to see");
    }

    #[test]
    #[should_panic(expected = "the secret is in an output")]
    fn a_plain_secret_is_reported() {
        Canary::new("correct-horse-battery").assert_absent("an output", "password=correct-horse-battery");
    }
}
