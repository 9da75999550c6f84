//! Which files of a folder are revision files, and in which order (alembic, script/base.py, `_list_py_dir`).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use diagnostics::Diagnostic;

/// What was found in the version locations.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Files to read, in Alembic's order.
    pub(crate) files: Vec<PathBuf>,
    /// Compiled files whose source is not beside them.
    pub(crate) compiled: Vec<PathBuf>,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Lists the revision files of folders, in order. A folder that does not exist is skipped, as Alembic does.
pub(crate) fn list(folders: &[PathBuf], recursive: bool) -> Result<Listing, Diagnostic> {
    let mut listing = Listing::default();
    let mut seen = BTreeSet::new();
    for folder in folders {
        match fs::metadata(folder) {
            Ok(_) => walk(folder, recursive, &mut listing, &mut seen)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => listing.warnings.push(
                Diagnostic::warning(
                    "revision-file/no-folder",
                    format!("the version location {} does not exist", folder.display()),
                )
                .help("Alembic skips it without a word; correct version_locations or create the folder"),
            ),
            Err(error) => return Err(unreadable(folder, &error)),
        }
    }
    Ok(listing)
}

fn walk(
    folder: &Path,
    recursive: bool,
    listing: &mut Listing,
    seen: &mut BTreeSet<PathBuf>,
) -> Result<(), Diagnostic> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let real_folder = fs::canonicalize(folder).map_err(|error| unreadable(folder, &error))?;
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?;
        if kind.is_dir() {
            folders.push(entry.file_name());
        } else if !(kind.is_symlink() && entry.path().is_dir()) {
            files.push((entry.file_name(), kind.is_symlink()));
        }
    }
    files.sort_unstable();
    folders.sort_unstable();
    for (name, is_link) in files {
        let path = folder.join(&name);
        // Alembic reads what a link points to, under that name.
        let real = if is_link {
            fs::canonicalize(&path).map_err(|error| unreadable(&path, &error))?
        } else {
            real_folder.join(&name)
        };
        match kind_of(&real) {
            Kind::Source if !seen.insert(real) => listing.warnings.push(
                Diagnostic::warning(
                    "revision-file/listed-twice",
                    format!("{} is reached twice; the second time is ignored", path.display()),
                )
                .help("list each folder once in version_locations"),
            ),
            Kind::Source => listing.files.push(path),
            Kind::Compiled => listing.compiled.push(path),
            Kind::Other => {}
        }
    }
    if recursive {
        for name in
            folders.into_iter().filter(|name: &OsString| !name.to_string_lossy().ends_with("__pycache__"))
        {
            walk(&folder.join(name), recursive, listing, seen)?;
        }
    }
    Ok(())
}

enum Kind {
    Source,
    Compiled,
    Other,
}

/// By the name alone, as Alembic's two regular expressions do.
fn kind_of(path: &Path) -> Kind {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.starts_with(".#") || name.starts_with("__init__") {
        return Kind::Other;
    }
    if name.ends_with(".py") {
        Kind::Source
    } else if (name.ends_with(".pyc") || name.ends_with(".pyo")) && !path.with_extension("py").exists() {
        Kind::Compiled
    } else {
        Kind::Other
    }
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error("revision-file/unreadable", format!("cannot read {}: {error}", path.display()))
        .help("check that it exists and that this user may read it")
}
