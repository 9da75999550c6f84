//! A request's target: the path's segments and the query's parameters, decoded.

use std::collections::BTreeMap;

use engine::{Filter, TaskFilter, TaskState};
use serde_json::Value;

/// A request's target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) segments: Vec<String>,
    parameters: BTreeMap<String, String>,
    filters: BTreeMap<String, Vec<String>>,
}

impl Target {
    /// The target as it was sent, without the version of the API.
    pub(super) fn parse(text: &str) -> Self {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut segments: Vec<String> =
            path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
        if segments.first().is_some_and(|first| is_version(first)) {
            segments.remove(0);
        }
        let parameters: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (decode(key), decode(value)))
            .collect();
        let filters = parameters.get("filters").map_or_else(BTreeMap::new, |text| filters(text));
        Self { segments, parameters, filters }
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.parameters.get(name)?.parse().ok()
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.parameters.get(name).is_some_and(|value| matches!(value.as_str(), "1" | "true"))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.parameters.get(name).is_some_and(|value| !value.is_empty())
    }

    fn filter_values(&self, name: &str) -> Vec<String> {
        self.filters.get(name).cloned().unwrap_or_default()
    }

    /// Whether an object of this id passes the filter for ids: the engine compares their beginnings.
    pub(super) fn admits_id(&self, id: &str) -> bool {
        let wanted = self.filter_values("id");
        wanted.is_empty() || wanted.iter().any(|wanted| id.starts_with(wanted.as_str()))
    }

    pub(super) fn labels(&self) -> Vec<(String, String)> {
        let labels = self.filter_values("label");
        labels
            .iter()
            .map(|label| label.split_once('=').unwrap_or((label, "")))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    pub(super) fn filter(&self) -> Filter {
        Filter { labels: self.labels(), names: self.filter_values("name") }
    }

    pub(super) fn task_filter(&self) -> TaskFilter {
        let states = self.filter_values("desired-state");
        TaskFilter {
            services: self.filter_values("service"),
            labels: self.labels(),
            desired_states: states.iter().map(|word| TaskState::from_word(word)).collect(),
            attachments: self.filter_values("runtime").iter().any(|runtime| runtime == "attachment"),
        }
    }
}

/// `{"label": ["a=b"]}`, or `{"label": {"a=b": true}}` as the stock client writes it.
fn filters(text: &str) -> BTreeMap<String, Vec<String>> {
    let Ok(Value::Object(filters)) = serde_json::from_str(text) else { return BTreeMap::new() };
    let values = |value: Value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Object(map) => map.into_iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    };
    filters.into_iter().map(|(key, value)| (key, values(value))).collect()
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix("v1.").is_some_and(|minor| minor.parse::<u32>().is_ok())
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(escaped) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(escaped);
            at += 3;
        } else {
            decoded.push(if *byte == b'+' { b' ' } else { *byte });
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn both_ways_of_writing_filters_are_read() {
        for filters in
            ["%7B%22label%22%3A%5B%22a%3Db%22%5D%7D", "%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D"]
        {
            let target = Target::parse(&format!("/v1.41/services?filters={filters}&status=true"));
            assert_eq!(target.segments, ["services"]);
            assert_eq!(target.labels(), [("a".to_owned(), "b".to_owned())]);
            assert!(target.is_set("status"));
        }
    }

    #[test]
    fn a_path_is_decoded_and_a_broken_escape_stays() {
        assert_eq!(Target::parse("/services/a%2Fb%zz").segments, ["services", "a/b%zz"]);
    }
}
