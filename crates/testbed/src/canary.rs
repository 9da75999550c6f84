//! A secret that a test plants, and the search for it wherever it must not be. Every one that a test makes is known to the whole
//! test process: [`crate::command`] looks for all of them in what each run of Tidegate prints.

use std::fs;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// All that this process has planted.
static PLANTED: Mutex<Vec<Canary>> = Mutex::new(Vec::new());

/// A text that occurs nowhere by chance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    text: String,
    /// The text as it is, in base64, in hex, as an address, JSON and a password file have it.
    forms: Vec<String>,
}

impl Canary {
    /// Takes the text; it must be long enough not to occur by chance.
    #[track_caller]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        assert!(text.len() >= 12, "a canary of {} bytes could occur by chance", text.len());
        let canary = Self { forms: forms(&text), text };
        let mut planted = PLANTED.lock().unwrap_or_else(PoisonError::into_inner);
        if !planted.contains(&canary) {
            planted.push(canary.clone());
        }
        canary
    }

    /// All that this process has planted.
    pub fn planted() -> Vec<Self> {
        PLANTED.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The form in which the text is in `haystack`, if it is.
    pub fn found_in(&self, haystack: &str) -> Option<&str> {
        self.forms.iter().find(|form| haystack.contains(form.as_str())).map(String::as_str)
    }

    /// Panics when the text, or another form of it, is in `haystack`.
    #[track_caller]
    pub fn assert_absent(&self, place: &str, haystack: &str) {
        let found = self.found_in(haystack);
        assert!(found.is_none(), "the secret {:?} is in {place}, as {found:?}:\n{haystack}", self.text);
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
}

fn forms(text: &str) -> Vec<String> {
    let hex = text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    // Inside longer base64 the text can start at any of three offsets; the ends are cut off.
    let base64 = (0..3).map(|offset| {
        let mut bytes = vec![0; offset];
        bytes.extend(text.bytes());
        let encoded = STANDARD.encode(&bytes);
        let start = [0, 2, 3][offset];
        let whole = bytes.len() / 3 * 4;
        encoded[start..whole].to_owned()
    });
    let of_url = |form: String| form.replace('+', "-").replace('/', "_");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let json = serde_json::Value::from(text).to_string();
    let mut forms = vec![text.to_owned(), hex.to_uppercase(), hex, text.bytes().map(escape).collect()];
    forms.push(json.trim_matches('"').to_owned());
    // As a password file has it.
    forms.push(text.replace('\\', r"\\").replace(':', r"\:"));
    forms.extend(base64.flat_map(|form| [of_url(form.clone()), form]));
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_plain_in_hex_and_at_each_offset_in_base64() {
        let canary = Canary::new("correct-horse-battery");
        for prefix in ["", "a", "ab", "abc"] {
            let encoded = STANDARD.encode(format!("{prefix}correct-horse-battery-and-more"));
            assert!(canary.found_in(&encoded).is_some(), "{prefix}: {encoded}");
        }
        canary.assert_absent("a harmless text", "nothing to see");
        assert!(Canary::planted().contains(&canary));
    }

    #[test]
    fn a_secret_is_found_as_addresses_and_json_have_it() {
        let canary = Canary::new("correct\"horse@battery");
        for form in ["correct%22horse%40battery", "{\"a\":\"correct\\\"horse@battery\"}"] {
            assert!(canary.found_in(form).is_some(), "{form}");
        }
    }

    #[test]
    #[should_panic(expected = "is in an output")]
    fn a_plain_secret_is_reported() {
        Canary::new("correct-horse-battery").assert_absent("an output", "password=correct-horse-battery");
    }
}
