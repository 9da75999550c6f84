//! What rules ask about a stack: which services run once, migrate, check their health, and in which order they are
//! updated. Answers only what the files say; what is in an image nobody here can know.

use diagnostics::{Diagnostic, Place};
use stackfile::model::{Healthcheck, Located, Service, UpdateConfig};
use stackfile::{Condition, Dependency, Stack};

use crate::checker::Files;

/// A loaded stack, for the rules.
pub(crate) struct Context<'a> {
    pub(crate) stack: &'a Stack,
    /// What loading and converting found that does not stop them.
    pub(crate) warnings: Vec<&'a Diagnostic>,
    /// Why the files do not come to requests, if they do not.
    pub(crate) refusals: &'a [Diagnostic],
    /// The service that `x-tidegate.gate.service` names.
    gate: Option<String>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(files: &'a Files) -> Self {
        let stack = &files.loaded.stack;
        let extension = stack.extensions.get("x-tidegate").map(stackfile::model::Extension::to_json);
        let gate = extension.and_then(|value| Some(value.pointer("/gate/service")?.as_str()?.to_owned()));
        let converting = files.converted.as_ref().map(|desired| desired.warnings.as_slice());
        let (more, refusals) = match converting {
            Ok(warnings) => (warnings, &[][..]),
            Err(errors) => (&[][..], errors.as_slice()),
        };
        Self { stack, warnings: files.loaded.warnings.iter().chain(more).collect(), refusals, gate }
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = &'a Service> + use<'a> {
        self.stack.services.values()
    }

    /// Why a service is meant to run to its end; `None` if it is meant to stay up.
    pub(crate) fn runs_once(&self, service: &Service) -> Option<String> {
        let name = &service.name;
        if self.gate.as_ref() == Some(name) {
            return Some("`x-tidegate.gate.service` names it".into());
        }
        if service.deploy.labels.get("tidegate.gate").is_some_and(|label| label.value == "true") {
            return Some("its label `tidegate.gate` says so".into());
        }
        let waits = |dependency: &Dependency| {
            dependency.service == *name && dependency.condition == Condition::ServiceCompletedSuccessfully
        };
        let waiting = self.services().find(|other| dependencies(other).any(&waits));
        if let Some(other) = waiting {
            return Some(format!("`{}` waits for it to complete", other.name));
        }
        let condition = restart_condition(service);
        if condition == Some("none") {
            return Some("its restart condition is `none`".into());
        }
        let migrates = migration(service).is_some() && !serves_too(service);
        (migrates && condition == Some("on-failure"))
            .then(|| "it migrates and is not restarted after success".into())
    }

    /// The services that wait for one, each with the place that says so.
    pub(crate) fn waiting_for(&self, service: &Service) -> Vec<(&'a Service, &'a Located<Dependency>)> {
        let mut out = Vec::new();
        for other in self.services() {
            let entries = other.depends_on.iter().flat_map(|depends_on| &depends_on.entries);
            out.extend(entries.filter(|entry| entry.service == service.name).map(|entry| (other, entry)));
        }
        out
    }
}

fn dependencies(service: &Service) -> impl Iterator<Item = &Dependency> {
    service.depends_on.iter().flat_map(|depends_on| &depends_on.entries).map(|entry| &entry.value)
}

/// The condition of the restart policy, if the file says one; `restart: "no"` says none, as Swarm has it.
pub(crate) fn restart_condition(service: &Service) -> Option<&str> {
    if let Some(policy) = &service.deploy.restart_policy {
        return policy.condition.as_ref().map(|condition| condition.as_str());
    }
    let restart = service.restart.as_ref()?.split(':').next()?;
    match restart {
        "on-failure" => Some("on-failure"),
        "always" | "unless-stopped" => Some("any"),
        _ => None,
    }
}

/// Where the restart condition is written, or else the service.
pub(crate) fn restart_place(service: &Service) -> &Place {
    let condition = service.deploy.restart_policy.as_ref().and_then(|policy| policy.condition.as_ref());
    let restart = service.restart.as_ref().filter(|_| service.deploy.restart_policy.is_none());
    condition.or(restart).map_or(&service.place, |text| &text.place)
}

/// Whether Swarm runs a service as a job, which the updater leaves alone.
pub(crate) fn is_job(service: &Service) -> bool {
    service.deploy.mode.as_ref().is_some_and(|mode| mode.ends_with("-job"))
}

/// Whether the file has a healthcheck that is not switched off.
pub(crate) fn has_healthcheck(service: &Service) -> bool {
    service.healthcheck.as_ref().is_some_and(|check| !is_off(check))
}

/// Whether a healthcheck switches off the one of the image.
pub(crate) fn is_off(check: &Healthcheck) -> bool {
    check.disable.as_ref().is_some_and(|flag| flag.value)
        || check.test.first().is_some_and(|word| word.value == "NONE")
}

/// `order: start-first` of an update, where it is written.
pub(crate) fn start_first(service: &Service) -> Option<&Place> {
    let order = config(service)?.order.as_ref()?;
    (order.value == "start-first").then_some(&order.place)
}

/// The service's `update_config`.
pub(crate) fn config(service: &Service) -> Option<&UpdateConfig> {
    service.deploy.update_config.as_ref()
}

/// The entrypoint and the command, as one line.
fn command_line(service: &Service) -> String {
    let parts = [&service.entrypoint, &service.command];
    let words: Vec<&str> =
        parts.into_iter().flatten().flat_map(|part| part.iter().map(String::as_str)).collect();
    words.join(" ")
}

/// Words that follow each other in a command that migrates a database.
const MIGRATIONS: &[&[&str]] = &[
    &["tidegate", "migrate"],
    &["alembic", "upgrade"],
    &["db", "upgrade"],
    &["manage.py", "migrate"],
    &["django-admin", "migrate"],
    &["db:migrate"],
    &["prisma", "migrate"],
    &["flyway", "migrate"],
    &["liquibase", "update"],
    &["knex", "migrate:latest"],
    &["artisan", "migrate"],
    &["goose", "up"],
];

/// Words of a service's name that say that it migrates.
const NAMES: &[&str] = &["migrate", "migrates", "migration", "migrations", "migrator"];

/// Why a service is taken for one that migrates a database.
pub(crate) fn migration(service: &Service) -> Option<String> {
    if let Some(wanted) = migration_in(&command_line(service)) {
        return Some(format!("its command runs `{}`", wanted.join(" ")));
    }
    let named = service.name.split(['-', '_', '.']).any(|word| NAMES.contains(&word.to_lowercase().as_str()));
    named.then(|| "its name says that it migrates".into())
}

/// Whether the command goes on with something else after the migration, so that the service may stay up.
pub(crate) fn serves_too(service: &Service) -> bool {
    let line = command_line(service).replace([';', '\n'], "&&");
    let parts: Vec<&str> = line.split("&&").map(str::trim).filter(|part| !part.is_empty()).collect();
    parts.len() > 1 && parts.last().is_some_and(|last| migration_in(last).is_none())
}

fn migration_in(command: &str) -> Option<&'static [&'static str]> {
    let words: Vec<&str> =
        command.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word)).collect();
    MIGRATIONS.iter().copied().find(|wanted| words.windows(wanted.len()).any(|window| window == *wanted))
}
