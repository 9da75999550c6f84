//! The stack files of a command line, read and judged.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use diagnostics::Diagnostic;
use stackfile::{Desired, Input, Stack};

use crate::cli::Global;
use crate::exit::{Code, Failure};
use crate::output;

/// Which files make the stack.
#[derive(Clone, Debug, Args)]
pub struct FileArgs {
    /// A stack file; later ones override earlier ones, `-` is standard input.
    #[arg(short = 'c', long = "compose-file", value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// A file of variables for the stack files, instead of `.env` beside the first one. The environment wins.
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Enable the services of a profile; `*` enables all.
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
}

/// Which stack, from which files.
#[derive(Clone, Debug, Args)]
pub struct StackArgs {
    /// Which files.
    #[command(flatten)]
    pub files: FileArgs,
    /// The stack's name.
    pub stack: String,
}

/// Reads the stack files, and what they are to be loaded with.
pub fn read(args: &FileArgs, global: &Global) -> Result<(Vec<Input>, stackfile::Options), Failure> {
    let mut inputs = Vec::new();
    for file in &args.files {
        inputs.push(read_file(file).map_err(refused)?);
    }
    let working_dir = std::env::current_dir()
        .map_err(|error| Failure::new(Code::Internal, format!("no current folder: {error}")))?;
    let environment = environment(args, global)?;
    Ok((inputs, stackfile::Options { environment, working_dir, profiles: args.profiles.clone() }))
}

/// Reads and loads the stack files. Warnings are shown; problems end the command.
pub fn load(args: &FileArgs, global: &Global) -> Result<Stack, Failure> {
    let (inputs, options) = read(args, global)?;
    let loaded = stackfile::load(&inputs, &options).map_err(refused)?;
    for warning in &loaded.warnings {
        output::warning(warning, global);
    }
    Ok(loaded.stack)
}

/// What the stack asks of an engine, under its name.
pub fn desired(args: &StackArgs, global: &Global) -> Result<Desired, Failure> {
    let stack = load(&args.files, global)?;
    let desired = stackfile::convert(&stack, &args.stack).map_err(refused)?;
    for warning in &desired.warnings {
        output::warning(warning, global);
    }
    Ok(desired)
}

/// The stack files were refused for these reasons.
pub fn refused(diagnostics: Vec<Diagnostic>) -> Failure {
    Failure::input("the stack files were refused; nothing was changed", diagnostics)
}

/// The process's environment, and below it the files of variables.
fn environment(args: &FileArgs, global: &Global) -> Result<BTreeMap<String, String>, Failure> {
    let mut environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut files = args.env_file.clone();
    if files.is_empty() {
        let beside = args.files.first().filter(|first| first.as_path() != Path::new("-"));
        let default = beside.map(|first| first.with_file_name(".env")).filter(|file| file.is_file());
        if let Some(file) = &default {
            let message = format!("variables are also read from {}, as Compose does", file.display());
            let note = Diagnostic::warning("stack-file/dot-env", message);
            output::warning(&note.help("--env-file /dev/null leaves it out"), global);
        }
        files.extend(default);
    }
    // A later file wins over an earlier one, and the environment over all.
    let mut variables = BTreeMap::new();
    for file in &files {
        variables
            .extend(stackfile::read_variables(file, &environment).map_err(|problem| refused(vec![problem]))?);
    }
    for (name, value) in variables {
        environment.entry(name).or_insert(value);
    }
    Ok(environment)
}

fn read_file(file: &Path) -> Result<Input, Vec<Diagnostic>> {
    if file != Path::new("-") {
        return Input::read(file).map_err(|diagnostic| vec![diagnostic]);
    }
    let mut text = String::new();
    match std::io::stdin().read_to_string(&mut text) {
        Ok(_) => Ok(Input::stdin(text)),
        Err(error) => {
            let message = format!("standard input cannot be read: {error}");
            Err(vec![
                Diagnostic::error("stack-file/unreadable", message).help("pipe the stack file in as UTF-8"),
            ])
        }
    }
}
