//! From folders to a [`History`]: the only part that touches revision files.

mod file;
mod folder;
mod literal;
pub(crate) mod parse;
mod text;

use std::path::{Path, PathBuf};
use std::{fs, thread};

use diagnostics::{Diagnostic, Source};

use crate::{Answers, Config, History, Revision};
use folder::{Listing, unreadable};

pub use file::COMPUTED;

/// Files are read in parallel from this many on; below it, starting threads costs more than it gains.
const WORTH_A_THREAD: usize = 32;

/// Reads the history that a configuration points to.
pub fn read(config: &Config) -> Result<History, Vec<Diagnostic>> {
    read_with(config, &Answers::new())
}

/// The same, with what the project's own Python said about files that compute their declarations. Ask it when
/// [`read`] fails with [`COMPUTED`], or when [`History::dynamic`] is not empty and a plan is needed.
pub fn read_with(config: &Config, answers: &Answers) -> Result<History, Vec<Diagnostic>> {
    let listing = folder::list(&config.version_locations, config.recursive).map_err(|error| vec![error])?;
    if config.sourceless && !listing.compiled.is_empty() {
        return Err(listing.compiled.iter().map(|file| compiled(file)).collect());
    }
    read_listing(listing, answers)
}

/// Reads revision files from folders, without any configuration.
pub fn read_versions(folders: &[PathBuf], recursive: bool) -> Result<History, Vec<Diagnostic>> {
    let listing = folder::list(folders, recursive).map_err(|error| vec![error])?;
    read_listing(listing, &Answers::new())
}

/// Reads one revision from a text: for tests, fuzzing and other places where there is no file.
pub fn read_text(file: &Path, text: &[u8]) -> Result<Revision, Diagnostic> {
    read_bytes(file, text, &Answers::new())
}

fn read_listing(listing: Listing, answers: &Answers) -> Result<History, Vec<Diagnostic>> {
    let (mut revisions, mut errors) = (Vec::with_capacity(listing.files.len()), Vec::new());
    for result in read_all(&listing.files, answers) {
        match result {
            Ok(revision) => revisions.push(revision),
            Err(error) => errors.push(error),
        }
    }
    // With files missing, parents would be reported as missing that are merely unreadable.
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut history = History::new(revisions)?;
    history.add_warnings(listing.warnings);
    Ok(history)
}

fn read_all(files: &[PathBuf], answers: &Answers) -> Vec<Result<Revision, Diagnostic>> {
    let read = |file: &PathBuf| {
        fs::read(file)
            .map_err(|error| unreadable(file, &error))
            .and_then(|text| read_bytes(file, &text, answers))
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(files.len() / WORTH_A_THREAD);
    if threads < 2 {
        return files.iter().map(read).collect();
    }
    thread::scope(|scope| {
        let workers: Vec<_> = files
            .chunks(files.len().div_ceil(threads))
            .map(|chunk| scope.spawn(move || chunk.iter().map(read).collect::<Vec<_>>()))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn read_bytes(file: &Path, bytes: &[u8], answers: &Answers) -> Result<Revision, Diagnostic> {
    let name = file.display().to_string();
    let text = text::decode(bytes).map_err(|at| {
        let source = Source::new(&*name, String::from_utf8_lossy(bytes));
        Diagnostic::error("revision-file/encoding", "the file is not text in UTF-8")
            .at(source.place(at..at + 1))
            .help("save it as UTF-8, or declare its encoding in the first line as Python wants it")
    })?;
    file::read_file(file, &Source::new(name, text), answers.get(file))
}

fn compiled(file: &Path) -> Diagnostic {
    Diagnostic::error(
        "revision-file/compiled",
        format!("{} is compiled and its source is not here", file.display()),
    )
    .help("ship the .py files of the revisions, or turn `sourceless` off: Tidegate reads source only")
}
