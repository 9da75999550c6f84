//! Two tasks that write one volume at the same time.

use diagnostics::Severity;
use stackfile::model::{Mount, MountKind, Service};

use crate::context::{Context, is_job, start_first};
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "shared-volume-start-first",
    level: Severity::Warning,
    summary: "with start-first the old and the new release write one volume at the same time",
    what: "With `order: start-first` the new task runs beside the old one for a while, and if both are on one node they \
           have the same volume. A database does not start on files that another one holds, or damages them; a program \
           of the new release meets files that the old one still writes. With other services that write the volume there \
           are three writers.",
    instead: "Write `order: stop-first` for a service that writes a volume, or mount the volume read-only (`:ro`) where \
              nothing is written.",
    example: Example {
        wrong: &["\
services:
  postgres:
    image: registry.example/postgis:15
    healthcheck: { test: [CMD, pg_isready] }
    volumes: [\"data:/var/lib/postgresql/data\"]
    deploy:
      update_config: { order: start-first }
volumes: { data: {} }
"],
        right: &["\
services:
  postgres:
    image: registry.example/postgis:15
    healthcheck: { test: [CMD, pg_isready] }
    volumes: [\"data:/var/lib/postgresql/data\"]
    deploy:
      update_config: { order: stop-first }
volumes: { data: {} }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    let services = context.services().filter(|service| !is_job(service));
    services.filter_map(|service| draft(service, context)).collect()
}

fn draft(service: &Service, context: &Context<'_>) -> Option<Draft> {
    let place = start_first(service)?;
    let mount = service.volumes.iter().find(|mount| is_written(mount))?;
    let (name, volume) = (&service.name, &mount.source);
    let others: Vec<String> = context
        .services()
        .filter(|other| other.name != *name)
        .filter(|other| other.volumes.iter().any(|own| is_written(own) && own.source == *volume))
        .map(|other| format!("`{}`", other.name))
        .collect();
    let also = if others.is_empty() { String::new() } else { format!(", besides {}", others.join(", ")) };
    let message = format!(
        "`{name}` is updated start-first: old and new write the volume `{volume}` at the same time{also}"
    );
    let help = "write `order: stop-first`, or mount the volume read-only";
    let draft = Draft::at(place, message, help).of(service).related(&mount.place, "the volume");
    Some(draft.update_config(&[("order", "stop-first")]))
}

/// Whether a mount is a named volume that the service may write.
fn is_written(mount: &Mount) -> bool {
    mount.kind == MountKind::Volume && !mount.source.is_empty() && !mount.read_only
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::{drafts, places};

    fn with(mount: &str) -> String {
        format!(
            "services:\n  a:\n    image: x\n    volumes: [\"{mount}\"]\n    deploy:\n      update_config:\n        order: start-first\n  b:\n    image: x\n    volumes: [\"data:/v\"]\nvolumes: {{ data: {{}}, logs: {{}} }}\n"
        )
    }

    #[test]
    fn a_written_volume_is_found_with_its_other_writers() {
        assert_eq!(places(&RULE, &with("data:/v")), ["7:16 start-first"]);
        assert!(drafts(&RULE, &[&with("data:/v")])[0].message.ends_with("besides `b`"));
        assert!(drafts(&RULE, &[&with("logs:/w")])[0].message.ends_with("at the same time"));
    }

    #[test]
    fn what_is_not_written_or_no_volume_is_left_alone() {
        for mount in ["data:/v:ro", "/srv:/v", "/v"] {
            assert!(places(&RULE, &with(mount)).is_empty(), "{mount}");
        }
    }
}
