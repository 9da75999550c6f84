//! What a service waits for.

use diagnostics::Diagnostic;

use super::Converter;
use crate::Dependency;
use crate::model::{Located, Service};
use crate::schema::similar;

impl Converter<'_> {
    /// The dependencies on services of this deploy. Of two entries for one service the later one counts; one
    /// that names no service, or a disabled one, is left out with a warning.
    pub(super) fn dependencies(&mut self, service: &Service) -> Vec<Dependency> {
        let mut out: Vec<Dependency> = Vec::new();
        for entry in service.depends_on.iter().flat_map(|depends_on| &depends_on.entries) {
            if !self.stack.services.contains_key(&entry.service) {
                let warning = self.missing(entry);
                self.report.warn(warning);
                continue;
            }
            match out.iter_mut().find(|earlier| earlier.service == entry.service) {
                Some(earlier) => *earlier = entry.value.clone(),
                None => out.push(entry.value.clone()),
            }
        }
        out
    }

    fn missing(&self, entry: &Located<Dependency>) -> Diagnostic {
        let name = &entry.service;
        let (message, help) = if self.stack.disabled.contains(name) {
            let help = "enable it with --profile, or remove the dependency".to_owned();
            (format!("the profile of the service `{name}` is not enabled"), help)
        } else {
            let help = match similar(name, self.stack.services.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a service of this stack".into(),
            };
            (format!("there is no service `{name}` to depend on"), help)
        };
        Diagnostic::warning("stack-file/depends-on", message)
            .at(entry.place.clone())
            .label("this dependency is left out")
            .help(help)
    }
}
