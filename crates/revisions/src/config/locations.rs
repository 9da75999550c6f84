//! From configured texts to folders: how lists are split, and `package:folder` (alembic, config.py,
//! `get_version_locations_list`; util/pyfiles.py, `coerce_resource_to_filename`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use diagnostics::{Diagnostic, Place};

/// How a list in the INI file is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// `path_separator` or `version_path_separator` says.
    Char(char),
    /// Neither is there: spaces and commas; for `prepend_sys_path` colons too.
    Legacy,
}

impl Separator {
    /// Reads the value of `path_separator`.
    pub(super) fn parse(value: &str, name: &str, place: &Place) -> Result<Self, Diagnostic> {
        match value {
            "space" => Ok(Self::Char(' ')),
            "newline" => Ok(Self::Char('\n')),
            // The gate runs in a Linux container, whatever this machine is.
            "os" | ":" => Ok(Self::Char(':')),
            ";" => Ok(Self::Char(';')),
            other => {
                Err(Diagnostic::error("alembic-config/separator", format!("'{other}' is no value of {name}"))
                    .at(place.clone())
                    .help(if other.contains(['#', ';']) {
                        "an INI value runs to the end of its line: move the comment to a line of its own"
                    } else {
                        "write space, newline, os, ':' or ';'"
                    }))
            }
        }
    }

    pub(super) fn split(self, text: &str, colons: bool) -> Vec<String> {
        match self {
            Self::Char(separator) => text
                .split(separator)
                .filter(|part| !part.is_empty())
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
            Self::Legacy => text
                .split(|c| c == ',' || c == ' ' || (colons && c == ':'))
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// Where relative paths and packages are looked up.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    pub(super) directory: &'a Path,
    pub(super) environment: &'a BTreeMap<String, String>,
    /// `prepend_sys_path`, as configured.
    pub(super) sys_path: Vec<String>,
}

impl Finder<'_> {
    /// A folder as configured: absolute, relative to the working directory, or inside a package.
    pub(super) fn folder(&self, text: &str, place: &Place) -> Result<PathBuf, Diagnostic> {
        if Path::new(text).is_absolute() || !text.contains(':') {
            return Ok(tidy(&self.directory.join(text)));
        }
        let mut parts = text.split(':');
        let package = parts.next().unwrap_or_default();
        let inside: PathBuf = parts.collect();
        let roots = self.roots();
        let relative: PathBuf = package.split('.').collect();
        let found = roots.iter().map(|root| root.join(&relative)).find(|folder| folder.is_dir());
        found.map(|folder| tidy(&folder.join(&inside))).ok_or_else(|| {
            let searched: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
            Diagnostic::error(
                "alembic-config/package",
                format!("the package '{package}' of '{text}' was not found"),
            )
            .at(place.clone())
            .help(format!(
                "searched in {}; set PYTHONPATH, or name the folder of the revision files with --versions",
                searched.join(", ")
            ))
        })
    }

    /// Where Python would import from, as far as it can be known without it.
    fn roots(&self) -> Vec<PathBuf> {
        let mut roots: Vec<PathBuf> = self.sys_path.iter().map(|path| self.directory.join(path)).collect();
        if let Some(path) = self.environment.get("PYTHONPATH") {
            roots.extend(
                path.split(':').filter(|path| !path.is_empty()).map(|path| self.directory.join(path)),
            );
        }
        roots.push(self.directory.to_owned());
        roots.push(self.directory.join("src"));
        let environment = self.environment.get("VIRTUAL_ENV").map_or(".venv", String::as_str);
        roots.extend(site_packages(&self.directory.join(environment)));
        roots
    }
}

/// The path without `.` components, as a person would write it.
fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if tidy.as_os_str().is_empty() { PathBuf::from(".") } else { tidy }
}

/// The folders of installed packages of a virtual environment.
fn site_packages(environment: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(environment.join("lib")) else { return Vec::new() };
    let folders = entries.filter_map(Result::ok).map(|entry| entry.path().join("site-packages"));
    folders.filter(|folder| folder.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;

    use super::Separator;

    #[test]
    fn lists_are_split_as_alembic_splits_them() {
        let place = Source::new("alembic.ini", "").place(0..0);
        let cases = [
            (Some("space"), "a b", vec!["a", "b"]),
            (Some("newline"), "\na:x\n b", vec!["a:x", "b"]),
            (Some("os"), "a:b c", vec!["a", "b c"]),
            (Some(":"), "a:b", vec!["a", "b"]),
            (Some(";"), "a;b", vec!["a", "b"]),
            (None, "a, b c", vec!["a", "b", "c"]),
        ];
        for (separator, text, expected) in cases {
            let separator = separator
                .map_or(Separator::Legacy, |name| Separator::parse(name, "path_separator", &place).unwrap());
            assert_eq!(separator.split(text, false), expected, "{separator:?} {text}");
        }
        assert_eq!(Separator::Legacy.split("a:b", true), ["a", "b"]);
        assert_eq!(Separator::Legacy.split("a:b", false), ["a:b"]);
    }

    #[test]
    fn a_comment_in_the_value_is_explained() {
        let place = Source::new("alembic.ini", "").place(0..0);
        let error = Separator::parse("os  # the default", "path_separator", &place).unwrap_err();
        assert!(error.help.unwrap().contains("line of its own"));
    }
}
