//! Path and query of a request, encoded.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

/// Path and query of a request.
pub(super) struct Target {
    text: String,
    separator: char,
}

impl Target {
    /// A path from its segments; each is encoded, slashes in it too.
    pub(super) fn new(segments: &[&str]) -> Self {
        let mut text = String::new();
        for segment in segments {
            text.push('/');
            encode(segment, "", &mut text);
        }
        Self { text, separator: '?' }
    }

    /// The path that asks about an image; an image's own slashes and colons stay as they are.
    pub(super) fn distribution(image: &str) -> Self {
        let mut text = "/distribution/".to_owned();
        encode(image, "/:@", &mut text);
        text.push_str("/json");
        Self { text, separator: '?' }
    }

    /// With one more parameter.
    pub(super) fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.text.push(std::mem::replace(&mut self.separator, '&'));
        encode(key, "", &mut self.text);
        self.text.push('=');
        encode(&value.to_string(), "", &mut self.text);
        self
    }

    /// With the engine's `filters` parameter; lists that are empty are left out.
    pub(super) fn filtered<const N: usize>(self, filters: [(&str, Vec<String>); N]) -> Self {
        let filters: Map<String, Value> = filters
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(key, values)| (key.to_owned(), Value::from(values)))
            .collect();
        if filters.is_empty() { self } else { self.with("filters", Value::Object(filters)) }
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }
}

/// Labels as the engine's filters take them.
pub(super) fn label_filter(labels: &[(String, String)]) -> Vec<String> {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn encode(text: &str, keep: &str, out: &mut String) {
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.as_bytes().contains(&byte);
        if plain {
            out.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn nothing_in_a_name_can_reach_another_path_or_parameter() {
        let target = Target::new(&["services", "../a?b#c d/é"]).with("x", "1&y=2").into_string();
        assert_eq!(target, "/services/..%2Fa%3Fb%23c%20d%2F%C3%A9?x=1%26y%3D2");
    }

    #[test]
    fn empty_filters_are_left_out() {
        let bare = Target::new(&["tasks"]).filtered([("label", vec![]), ("service", vec![])]).into_string();
        assert_eq!(bare, "/tasks");
        let one = Target::new(&["tasks"])
            .filtered([("label", vec![]), ("service", vec!["a".into()])])
            .into_string();
        assert_eq!(one, "/tasks?filters=%7B%22service%22%3A%5B%22a%22%5D%7D");
    }

    #[test]
    fn an_image_keeps_its_shape() {
        let target = Target::distribution("reg.example:5000/team/app:1.0@sha256:ab").into_string();
        assert_eq!(target, "/distribution/reg.example:5000/team/app:1.0@sha256:ab/json");
    }
}
