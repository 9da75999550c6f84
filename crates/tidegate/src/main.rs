//! `tidegate`: arguments in, an exit code out. The work is in the library crates; what another front end would
//! need does not belong here.

mod cli;
mod commands;
mod exit;
mod interrupts;
mod output;
mod probe;
mod session;
mod source;
mod stack_files;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, OutputFormat};
use exit::{Code, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Whoever closed the stream does not want to know; the exit code still tells.
            let _ = error.print();
            let code = if error.use_stderr() { Code::Usage } else { Code::Ok };
            return ExitCode::from(code as u8);
        }
    };
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::Internal, format!("the async runtime did not start: {error}")))
        .and_then(|runtime| runtime.block_on(run(cli.command, &cli.global)));
    let code = result.unwrap_or_else(|failure| {
        output::failure(&failure, &cli.global);
        failure.code
    });
    ExitCode::from(code as u8)
}

async fn run(command: Command, global: &cli::Global) -> Result<Code, Failure> {
    if matches!(global.output, OutputFormat::Github | OutputFormat::Sarif)
        && !matches!(command, Command::Check(_))
    {
        let message = "only `tidegate check` writes github and sarif";
        return Err(Failure::new(Code::Usage, message).hint("write --output text or --output json"));
    }
    match command {
        Command::Deploy(args) => commands::deploy::run(args, global).await,
        // Its future is large: it holds what is live.
        Command::Plan(args) => Box::pin(commands::plan::run(args, global)).await,
        Command::Rehearse(args) => commands::rehearse::run(args, global).await,
        Command::Rollback(args) => commands::rollback::run(args, global).await,
        Command::Releases(args) => commands::releases::run(args, global).await,
        Command::Lease(args) => commands::lease::run(args, global).await,
        Command::Status(args) => commands::status::run(args, global).await,
        Command::Rm(args) => commands::rm::run(args, global).await,
        Command::Stack(args) => commands::stack::run(&args, global),
        Command::Migrate(args) => commands::migrate::run(args, global).await,
        Command::Check(args) => commands::check::run(&args, global),
        Command::Revisions(args) => commands::revisions::run(args, global),
    }
}
