//! `tidegate stack`: what the stack files come to. Needs no engine.

use clap::{Args, Subcommand};
use stackfile::Desired;

use crate::cli::{Global, OutputFormat};
use crate::exit::{Code, Failure};
use crate::output;
use crate::stack_files::{self, FileArgs, StackArgs};

/// Arguments of `tidegate stack`.
#[derive(Debug, Args)]
pub struct StackCommand {
    /// What to show.
    #[command(subcommand)]
    pub question: Question,
}

/// What to show of the stack files.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// The resolved file, as `docker stack config` prints it.
    Config(FileArgs),
    /// The requests that a deploy on an empty cluster would send, as a JSON array.
    Requests(RequestsArgs),
}

/// Arguments of `tidegate stack requests`.
#[derive(Debug, Args)]
pub struct RequestsArgs {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackArgs,
    /// When to ask the registry for an image's digest: without an engine nobody can be asked.
    #[arg(long, value_name = "WHEN", default_value = "never", value_parser = ["never"])]
    pub resolve_image: String,
}

/// Runs the command.
pub fn run(args: &StackCommand, global: &Global) -> Result<Code, Failure> {
    match &args.question {
        Question::Config(files) => {
            let stack = stack_files::load(files, global)?;
            match global.output {
                OutputFormat::Json => output::line(&stackfile::config_json(&stack).to_string()),
                _ => output::text(&stackfile::config_yaml(&stack)),
            }
        }
        Question::Requests(args) => {
            let desired: Desired = stack_files::desired(&args.stack, global)?;
            output::text(&format!("{:#}\n", stackfile::requests(&desired)));
        }
    }
    Ok(Code::Ok)
}
