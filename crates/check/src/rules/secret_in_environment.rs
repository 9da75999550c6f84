//! A secret that everyone who may look at a service can read.

use diagnostics::{Severity, secrets as secret};
use stackfile::model::{EnvFile, Located, Service};

use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "secret-in-environment",
    level: Severity::Warning,
    summary: "a secret is in the plain environment of a service",
    what: "What is in `environment` is a part of the service's definition: `docker service inspect` shows it to everyone who \
           may ask a manager, every process of the container has it, and error reports like to carry it away. A value \
           that is written in the file is in the repository too. Names and values decide what counts as a secret; values \
           are never shown.",
    instead: "Make it a Swarm secret and let the program read `/run/secrets/...`: many images take `NAME_FILE` for `NAME`, \
              and `tidegate migrate` does.",
    example: Example {
        wrong: &["\
services:
  postgres:
    image: registry.example/postgis:15
    environment:
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-postgres}
"],
        right: &["\
services:
  postgres:
    image: registry.example/postgis:15
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/postgres-password
    secrets: [postgres-password]
secrets:
  postgres-password: { external: true }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let mut out = Vec::new();
    for service in context.services() {
        let from_file = |value: &Located<Option<String>>| {
            service.env_file.iter().any(|file| file.path.place == value.place)
        };
        let written = service.environment.iter().filter(|(_, value)| !from_file(value));
        out.extend(written.filter_map(|(name, value)| draft(service, name, value)));
        out.extend(service.env_file.iter().filter_map(|file| file_draft(service, file)));
    }
    out
}

/// One finding for all that a file brings.
fn file_draft(service: &Service, file: &EnvFile) -> Option<Draft> {
    let place = &file.path.place;
    let brought = service.environment.iter().filter(|(_, value)| value.place == *place);
    let secrets =
        brought.filter(|(name, value)| reason(name, value.value.as_deref().unwrap_or_default()).is_some());
    let names: Vec<String> = secrets.map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() {
        return None;
    }
    let message = format!(
        "secrets that `{}` reads from a file come into its plain environment: {}",
        service.name,
        names.join(", ")
    );
    let help = "make them Swarm secrets, and set `NAME_FILE: /run/secrets/...` if the program knows that";
    let draft = Draft::at(place, message, help).of(service);
    Some(draft.no_fix("whether the program can read a file is for a person to say"))
}

/// Why a variable holds a secret, if it does.
fn reason(name: &str, value: &str) -> Option<&'static str> {
    if secret::is_harmless(value) {
        None
    } else if secret::is_name(name) {
        Some("by its name it is a secret")
    } else if value.contains("PRIVATE KEY-----") {
        Some("it is a private key")
    } else {
        secret::is_value(value).then_some("it is an address with a password")
    }
}

fn draft(service: &Service, name: &str, value: &Located<Option<String>>) -> Option<Draft> {
    let text = value.value.as_deref().filter(|text| !secret::is_harmless(text));
    let written = value.place.source().text().get(value.place.range()).unwrap_or_default();
    // A variable that is not set here may well be where the deploy runs.
    let text = text.or(Some(written).filter(|written| written.contains('$')))?;
    let how = reason(name, text)?;
    let message = format!("`{name}` of `{}` is a secret in the plain environment", service.name);
    let help =
        format!("make it a Swarm secret, and set `{name}_FILE: /run/secrets/...` if the program knows that");
    let draft = Draft::at(&value.place, message, help).of(service);
    Some(draft.label(how).no_fix("whether the program can read a file is for a person to say"))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{drafts, places};

    fn with(entry: &str) -> String {
        format!("services:\n  a:\n    image: x\n    environment:\n      {entry}\n")
    }

    #[test]
    fn names_and_values_are_recognised() {
        for (entry, wanted) in [
            ("DB_PASSWORD: canary", "5:20 canary"),
            ("- DB_PASSWORD=canary", "5:9 DB_PASSWORD=canary"),
            ("DB_PASSWORD: ${UNSET}", "5:20 ${UNSET}"),
            ("DSN: postgresql://a:canary@db/x", "5:12 postgresql://a:canary@db/x"),
        ] {
            assert_eq!(places(&RULE, &with(entry)), [wanted]);
        }
    }

    #[test]
    fn other_values_are_left_alone() {
        for entry in [
            "DB_PASSWORD_FILE: /run/secrets/db",
            "DB_PASSWORD: \"\"",
            "DB_PASSWORD: /run/secrets/db",
            "HOST: db",
            "TOKEN_TTL: 3600",
            "DSN: postgresql://a@db/x",
        ] {
            assert!(places(&RULE, &with(entry)).is_empty(), "{entry}");
        }
    }

    #[test]
    fn no_message_has_the_value() {
        for entry in ["DB_PASSWORD: canary", "DSN: postgresql://a:canary@db/x"] {
            let found = &drafts(&RULE, &[&with(entry)])[0];
            assert!(!format!("{}{}{:?}", found.message, found.help, found.label).contains("canary"));
        }
    }
}
