//! Which configuration files count (alembic, config.py, `_inis_from_config`), and their text.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use diagnostics::Diagnostic;

use super::ConfigOptions;
use super::ini::Ini;
use super::pyproject::Pyproject;

/// The files that were found and read.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) ini: Option<(PathBuf, Ini)>,
    pub(super) pyproject: Option<(PathBuf, Pyproject)>,
}

/// A file that may be named by the caller, and then has to exist.
struct Candidate {
    path: PathBuf,
    named: bool,
}

/// Finds the files. At least one of them exists in the result.
pub(super) fn find(options: &ConfigOptions) -> Result<Files, Diagnostic> {
    let (ini, pyproject) = candidates(options)?;
    let mut files = Files { ini: None, pyproject: None };
    if let Some(text) = read(&pyproject)? {
        let name = pyproject.path.display().to_string();
        files.pyproject = Pyproject::parse(&name, &text, &folder(&pyproject.path))?
            .map(|parsed| (pyproject.path.clone(), parsed));
        if files.pyproject.is_none() && pyproject.named && !ini.path.exists() {
            return Err(Diagnostic::error(
                "alembic-config/missing",
                format!("{} has no section [tool.alembic]", pyproject.path.display()),
            )
            .help("name the file that configures Alembic, or add the section"));
        }
    }
    files.ini = read_ini(&ini)?;
    if files.ini.is_none() && files.pyproject.is_none() {
        let flask_migrate = options.directory.join("migrations").join("alembic.ini");
        files.ini = read_ini(&Candidate { path: flask_migrate, named: false })?;
    }
    if files.ini.is_none() && files.pyproject.is_none() {
        let directory = options.directory.display();
        return Err(Diagnostic::error(
            "alembic-config/missing",
            format!("no Alembic configuration in {directory}"),
        )
        .help(
            "looked for alembic.ini, pyproject.toml with [tool.alembic] and migrations/alembic.ini; name the \
                 file with --config, or the folder of the revision files with --versions",
        ));
    }
    Ok(files)
}

/// The INI file and the pyproject.toml to try.
fn candidates(options: &ConfigOptions) -> Result<(Candidate, Candidate), Diagnostic> {
    let default = |name: &str| Candidate { path: options.directory.join(name), named: false };
    let (mut ini, mut pyproject) = (default("alembic.ini"), default("pyproject.toml"));
    let from_environment = options.environment.get("ALEMBIC_CONFIG").filter(|path| !path.is_empty());
    let named = if options.files.is_empty() {
        from_environment.map(PathBuf::from).into_iter().collect()
    } else {
        options.files.clone()
    };
    for file in named {
        let path = options.directory.join(&file);
        // Flask-Migrate is told its folder, not its file.
        let path = if path.is_dir() { path.join("alembic.ini") } else { path };
        let candidate = Candidate { path, named: true };
        let slot = if candidate.path.file_name().is_some_and(|name| name == "pyproject.toml") {
            &mut pyproject
        } else {
            &mut ini
        };
        if slot.named {
            return Err(Diagnostic::error(
                "alembic-config/several",
                format!("{} and {} cannot be used together", slot.path.display(), candidate.path.display()),
            )
            .help("name at most one INI file and one pyproject.toml"));
        }
        *slot = candidate;
    }
    Ok((ini, pyproject))
}

fn read_ini(candidate: &Candidate) -> Result<Option<(PathBuf, Ini)>, Diagnostic> {
    let Some(text) = read(candidate)? else { return Ok(None) };
    let path = &candidate.path;
    Ok(Some((path.clone(), Ini::parse(&path.display().to_string(), &text, &folder(path))?)))
}

/// The text of a file; nothing when a file that nobody named is not there.
fn read(candidate: &Candidate) -> Result<Option<String>, Diagnostic> {
    let path = &candidate.path;
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Diagnostic::error(
                "alembic-config/encoding",
                format!("{} is not text in UTF-8", path.display()),
            )
            .help("save it as UTF-8")),
        },
        Err(error) if error.kind() == ErrorKind::NotFound && !candidate.named => Ok(None),
        Err(error) => Err(Diagnostic::error(
            "alembic-config/unreadable",
            format!("cannot read {}: {error}", path.display()),
        )
        .help("check the path given with --config or ALEMBIC_CONFIG")),
    }
}

/// What `%(here)s` stands for.
fn folder(path: &Path) -> String {
    path.parent().map(|folder| folder.display().to_string()).unwrap_or_default()
}
