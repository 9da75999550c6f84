//! Values that must never be seen: kept apart by type, and taken out of text that others wrote.

use std::fmt;

use diagnostics::secrets::percent_encoded;

/// What is shown in place of a secret.
const HIDDEN: &str = "********";
/// A secret shorter than this is taken out of foreign text only where its context shows that it is one: the
/// password `app` must not turn every `application` into asterisks.
const LONG_ENOUGH_TO_BE_UNIQUE: usize = 8;

/// A password. `Debug` and `Display` hide it; it is revealed only where it goes to the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a value out of sight.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The text with every appearance of this secret hidden, also as an address and as a password file have it.
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        let encoded = percent_encoded(&self.0);
        let escaped = self.0.replace('\\', r"\\").replace(':', r"\:");
        for form in [self.0.as_str(), &encoded, &encoded.replace("%20", "+"), &escaped] {
            if form.len() >= LONG_ENOUGH_TO_BE_UNIQUE {
                text = text.replace(form, HIDDEN);
            } else {
                text = text.replace(&format!(":{form}@"), &format!(":{HIDDEN}@"));
                for before in ["password=", "password='", "PASSWORD '", "password: ", "'password': '"] {
                    text = text.replace(&format!("{before}{form}"), &format!("{before}{HIDDEN}"));
                }
            }
        }
        text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_hides_itself_and_its_encoded_form() {
        let secret = Secret::new("pa55:w@rd");
        assert_eq!(format!("{secret} {secret:?}"), "******** ********");
        assert_eq!(
            secret.redact("postgresql://u:pa55%3Aw%40rd@h/d and password=pa55:w@rd, *:*:*:*:pa55\\:w@rd"),
            "postgresql://u:********@h/d and password=********, *:*:*:*:********"
        );
    }

    #[test]
    fn a_short_secret_does_not_eat_ordinary_words() {
        let secret = Secret::new("app");
        assert_eq!(
            secret.redact("application at postgresql://app:app@h/app"),
            "application at postgresql://app:********@h/app"
        );
    }

    #[test]
    fn an_empty_secret_changes_nothing() {
        assert_eq!(Secret::new("").redact("text"), "text");
    }
}
