//! `environment` and `env_file` of a service.

use diagnostics::Diagnostic;

use super::Decoder;
use super::fields::Fields;
use crate::env_file;
use crate::files;
use crate::model::{EnvFile, Keyed, Located};
use crate::paths;
use crate::yaml::{Node, Value};

type Environment = Keyed<Located<Option<String>>>;

impl Decoder<'_> {
    /// The environment of a service: the files in their order, `environment` over them. A variable without a
    /// value, or with an empty one, takes the value that the deployer's own environment has.
    pub(super) fn environment(&mut self, fields: &Fields<'_>, files: &[EnvFile]) -> Environment {
        let mut from_files = Environment::new();
        for file in files {
            for (key, value) in self.env_file(file) {
                from_files.insert(key, Located::new(value, file.path.place.clone()));
            }
        }
        let written = self.values(fields, "environment");
        let mut environment = Environment::new();
        for (key, mut value) in from_files.into_iter().chain(written) {
            if value.value.as_deref().unwrap_or_default().is_empty()
                && let Some(own) = self.context.environment.get(&key)
            {
                value.value = Some(own.clone());
            }
            environment.insert(key, value);
        }
        environment
    }

    fn env_file(&mut self, file: &EnvFile) -> Vec<env_file::Line> {
        let path = paths::absolute(self.context.folder, &file.path);
        let parsed = match files::read(&path, files::TEXT_LIMIT) {
            Ok(bytes) => env_file::parse(&path.to_string_lossy(), &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !file.required => {
                return Vec::new();
            }
            Err(error) => Err(Diagnostic::error(
                "stack-file/env-file",
                format!("the env_file {} cannot be read: {error}", path.display()),
            )
            .at(file.path.place.clone())
            .help("relative paths start from the folder of the first stack file")),
        };
        match parsed {
            // A bare name that the environment does not have is as if it were not there.
            Ok(lines) => lines
                .into_iter()
                .filter(|(key, value)| value.is_some() || self.context.environment.contains_key(key))
                .collect(),
            Err(mut diagnostic) => {
                diagnostic = match &diagnostic.place {
                    None => diagnostic.at(file.path.place.clone()),
                    Some(place) if *place == file.path.place => diagnostic,
                    Some(_) => diagnostic.related(file.path.place.clone(), "read because of this"),
                };
                self.report.error(diagnostic);
                Vec::new()
            }
        }
    }

    /// `env_file`: a path, a list of paths, or entries in long form.
    pub(super) fn env_files(&mut self, fields: &Fields<'_>) -> Vec<EnvFile> {
        let Some(node) = fields.get("env_file") else { return Vec::new() };
        let items: Vec<&Node> = match &node.value {
            Value::List(list) => list.iter().collect(),
            _ => vec![node],
        };
        items
            .into_iter()
            .filter_map(|item| match &item.value {
                Value::Map(_) => {
                    let fields = Fields::of(item);
                    let required = self.flag(&fields, "required").is_none_or(|flag| flag.value);
                    self.text(&fields, "path").map(|path| EnvFile { path, required })
                }
                _ => self.string(item).map(|path| EnvFile { path, required: true }),
            })
            .collect()
    }
}
