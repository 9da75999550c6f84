//! Profiles: a service that names some is deployed only if one of them is enabled.

use std::collections::BTreeSet;

use diagnostics::Diagnostic;

use crate::model::{Located, Service, Stack};
use crate::report::Report;
use crate::schema::similar;

/// Removes the services whose profiles are not enabled, and checks what the rest depends on.
pub(crate) fn apply(stack: &mut Stack, enabled: &[String], report: &mut Report) {
    let all: BTreeSet<String> = stack.services.keys().cloned().collect();
    stack.services.retain(|_, service| is_enabled(service, enabled));
    let left: BTreeSet<String> = stack.services.keys().cloned().collect();
    for service in stack.services.values_mut() {
        let Some(depends_on) = &mut service.depends_on else { continue };
        depends_on.entries.retain(|entry| {
            let found = left.contains(&entry.service);
            if !found {
                report.warn(missing(entry, &all));
            }
            found
        });
    }
}

fn is_enabled(service: &Service, enabled: &[String]) -> bool {
    let wanted = |profile: &Located<String>| enabled.iter().any(|name| name == "*" || *name == profile.value);
    service.profiles.is_empty() || service.profiles.iter().any(wanted)
}

fn missing(entry: &Located<crate::Dependency>, all: &BTreeSet<String>) -> Diagnostic {
    let name = &entry.service;
    let diagnostic = if all.contains(name) {
        Diagnostic::warning("stack-file/depends-on", format!("the profile of the service `{name}` is not enabled"))
            .help("enable it with --profile, or remove the dependency")
    } else {
        let help = match similar(name, all.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a service of this stack".into(),
        };
        Diagnostic::warning("stack-file/depends-on", format!("there is no service `{name}` to depend on")).help(help)
    };
    diagnostic.at(entry.place.clone()).label("this dependency is left out")
}
