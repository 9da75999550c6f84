//! `tidegate check`: what will go wrong in a deploy, told from the stack files alone. Needs no engine; writes
//! nothing without `--fix`.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use ::check::{Checked, Fixed, Rule};
use clap::{Args, ValueEnum};
use diagnostics::Severity;
use stackfile::Input;

use crate::cli::{Global, OutputFormat};
use crate::exit::{Code, Failure};
use crate::output::check as show;
use crate::stack_files::{self, FileArgs};

/// Arguments of `tidegate check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A stack file; later ones override earlier ones, `-` is standard input.
    #[arg(
        short = 'c',
        long = "compose-file",
        value_name = "FILE",
        required_unless_present_any = ["explain", "list"]
    )]
    pub files: Vec<PathBuf>,
    /// A file of variables for the stack files, instead of `.env` beside the first one. The environment wins.
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Enable the services of a profile; `*` enables all.
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// Make every fix that is proven to change nothing else.
    #[arg(long)]
    pub fix: bool,
    /// Show what --fix would change, and write nothing.
    #[arg(long, requires = "fix")]
    pub dry_run: bool,
    /// Which findings fail the run (exit code 15): these and worse ones.
    #[arg(long, value_name = "LEVEL", default_value = "error")]
    pub level: Level,
    /// Explain a rule: what happens, the evidence, what to write instead.
    #[arg(long, value_name = "RULE", conflicts_with_all = ["files", "list", "fix"])]
    pub explain: Option<String>,
    /// List the rules.
    #[arg(long, conflicts_with_all = ["files", "fix"])]
    pub list: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Level {
    /// A deploy goes wrong.
    Error,
    /// Probably not what was meant.
    Warning,
    /// Good to know.
    Note,
}

impl Level {
    fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Note => Severity::Note,
        }
    }
}

/// Runs the command.
pub fn run(args: &CheckArgs, global: &Global) -> Result<Code, Failure> {
    if args.list {
        show::list(::check::rules(), global);
        return Ok(Code::Ok);
    }
    if let Some(name) = &args.explain {
        show::explain(rule(name)?, global);
        return Ok(Code::Ok);
    }
    let files = FileArgs {
        files: args.files.clone(),
        env_file: args.env_file.clone(),
        profiles: args.profiles.clone(),
    };
    // What reading has to say goes to stderr: stdout is one document.
    let aside = Global { output: OutputFormat::Text, ..global.clone() };
    let (inputs, options) = stack_files::read(&files, &aside)?;
    let checked = if args.fix {
        refuse_standard_input(&inputs, args.dry_run)?;
        let fixed = ::check::fix(&inputs, &options).map_err(stack_files::refused)?;
        if !args.dry_run {
            write(&inputs, &fixed)?;
        }
        show::fixed(&fixed, args.dry_run, global);
        fixed.left
    } else {
        let checked = ::check::check(&inputs, &options).map_err(stack_files::refused)?;
        show::checked(&checked, global);
        checked
    };
    Ok(code(&checked, args.level))
}

/// A level that fails the run, if a finding has it.
fn code(checked: &Checked, level: Level) -> Code {
    let fails = checked.findings.iter().any(|finding| finding.diagnostic.severity >= level.severity());
    if fails { Code::Findings } else { Code::Ok }
}

fn rule(name: &str) -> Result<&'static Rule, Failure> {
    ::check::rule(name).ok_or_else(|| {
        let hint = match ::check::nearest(name) {
            Some(near) => format!("did you mean {near}?"),
            None => "`tidegate check --list` has the names".into(),
        };
        Failure::new(Code::Usage, format!("there is no rule {name}")).hint(hint)
    })
}

fn refuse_standard_input(inputs: &[Input], dry_run: bool) -> Result<(), Failure> {
    if dry_run || inputs.iter().all(|input| input.path.is_some()) {
        return Ok(());
    }
    let message = "--fix cannot write to standard input; nothing was changed";
    Err(Failure::new(Code::Usage, message).hint("name the file with -c, or add --dry-run to see the changes"))
}

/// Writes the files that fixes changed. None is written unless all of them still are what was read.
fn write(inputs: &[Input], fixed: &Fixed) -> Result<(), Failure> {
    let changed = inputs.iter().zip(&fixed.inputs).filter(|(before, after)| before.text != after.text);
    let changed: Vec<(&Input, &Input)> = changed.collect();
    for (before, _) in &changed {
        let now = before.path.as_ref().map(fs::read);
        if !matches!(now, Some(Ok(bytes)) if bytes == before.text.as_bytes()) {
            let message = format!(
                "{} is no longer what was read, or is not plain UTF-8; nothing was changed",
                before.name
            );
            return Err(Failure::new(Code::Input, message)
                .hint("save it as UTF-8 without a byte order mark, and run the command again"));
        }
    }
    for (_, after) in changed {
        let Some(path) = &after.path else { continue };
        replace(path, &after.text).map_err(|error| {
            Failure::new(Code::Input, format!("{} cannot be written: {error}", after.name)).hint(
                "check that you may write the file and its folder; the other files are as the diff of your \
                       version control shows",
            )
        })?;
    }
    Ok(())
}

/// Puts a text in the place of a file: the file has the old text or the new one, never a part.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // The file itself, not the link to it, is what is replaced.
    let path = path.canonicalize()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.tidegate-{}", std::process::id()));
    let written = fs::write(&beside, text)
        .and_then(|()| like(&beside, &fs::metadata(&path)?))
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // What could not take its place is of no use.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Gives a new file the permissions and, where that is allowed, the owner of the one that it replaces.
fn like(path: &Path, old: &fs::Metadata) -> std::io::Result<()> {
    // Only root may give a file away; for everybody else it is theirs, as with an editor.
    let _ = chown(path, Some(old.uid()), Some(old.gid()));
    fs::set_permissions(path, old.permissions())
}
