//! Files to a stack: the order of the steps, and the rules that look at a whole file or at all of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Source};

use crate::decode::{self, Context};
use crate::includes::Reader;
use crate::interpolate::interpolate;
use crate::merge::{merge, tags};
use crate::model::Stack;
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
    let chain = inputs.iter().filter_map(|input| input.path.as_ref());
    let chain = chain.map(|path| paths::clean(&options.working_dir.join(path))).collect();
    let mut reader =
        Reader { environment: &options.environment, folder: &folder, chain, report: &mut report };
    let stack = load_files(inputs, &mut reader);
    report.check()?;
    // Without an error there is a stack: every step that gives none reports why.
    let Some(mut stack) = stack else { return Err(report.errors) };
    profiles::apply(&mut stack, &options.profiles);
    Ok(Loaded { stack, warnings: report.into_warnings() })
}

/// The steps for files that are one stack. What one step refuses would only be refused again, in other words,
/// by the next one, so an error ends it there.
pub(crate) fn load_files(inputs: &[Input], reader: &mut Reader<'_>) -> Option<Stack> {
    let parsed: Vec<Option<File>> = inputs.iter().map(|input| parse(input, reader.report)).collect();
    let mut files: Vec<File> = parsed.into_iter().collect::<Option<_>>()?;
    tags::apply(&mut files.iter_mut().map(|file| &mut file.root).collect::<Vec<_>>());
    same_version(&files, reader.report);
    let mut stacks = Vec::new();
    for file in files {
        stacks.push(decode(file, reader));
    }
    let mut stacks = stacks.into_iter().collect::<Option<Vec<Stack>>>()?.into_iter();
    let mut stack = stacks.next()?;
    for over in stacks {
        merge(&mut stack, over, reader.report);
    }
    Some(stack)
}

/// One file, interpolated, checked and decoded, with what it includes and extends.
fn decode(mut file: File, reader: &mut Reader<'_>) -> Option<Stack> {
    let before = reader.report.errors.len();
    interpolate(&mut file.root, reader.environment, reader.report);
    if reader.report.errors.len() == before {
        schema::check(&file.root, file.version, reader.report);
    }
    ignored::warn(&file.root, reader.report);
    if reader.report.errors.len() > before {
        return None;
    }
    let context = Context { environment: reader.environment, folder: reader.folder, version: file.version };
    let mut stack = decode::decode(&file.root, &context, reader.report);
    reader.resolve(&mut stack);
    Some(stack)
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
    let Some((first, rest)) = files.split_first() else { return };
    for file in rest.iter().filter(|file| file.version != first.version) {
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

/// The variables of an environment.
pub(crate) type Environment = BTreeMap<String, String>;
