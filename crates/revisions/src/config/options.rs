//! The options that matter, from whichever file has them: the INI file wins key by key (alembic, config.py,
//! `get_alembic_option`).

use std::fs;
use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Place, Source};

use super::env_py::version_table;
use super::files::Files;
use super::ini::Ini;
use super::locations::{Finder, Separator};
use super::{Config, ConfigOptions, FILE_TEMPLATE, SLUG_LENGTH};
use crate::Secret;
use crate::similar::{did_you_mean, similar};

/// Reads the configuration from its files.
pub(super) fn read(options: &ConfigOptions, files: &Files) -> Result<Config, Diagnostic> {
    let section = options.section.clone().unwrap_or_else(|| "alembic".to_owned());
    let reader = Reader { options, files, section: &section };
    reader.check_section()?;
    let finder = Finder {
        directory: &options.directory,
        environment: &options.environment,
        sys_path: reader.list("prepend_sys_path", true)?.map(|(list, _)| list).unwrap_or_default(),
    };
    let script_location = reader.script_location(&finder)?;
    let version_locations = match reader.list("version_locations", false)? {
        Some((list, place)) => {
            list.iter().map(|text| finder.folder(text, &place)).collect::<Result<Vec<PathBuf>, _>>()?
        }
        None => vec![script_location.join("versions")],
    };
    let env_py = script_location.join("env.py");
    let env_source =
        Source::new(env_py.display().to_string(), fs::read_to_string(&env_py).unwrap_or_default());
    let table = version_table(&env_source);
    let mut used: Vec<PathBuf> = Vec::new();
    used.extend(files.ini.iter().map(|(path, _)| path.clone()));
    used.extend(files.pyproject.iter().map(|(path, _)| path.clone()));
    Ok(Config {
        files: used,
        script_location,
        version_locations,
        recursive: reader.boolean("recursive_version_locations")?,
        sourceless: reader.boolean("sourceless")?,
        file_template: reader
            .text("file_template")?
            .map_or_else(|| FILE_TEMPLATE.to_owned(), |(text, _)| text),
        truncate_slug_length: reader.slug_length()?,
        sqlalchemy_url: reader.url(),
        version_table: table.name,
        version_table_schema: table.schema,
        section,
    })
}

struct Reader<'a> {
    options: &'a ConfigOptions,
    files: &'a Files,
    section: &'a str,
}

impl Reader<'_> {
    fn ini(&self) -> Option<&Ini> {
        self.files.ini.as_ref().map(|(_, ini)| ini)
    }

    fn check_section(&self) -> Result<(), Diagnostic> {
        let Some((path, ini)) = &self.files.ini else { return Ok(()) };
        if ini.has_section(self.section) || (self.options.section.is_none() && self.files.pyproject.is_some())
        {
            return Ok(());
        }
        let help = did_you_mean(&similar(self.section, ini.section_names()))
            .unwrap_or_else(|| "name the section with --section (Alembic's -n)".to_owned());
        let message = format!("{} has no section [{}]", path.display(), self.section);
        Err(Diagnostic::error("alembic-config/no-section", message).at(ini.start()).help(help))
    }

    fn text(&self, key: &str) -> Result<Option<(String, Place)>, Diagnostic> {
        if let Some(ini) = self.ini()
            && let Some(found) = ini.get(self.section, key)?
        {
            return Ok(Some((found.text, found.place)));
        }
        match &self.files.pyproject {
            Some((_, pyproject)) => Ok(pyproject.text(key)?.map(|text| (text, pyproject.place(key)))),
            None => Ok(None),
        }
    }

    fn list(&self, key: &str, colons: bool) -> Result<Option<(Vec<String>, Place)>, Diagnostic> {
        if let Some(ini) = self.ini()
            && let Some(found) = ini.get(self.section, key)?.filter(|found| !found.text.is_empty())
        {
            return Ok(Some((self.separator(ini, colons)?.split(&found.text, colons), found.place)));
        }
        match &self.files.pyproject {
            Some((_, pyproject)) => Ok(pyproject.list(key)?.map(|list| (list, pyproject.place(key)))),
            None => Ok(None),
        }
    }

    /// `version_path_separator` is the older name, which `prepend_sys_path` never listened to.
    fn separator(&self, ini: &Ini, for_sys_path: bool) -> Result<Separator, Diagnostic> {
        for name in ["path_separator", "version_path_separator"] {
            if name == "version_path_separator" && for_sys_path {
                continue;
            }
            if let Some(found) = ini.get(self.section, name)? {
                return Separator::parse(&found.text, name, &found.place);
            }
        }
        Ok(Separator::Legacy)
    }

    fn boolean(&self, key: &str) -> Result<bool, Diagnostic> {
        if let Some(ini) = self.ini()
            && let Some(found) = ini.get(self.section, key)?
        {
            return Ok(found.text == "true");
        }
        match &self.files.pyproject {
            Some((_, pyproject)) => Ok(pyproject.boolean(key)?.unwrap_or_default()),
            None => Ok(false),
        }
    }

    fn slug_length(&self) -> Result<usize, Diagnostic> {
        const KEY: &str = "truncate_slug_length";
        if let Some(ini) = self.ini()
            && let Some(found) = ini.get(self.section, KEY)?
        {
            return found.text.parse().map_err(|_| {
                Diagnostic::error("alembic-config/wrong-type", format!("`{KEY}` is not a whole number"))
                    .at(found.place)
                    .help("write a number such as 40")
            });
        }
        let length = match &self.files.pyproject {
            Some((_, pyproject)) => pyproject.integer(KEY)?.and_then(|length| usize::try_from(length).ok()),
            None => None,
        };
        Ok(length.filter(|length| *length > 0).unwrap_or(SLUG_LENGTH))
    }

    /// The URL is only a default that env.py may ignore, so one that cannot be interpolated is no error.
    fn url(&self) -> Option<Secret> {
        self.text("sqlalchemy.url").ok().flatten().map(|(url, _)| Secret::new(url))
    }

    fn script_location(&self, finder: &Finder<'_>) -> Result<PathBuf, Diagnostic> {
        if let Some((text, place)) = self.text("script_location")? {
            let folder = finder.folder(&text, &place)?;
            return if folder.exists() { Ok(folder) } else { Err(no_folder(&folder, &text, place)) };
        }
        // Flask-Migrate sets it to the folder of its alembic.ini, and writes nothing down.
        if let Some(folder) = self.files.ini.as_ref().and_then(|(path, _)| path.parent())
            && folder.join("env.py").exists()
        {
            return Ok(folder.to_owned());
        }
        let place = self.ini().map(Ini::start);
        let error =
            Diagnostic::error("alembic-config/no-script-location", "no `script_location` is configured")
                .help("add it: the folder of env.py, such as 'script_location = %(here)s/alembic'");
        Err(match place {
            Some(place) => error.at(place),
            None => error,
        })
    }
}

fn no_folder(folder: &Path, text: &str, place: Place) -> Diagnostic {
    let help = if text.contains([';', '#']) {
        "an INI value runs to the end of its line: move the comment to a line of its own"
    } else {
        "a relative path starts from the working directory; '%(here)s/...' starts from the file's own folder"
    };
    Diagnostic::error(
        "alembic-config/no-folder",
        format!("the script location {} does not exist", folder.display()),
    )
    .at(place)
    .help(help)
}
