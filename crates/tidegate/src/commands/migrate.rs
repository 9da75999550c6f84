//! `tidegate migrate`.

use clap::Args;

use crate::cli::Global;
use crate::exit::{Code, Failure};

/// Arguments of `tidegate migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {}

/// Runs the command.
pub async fn run(_args: MigrateArgs, _global: &Global) -> Result<Code, Failure> {
    Err(Failure::new(Code::Internal, "tidegate migrate has not landed yet"))
}
