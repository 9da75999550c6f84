//! An image whose name does not say which one it is.

use diagnostics::Severity;
use stackfile::model::{Located, Service};

use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "unpinned-image",
    level: Severity::Warning,
    summary: "an image has no tag, or `latest`",
    what: "Without a tag an image is `latest`, which is whatever was pushed last. Two deploys of one file then bring two \
           releases, a rollback by the file brings nothing back, and the code may be newer than the migrations that were \
           looked at.",
    instead: "Write the tag of a release, or a variable that CI sets to it (`app:${RELEASE:?}`), or a digest.",
    example: Example {
        wrong: &["services:\n  api:\n    image: registry.example/app\n"],
        right: &["services:\n  api:\n    image: registry.example/app:1.4\n"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    context.services().filter_map(|service| draft(service, service.image.as_ref()?)).collect()
}

fn draft(service: &Service, image: &Located<String>) -> Option<Draft> {
    let what = match tag(image)? {
        "" => "no tag, so it is `latest`",
        "latest" => "the tag `latest`",
        _ => return None,
    };
    let message = format!("the image of `{}` has {what}: which release runs, nobody can tell", service.name);
    let draft = Draft::at(&image.place, message, "write the tag of a release, or a digest").of(service);
    Some(draft.no_fix("which release is meant is for a person to say"))
}

/// The tag of an image; `None` where something better says which image it is.
fn tag(image: &str) -> Option<&str> {
    let is_identifier = image.len() == 64 && image.bytes().all(|byte| byte.is_ascii_hexdigit());
    if image.contains('@') || image.is_empty() || is_identifier {
        return None;
    }
    match image.rsplit_once(':') {
        // A colon before the last slash belongs to a registry's port.
        Some((_, tag)) if !tag.contains('/') => Some(tag),
        _ => Some(""),
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::places;

    #[test]
    fn tags() {
        let with = |image: &str| places(&RULE, &format!("services:\n  a:\n    image: {image}\n"));
        assert_eq!(with("app"), ["3:12 app"]);
        assert_eq!(with("localhost:5000/app"), ["3:12 localhost:5000/app"]);
        assert_eq!(with("app:latest"), ["3:12 app:latest"]);
        assert_eq!(with("app:${UNSET:-latest}"), ["3:12 app:${UNSET:-latest}"]);
        let digest = format!("app@sha256:{}", "a".repeat(64));
        for image in ["app:1", "localhost:5000/app:1", &digest] {
            assert!(with(image).is_empty(), "{image}");
        }
    }
}
