//! Secrets that others may print, and the texts without them. Pure.
//!
//! A task that fails prints its environment, a healthcheck shows an answer, the engine repeats the command that it could not
//! start: a deploy tells all of that, and records some of it. What specs carry under a secret's name, passwords in addresses
//! and the contents of the stack's own secrets are taken out first.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::secrets;
use serde_json::Value;

use crate::error::Restored;
use crate::event::Event;
use crate::live::content;
use crate::release::Specs;
use crate::target::Target;

/// What stands for a secret, whatever its length.
const MASK: &str = "***";
/// A shorter one could be a part of any word, and is hidden only where its name or an address shows it.
const UNIQUE: usize = 8;
/// A line of a longer secret that is shorter than this is not looked for by itself.
const LINE: usize = 12;
/// What separates `name=value` in the options of drivers, in addresses and in connection strings.
const SEPARATORS: [char; 6] = [',', '&', ';', '?', ' ', '\n'];
/// Last words of the names of variables whose values are no secrets, whatever else they are used for.
const OPEN: [&str; 6] = ["user", "username", "db", "database", "name", "host"];

/// The secrets of one deploy. Its `Debug` shows none.
#[derive(Default)]
pub(crate) struct Hidden {
    /// Texts that are hidden wherever they are, the longest first.
    everywhere: Vec<String>,
    /// Texts that show a short secret, and what stands for each.
    shown: Vec<(String, String)>,
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl Hidden {
    /// The secrets of what is wanted and of what was there before.
    pub(crate) fn of(target: &Target, previous: &Specs) -> Self {
        let mut found = Found::default();
        for wanted in target.services.values() {
            found.open.extend([wanted.key.clone(), wanted.name.clone()]);
            found.value("", &wanted.body);
        }
        previous.values().flatten().for_each(|spec| found.value("", spec));
        target.networks.iter().for_each(|(_, body)| found.value("", body));
        for secret in &target.secrets {
            found.content(&String::from_utf8_lossy(&content(&secret.body)), true);
        }
        for config in &target.configs {
            found.content(&String::from_utf8_lossy(&content(&config.body)), false);
        }
        found.open.insert(target.stack.clone());
        found.hidden()
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.everywhere.iter().filter(|secret| !secret.is_empty()) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        for (shown, instead) in &self.shown {
            if text.contains(shown.as_str()) {
                text = text.replace(shown.as_str(), instead);
            }
        }
        text
    }

    /// The texts without secrets.
    pub(crate) fn texts(&self, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    /// The event without secrets, as far as it repeats what others say.
    pub(crate) fn event(&self, event: Event) -> Event {
        let note = |note: Option<String>| note.map(|note| self.text(&note));
        match event {
            Event::Warning { message } => Event::Warning { message: self.text(&message) },
            Event::Service(mut service) => {
                service.note = note(service.note);
                Event::Service(service)
            }
            Event::Recreating { phase, message } => Event::Recreating { phase, message: self.text(&message) },
            Event::Gate { gate, kind, revision, message } => {
                Event::Gate { gate, kind, revision, message: self.text(&message) }
            }
            Event::Check { check, state, note: said } => Event::Check { check, state, note: note(said) },
            Event::RollingBack { reason } => Event::RollingBack { reason: self.text(&reason) },
            Event::Finished { outcome, release, message } => {
                Event::Finished { outcome, release, message: self.text(&message) }
            }
            other @ (Event::Plan(_)
            | Event::LeaseWaiting { .. }
            | Event::LeaseTaken { .. }
            | Event::Object { .. }) => other,
        }
    }

    /// What could not be put back, without secrets.
    pub(crate) fn restored(&self, restored: Restored) -> Restored {
        match restored {
            Restored::Whole => Restored::Whole,
            Restored::Incomplete(list) => Restored::Incomplete(self.texts(&list)),
        }
    }
}

/// Secrets as they are found: value and name, and what is openly said elsewhere.
#[derive(Default)]
struct Found {
    secrets: BTreeMap<String, BTreeSet<String>>,
    open: BTreeSet<String>,
}

impl Found {
    /// What a part of a spec holds; `name` is its key.
    fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| self.value(key, value)),
            Value::Array(items) => {
                let mut flag = None;
                for item in items {
                    let Some(word) = item.as_str() else {
                        self.value(name, item);
                        continue;
                    };
                    if let Some(flag) = flag.take() {
                        self.named(flag, word);
                    }
                    self.word(word);
                    flag = word.starts_with('-').then(|| word.trim_start_matches('-'));
                }
            }
            Value::String(text) => self.named(name, text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A word of a list: `NAME=value` of an environment, `--name=value` of a command, or any other.
    fn word(&mut self, word: &str) {
        match word.split_once('=') {
            Some((name, value)) => self.named(name.trim_start_matches('-'), value),
            None => self.named("", word),
        }
    }

    /// A text with a name.
    fn named(&mut self, name: &str, text: &str) {
        let last = name.rsplit(['_', '.', '-']).next().unwrap_or_default();
        if OPEN.iter().any(|word| last.eq_ignore_ascii_case(word)) {
            self.open.insert(text.to_owned());
        }
        if may_be_secret(name) && secrets::is_name(name) {
            self.add(name, text);
        }
        if let Some(range) = secrets::url_password(text) {
            self.add("", &text[range]);
        }
        if text.contains("PRIVATE KEY-----") {
            self.lines(text);
        }
        if text.contains('=') {
            for (name, value) in text.split(SEPARATORS).filter_map(|part| part.split_once('=')) {
                if may_be_secret(name) && secrets::is_name(name) {
                    self.add(name, value.trim_matches(['"', '\'']));
                }
            }
        }
    }

    /// A file: the whole of it, if it is a secret, and what it names as one.
    fn content(&mut self, text: &str, secret: bool) {
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
            self.value("", &value);
        }
        for line in text.lines() {
            if let Some((name, value)) = line.split_once(['=', ':']) {
                self.named(
                    name.trim_matches([' ', '\t', '"', '\'']),
                    value.trim_matches([' ', '\t', '"', '\'']),
                );
            }
            self.named("", line);
        }
        if secret && text.trim().lines().count() == 1 {
            self.add("", text.trim());
        } else if secret {
            self.lines(text);
        }
    }

    fn lines(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| line.len() >= LINE && !line.contains("-----")) {
            self.add("", line);
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        if !secrets::is_harmless(value) && !value.contains('\u{fffd}') {
            self.secrets.entry(value.to_owned()).or_default().insert(name.to_owned());
        }
    }

    fn hidden(self) -> Hidden {
        let mut hidden = Hidden::default();
        for (value, names) in self.secrets {
            if value.len() >= UNIQUE && !self.open.contains(&value) {
                // As JSON has it, and as an address has it.
                let quoted = Value::from(value.as_str()).to_string();
                let forms = [
                    quoted.trim_matches('"').to_owned(),
                    secrets::percent_encoded(&value),
                    secrets::percent_decoded(&value),
                    value,
                ];
                hidden.everywhere.extend(forms);
                continue;
            }
            hidden.shown.push((format!(":{value}@"), format!(":{MASK}@")));
            for name in names.iter().filter(|name| !name.is_empty()) {
                for between in ["=", ": ", "='", "=\"", " "] {
                    let instead = format!("{name}{between}{MASK}");
                    hidden.shown.push((format!("{name}{between}{value}"), instead));
                }
            }
        }
        hidden.everywhere.sort_by_key(|text| std::cmp::Reverse(text.len()));
        hidden.everywhere.dedup();
        hidden
    }
}

/// Whether it is worth while to look closer: nearly no name of a spec is a secret's.
fn may_be_secret(name: &str) -> bool {
    const HINTS: [&str; 6] = ["pass", "pwd", "secret", "token", "key", "credential"];
    let bytes = name.as_bytes();
    HINTS.iter().any(|hint| bytes.windows(hint.len()).any(|part| part.eq_ignore_ascii_case(hint.as_bytes())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hidden(spec: &Value) -> Hidden {
        let mut found = Found::default();
        found.value("", spec);
        found.hidden()
    }

    #[test]
    fn what_a_spec_carries_under_a_secrets_name_is_hidden_wherever_it_is_printed() {
        let spec = json!({ "TaskTemplate": {
            "ContainerSpec": {
                "Env": ["DB_PASSWORD=hunter2-one", "URL=postgresql://u:hunter2%40two@db/x", "PLAIN=visible-text"],
                "Command": ["serve", "--api-token=hunter2-three", "--auth-token", "hunter2-four", "--port", "80-eighty"],
                "Mounts": [{ "VolumeOptions": { "DriverConfig": { "Options": { "o": "user=x,password=hunter2-five" } } } }],
            },
            "LogDriver": { "Options": { "splunk-token": "hunter2-six", "splunk-url": "https://logs" } },
        } });
        let said =
            "hunter2-one hunter2@two hunter2%40two hunter2-three hunter2-four hunter2-five hunter2-six";
        assert_eq!(hidden(&spec).text(said), ["***"; 7].join(" "));
        let open = "visible-text 80-eighty https://logs serve postgresql://";
        assert_eq!(hidden(&spec).text(open), open);
    }

    #[test]
    fn a_short_secret_or_one_that_is_also_a_name_is_hidden_only_where_it_shows_itself() {
        let spec = json!({ "Env": ["POSTGRES_USER=postgres", "POSTGRES_PASSWORD=postgres", "TOKEN=abc"] });
        let said = "postgres said POSTGRES_PASSWORD=postgres, TOKEN: abc, alphabet, postgresql://postgres:postgres@db";
        let expected =
            "postgres said POSTGRES_PASSWORD=***, TOKEN: ***, alphabet, postgresql://postgres:***@db";
        assert_eq!(hidden(&spec).text(said), expected);
    }

    #[test]
    fn a_secrets_content_is_hidden_by_its_lines_and_by_what_it_names() {
        let mut found = Found::default();
        found.content("one-line-of-it\n", true);
        found.content("-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END PRIVATE KEY-----\n", true);
        found.content("{\"db\": {\"password\": \"in-json-text\"}}", false);
        found.content("[server]\nport = 8080-open\napi_key = in-an-ini-file\n", false);
        let said = "one-line-of-it MIIEpAIBAAKCAQEA in-json-text in-an-ini-file 8080-open";
        assert_eq!(found.hidden().text(said), "*** *** *** *** 8080-open");
    }

    #[test]
    fn what_has_escapes_in_json_is_hidden_there_too() {
        let spec = json!({ "Env": ["A_SECRET=say \"hunter2\" loud"] });
        let line = json!({ "env": "say \"hunter2\" loud" }).to_string();
        assert_eq!(hidden(&spec).text(&line), r#"{"env":"***"}"#);
    }
}
