//! `tidegate status`.

use clap::Args;

use crate::cli::{EngineArgs, Global, OutputFormat};
use crate::exit::{Code, Failure};
use crate::output;
use crate::session;

/// Arguments of `tidegate status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The stack's name.
    pub stack: String,
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Runs the command. The exit code says whether the stack has converged.
pub async fn run(args: StatusArgs, global: &Global) -> Result<Code, Failure> {
    let client = session::connect(&args.engine).await?;
    let status = deploy::status(&client, &args.stack).await.map_err(session::failure)?;
    let Some(status) = status else {
        return Err(Failure::new(Code::Input, format!("there is no stack `{}` on this swarm", args.stack))
            .hint("`docker stack ls` lists the stacks that there are"));
    };
    match global.output {
        OutputFormat::Json => output::line(&serde_json::json!(status).to_string()),
        _ => output::text(&output::status::text(&status)),
    }
    Ok(if status.converged { Code::Ok } else { Code::Timeout })
}
