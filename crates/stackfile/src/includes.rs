//! `include` and `extends`: what a stack file takes from other files (Compose's newer forms, which the official
//! client refuses). Each file is read like a stack file of its own, with its own folder as the base of relative
//! paths.

use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Place};

use crate::load::{Environment, load_files};
use crate::merge::merge_service;
use crate::model::{Extends, Include, Keyed, Located, Service, Stack};
use crate::report::Report;
use crate::schema::similar;
use crate::{Input, env_file, files, paths};

/// What reading a file needs, and the way to it.
pub(crate) struct Reader<'a> {
    pub(crate) environment: &'a Environment,
    /// The folder that relative paths start from.
    pub(crate) folder: &'a Path,
    /// The files that are being read, each because of the one before it.
    pub(crate) chain: Vec<PathBuf>,
    pub(crate) report: &'a mut Report,
}

impl Reader<'_> {
    /// Follows what one decoded file includes and extends.
    pub(crate) fn resolve(&mut self, stack: &mut Stack) {
        for include in std::mem::take(&mut stack.includes) {
            self.include(stack, &include);
        }
        let names: Vec<String> = stack.services.keys().cloned().collect();
        for name in names {
            self.extend(stack, &name, &mut Vec::new());
        }
    }

    fn include(&mut self, stack: &mut Stack, include: &Include) {
        let Some(first) = include.paths.first() else { return };
        let environment = self.include_environment(include);
        let folder = match &include.project_directory {
            Some(folder) => paths::absolute(self.folder, folder),
            None => parent(&paths::absolute(self.folder, first)),
        };
        let Some(included) = self.read(&include.paths, &folder, &environment) else { return };
        let report = &mut *self.report;
        add("service", &mut stack.services, included.services, |service| &service.place, report);
        add("network", &mut stack.networks, included.networks, |network| &network.place, report);
        add("volume", &mut stack.volumes, included.volumes, |volume| &volume.place, report);
        add("secret", &mut stack.secrets, included.secrets, |secret| &secret.place, report);
        add("config", &mut stack.configs, included.configs, |config| &config.place, report);
    }

    /// The environment, and below it what the files of an include's `env_file` say.
    fn include_environment(&mut self, include: &Include) -> Environment {
        let mut environment = Environment::new();
        for file in &include.env_files {
            let path = paths::absolute(self.folder, file);
            let parsed = files::read(&path, files::TEXT_LIMIT)
                .map_err(|error| unreadable(&path, &error))
                .and_then(|bytes| env_file::parse(&path.to_string_lossy(), &bytes));
            match parsed {
                Ok(lines) => {
                    environment.extend(lines.into_iter().filter_map(|(key, value)| Some((key, value?))));
                }
                Err(diagnostic) => {
                    let place = diagnostic.place.clone().unwrap_or_else(|| file.place.clone());
                    self.report.error(diagnostic.at(place));
                }
            }
        }
        environment.extend(self.environment.clone());
        environment
    }

    /// Gives a service what it extends, and what that extends in turn.
    fn extend(&mut self, stack: &mut Stack, name: &str, visiting: &mut Vec<String>) {
        let Some(extends) = stack.services.get_mut(name).and_then(|service| service.extends.take()) else {
            return;
        };
        visiting.push(name.to_owned());
        let base = match &extends.file {
            Some(file) => self.extended_in(file, &extends),
            None if visiting.contains(&extends.service.value) => {
                self.circle(&extends.service.place);
                None
            }
            None => {
                self.extend(stack, &extends.service, visiting);
                self.find(&stack.services, &extends)
            }
        };
        visiting.pop();
        let Some(mut base) = base else { return };
        let Some(service) = stack.services.remove(name) else { return };
        base.name.clone_from(&service.name);
        base.place = service.place.clone();
        merge_service(&mut base, service, self.report);
        stack.services.insert(name.to_owned(), base);
    }

    fn extended_in(&mut self, file: &Located<String>, extends: &Extends) -> Option<Service> {
        let folder = parent(&paths::absolute(self.folder, file));
        let environment = self.environment.clone();
        let stack = self.read(std::slice::from_ref(file), &folder, &environment)?;
        self.find(&stack.services, extends)
    }

    fn find(&mut self, services: &Keyed<Service>, extends: &Extends) -> Option<Service> {
        let name = &extends.service;
        let found = services.get(&name.value).cloned();
        if found.is_none() {
            let help = match similar(name, services.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a service of that file".into(),
            };
            let message = format!("there is no service `{}` to extend", name.value);
            self.report
                .error(Diagnostic::error("stack-file/extends", message).at(name.place.clone()).help(help));
        }
        found
    }

    /// Other files as one stack.
    fn read(&mut self, files: &[Located<String>], folder: &Path, environment: &Environment) -> Option<Stack> {
        let mut inputs = Vec::new();
        let mut chain = self.chain.clone();
        for file in files {
            let path = paths::clean(&paths::absolute(self.folder, file));
            if chain.contains(&path) {
                self.circle(&file.place);
                return None;
            }
            match Input::read(&path) {
                Ok(input) => inputs.push(input),
                Err(diagnostic) => {
                    let help = "relative paths start from the folder of the file that names them";
                    self.report.error(diagnostic.at(file.place.clone()).help(help));
                    return None;
                }
            }
            chain.push(path);
        }
        let mut stack = load_files(&inputs, &mut Reader { environment, folder, chain, report: self.report })?;
        for file in stack.services.values_mut().flat_map(|service| &mut service.env_file) {
            // The stack that this becomes a part of has another folder.
            file.path.value = paths::absolute(folder, &file.path).to_string_lossy().into_owned();
        }
        Some(stack)
    }

    fn circle(&mut self, place: &Place) {
        self.report.error(
            Diagnostic::error("stack-file/circle", "this leads back to where it comes from")
                .at(place.clone())
                .help("remove this line, or move what both need into a third place"),
        );
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(
        "stack-file/env-file",
        format!("the env_file {} cannot be read: {error}", path.display()),
    )
    .help("relative paths start from the folder of the first stack file")
}

/// Adds included entries. One that is there already is an error: neither would be the one that was meant.
fn add<T>(
    what: &str,
    into: &mut Keyed<T>,
    from: Keyed<T>,
    place: impl Fn(&T) -> &Place,
    report: &mut Report,
) {
    for (name, entry) in from {
        if let Some(own) = into.get(&name) {
            let message = format!("the {what} `{name}` is defined here and in an included file");
            report.error(
                Diagnostic::error("stack-file/include", message)
                    .at(place(own).clone())
                    .related(place(&entry).clone(), "in the included file")
                    .help("rename one of them; to change an included service, `extends` it"),
            );
            continue;
        }
        into.insert(name, entry);
    }
}
