//! A text that no output may show. Must not implement `Display`, nor serialise.

use std::fmt;

use diagnostics::secrets::without_named;

/// A secret text, such as a database URL with its password. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Marks a text as secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The text with the passwords of its URLs (`scheme://user:password@host`) and the values of options that are named like a
/// secret starred out, byte for byte, so that places in it stay right. For sources that diagnostics quote.
pub(crate) fn without_passwords(text: &str) -> String {
    without_named(&without_url_passwords(text))
}

fn without_url_passwords(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        result.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || c == '"' || c == '\'').unwrap_or(after.len());
        let authority = after[..end].rfind('@').unwrap_or_default();
        let password = after[..authority].find(':').map_or(authority, |colon| colon + 1);
        result.push_str(&after[..password]);
        result.push_str(&"*".repeat(authority - password));
        rest = &after[authority..];
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::{Secret, without_passwords};

    #[test]
    fn passwords_are_starred_out_and_everything_keeps_its_place() {
        let text = "url = postgresql://me:s3cr:t@db/x\nother = http://host:80/ 'a://b:c@d' end";
        let starred = "url = postgresql://me:******@db/x\nother = http://host:80/ 'a://b:*@d' end";
        assert_eq!(without_passwords(text), starred);
        assert_eq!(without_passwords("no url, a://, b://x:@"), "no url, a://, b://x:@");
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "Secret(..)");
    }
}
