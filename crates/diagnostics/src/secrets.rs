//! What looks like a secret: names of variables, and values that can be nothing else. Here, because everything that quotes
//! input or repeats others' words must agree on it.

use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

/// Words of a name that say that its value is a secret.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "secret",
    "secrets",
    "token",
    "apikey",
    "credential",
    "credentials",
    "authkey",
];

/// Pairs of words that do.
const PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("access", "key"),
    ("auth", "key"),
    ("encryption", "key"),
    ("master", "key"),
    ("private", "key"),
    ("signing", "key"),
];

/// Last words of a name that say something about a secret, and are none.
const HARMLESS: &[&str] = &[
    "file",
    "path",
    "dir",
    "name",
    "user",
    "username",
    "ttl",
    "expiry",
    "expires",
    "expire",
    "expiration",
    "seconds",
    "minutes",
    "hours",
    "days",
    "length",
    "enabled",
    "policy",
    "type",
    "algorithm",
    "issuer",
    "url",
    "uri",
    "host",
    "hostname",
    "port",
    "id",
    "lifetime",
    "timeout",
    "count",
    "limit",
    "min",
    "max",
    "required",
    "header",
    "audience",
    "prefix",
];

static URL_PASSWORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@").ok());

static REFERENCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*(?::?\?[^}]*)?\})$").ok());

/// Whether a variable of this name holds a secret.
pub fn is_name(name: &str) -> bool {
    let words = words(name);
    if words.last().is_some_and(|last| HARMLESS.contains(&last.as_str())) {
        return false;
    }
    words.iter().any(|word| WORDS.contains(&word.as_str()))
        || words.windows(2).any(|pair| PAIRS.contains(&(pair[0].as_str(), pair[1].as_str())))
        // `PGPASSWORD`, `MYSQLPASSWORD`: no word of its own.
        || words.iter().any(|word| word.ends_with("password"))
}

/// The words of a name in any of the usual spellings, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        let starts = !c.is_alphanumeric() || (lower_before && c.is_uppercase());
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value is a secret whatever its name is: a key, or an address with a password.
pub fn is_value(value: &str) -> bool {
    value.contains("PRIVATE KEY-----") || url_password(value).is_some()
}

/// Where the password of an address is in a text.
pub fn url_password(text: &str) -> Option<std::ops::Range<usize>> {
    let found = URL_PASSWORD.as_ref()?.captures(text)?.get(1)?;
    Some(found.range()).filter(|_| !is_reference(found.as_str()))
}

/// Whether a text only refers to a value that is elsewhere: `$NAME`, `${NAME}` or `${NAME:?message}`.
pub fn is_reference(text: &str) -> bool {
    REFERENCE.as_ref().is_some_and(|reference| reference.is_match(text))
}

/// Whether a value holds no secret, though its variable is named like one.
pub fn is_harmless(value: &str) -> bool {
    value.is_empty() || value.starts_with("/run/secrets/") || matches!(value, "true" | "false" | "yes" | "no")
}

/// A text of `NAME=value` lines with everything but the names starred out, byte for byte, so that places in it stay right. For
/// sources that findings quote: any value can be a secret, and a line without a name may be the rest of one.
pub fn without_values(text: &str) -> String {
    let is_name = |name: &&str| {
        let name = name.trim_start().strip_prefix("export ").unwrap_or(name).trim();
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    };
    let line = |line: &str| {
        let name = line.split_once('=').map(|(name, _)| name).filter(is_name);
        let (name, value) = line.split_at(name.map_or(0, |name| name.len() + 1));
        format!("{name}{}", starred(value))
    };
    text.split_inclusive('\n').map(line).collect()
}

/// A text with the values starred out that are written behind a secret's name (`db_password = x`), byte for byte.
pub fn without_named(text: &str) -> String {
    let line = |line: &str| {
        let end =
            line.find(['=', ':']).filter(|end| is_name(line[..*end].trim_matches([' ', '\t', '"', '\''])));
        let (name, value) = line.split_at(end.map_or(line.len(), |end| end + 1));
        format!("{name}{}", starred(value))
    };
    text.split_inclusive('\n').map(line).collect()
}

fn starred(text: &str) -> String {
    let star = |c: char| if c.is_whitespace() { c.to_string() } else { "*".repeat(c.len_utf8()) };
    text.chars().map(star).collect()
}

/// A text as an address has it: everything but the unreserved characters is encoded (RFC 3986), as `SQLAlchemy` and most people's
/// scripts do.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// What a text of an address means; an escape that is none stays as it is, as in Python's `unquote`.
pub fn percent_decoded(text: &str) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.first().and_then(digit).zip(after.get(1).and_then(digit));
        if let Some((high, low)) = digits.filter(|_| first == b'%') {
            decoded.push(high * 16 + low);
            rest = &after[2..];
        } else {
            decoded.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_starred_out_and_everything_keeps_its_place() {
        let text = "A=x y\n# hunter2\nMII+/x==\nexport B=\"é\"\n";
        assert_eq!(without_values(text), "A=* *\n* *******\n********\nexport B=****\n");
        let text = "[a]\nurl = x\ndb_password = hunter2\n\"api_key\": 'x'\n";
        assert_eq!(without_named(text), "[a]\nurl = x\ndb_password = *******\n\"api_key\": ***\n");
    }

    #[test]
    fn addresses() {
        assert_eq!(percent_encoded("pa55:w@rd \u{e9}~"), "pa55%3Aw%40rd%20%C3%A9~");
        assert_eq!(percent_decoded("pa55%3aw%40rd%20%C3%A9~"), "pa55:w@rd \u{e9}~");
        for none in ["%", "%4", "%zz", "%+1", "100%"] {
            assert_eq!(percent_decoded(none), none);
        }
    }

    #[test]
    fn names() {
        for name in [
            "POSTGRES_PASSWORD",
            "PGPASSWORD",
            "SECRET_KEY_BASE",
            "apiKey",
            "AWS_SECRET_ACCESS_KEY",
            "db.password",
            "GITHUB_TOKEN",
            "SMTP_PASS",
            "JWT_SECRET",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "POSTGRES_PASSWORD_FILE",
            "TOKEN_TTL",
            "PATH",
            "COMPASS",
            "KEY",
            "PASSENGERS",
            "SECRET_NAME",
            "HOST",
            "SECRET_PATH",
            "PASSWORD_MIN_LENGTH",
            "TOKEN_URL",
            "MONKEY",
            "BYPASS",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn values() {
        assert!(is_value("postgresql://app:hunter2@db/app"));
        assert!(is_value("-----BEGIN RSA PRIVATE KEY-----"));
        assert!(!is_value("postgresql://app@db/app"));
        assert!(!is_value("postgresql://app:${PASSWORD}@db/app"));
        assert!(!is_value("http://localhost:80/a@b"));
    }

    #[test]
    fn references() {
        for text in ["$A", "${A}", "${A:?set it}", "${A?set it}"] {
            assert!(is_reference(text), "{text}");
        }
        for text in ["a", "${A:-hunter2}", "${A-x}", "${A}b", ""] {
            assert!(!is_reference(text), "{text}");
        }
    }
}
