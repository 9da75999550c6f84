//! Files to a stack: the order of the steps, and the rules that look at a whole file or at all of them.

use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Source};

use crate::decode::{self, Context};
use crate::interpolate::interpolate;
use crate::merge::merge;
use crate::report::Report;
use crate::schema::{self, Version};
use crate::yaml::{self, Node};
use crate::{Input, Loaded, Options, ignored, paths, profiles};

/// Reads one or several files as one stack. Later files override earlier ones; relative paths start from the
/// folder of the first.
///
/// Every file is parsed, interpolated, checked and decoded for itself, then they are merged. All errors of one
/// step are returned together.
pub fn load(inputs: &[Input], options: &Options) -> Result<Loaded, Vec<Diagnostic>> {
    let mut report = Report::default();
    let Some(first) = inputs.first() else {
        return Err(vec![
            Diagnostic::error("stack-file/missing", "no stack file is given").help("name one with -c FILE"),
        ]);
    };
    let folder = folder(first, &options.working_dir);
    let mut files = Vec::new();
    for input in inputs {
        if let Some(file) = parse(input, &mut report) {
            files.push(file);
        }
    }
    report.check()?;
    same_version(&files, &mut report);
    report.check()?;
    let mut stacks = Vec::new();
    for mut file in files {
        // What one step refuses would only be refused again, in other words, by the next one.
        interpolate(&mut file.root, &options.environment, &mut report);
        if report.errors.is_empty() {
            schema::check(&file.root, file.version, &mut report);
        }
        ignored::warn(&file.root, &mut report);
        if report.errors.is_empty() {
            let context =
                Context { environment: &options.environment, folder: &folder, version: file.version };
            stacks.push(decode::decode(&file.root, &context, &mut report));
        }
    }
    report.check()?;
    let mut stacks = stacks.into_iter();
    let Some(mut stack) = stacks.next() else { return Err(report.errors) };
    for over in stacks {
        merge(&mut stack, over, &mut report);
    }
    profiles::apply(&mut stack, &options.profiles);
    report.check()?;
    Ok(Loaded { stack, warnings: report.into_warnings() })
}

struct File {
    source: Source,
    root: Node,
    version: Version,
}

fn parse(input: &Input, report: &mut Report) -> Option<File> {
    let source = Source::new(&input.name, input.text.strip_prefix('\u{feff}').unwrap_or(&input.text));
    let document = match yaml::parse(&source) {
        Ok(document) => document,
        Err(diagnostic) => {
            report.error(diagnostic);
            return None;
        }
    };
    if let Some(place) = document.second {
        report.warn(
            Diagnostic::warning(
                "stack-file/second-document",
                "a second document starts here, and is not read",
            )
            .at(place)
            .help("put it into a file of its own and give both with -c"),
        );
    }
    let root = document.root;
    if root.as_map().is_none() {
        report.error(
            Diagnostic::error(
                "stack-file/type",
                format!("a stack file is a mapping, this is {}", root.kind()),
            )
            .at(root.place.clone())
            .help("start with `services:`"),
        );
        return None;
    }
    match Version::of(&root) {
        Ok(version) => Some(File { source, root, version }),
        Err(diagnostic) => {
            report.error(diagnostic);
            None
        }
    }
}

fn same_version(files: &[File], report: &mut Report) {
    let Some(first) = files.first() else { return };
    for file in &files[1..] {
        if file.version == first.version {
            continue;
        }
        let place = |file: &File| {
            file.root.get("version").map_or_else(|| file.source.place(0..0), |node| node.place.clone())
        };
        let message = format!("this file has version {}, the first one {}", file.version, first.version);
        report.error(
            Diagnostic::error("stack-file/version", message)
                .at(place(file))
                .related(place(first), "the first file")
                .help("give all files the same version, or remove the line from all of them"),
        );
    }
}

/// The folder of the first file.
fn folder(first: &Input, working_dir: &Path) -> PathBuf {
    let Some(path) = &first.path else { return paths::clean(working_dir) };
    let path = paths::clean(&working_dir.join(path));
    path.parent().map_or_else(|| working_dir.to_owned(), Path::to_owned)
}
