//! `tidegate lease`.

use clap::{Args, Subcommand};

use crate::cli::{EngineArgs, Global, OutputFormat};
use crate::exit::{Code, Failure};
use crate::output;
use crate::session;

/// Arguments of `tidegate lease`.
#[derive(Debug, Args)]
pub struct LeaseArgs {
    /// What to do.
    #[command(subcommand)]
    pub question: Question,
}

/// What to do with the lease.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// Show who is deploying a stack.
    Show(Which),
    /// Take the lease away from whoever holds it. Its holder, if it lives, stops writing a few seconds later; a dead one is
    /// taken over from by the next deploy without this.
    Break(Which),
}

/// Which lease.
#[derive(Debug, Args)]
pub struct Which {
    /// The stack's name.
    pub stack: String,
    /// Which engine.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Runs the command.
pub async fn run(args: LeaseArgs, global: &Global) -> Result<Code, Failure> {
    let (json, text) = match args.question {
        Question::Show(which) => show(&which).await?,
        Question::Break(which) => break_it(&which).await?,
    };
    match global.output {
        OutputFormat::Json => output::line(&json.to_string()),
        _ => output::text(&(text + "\n")),
    }
    Ok(Code::Ok)
}

async fn show(which: &Which) -> Result<(serde_json::Value, String), Failure> {
    let client = session::connect(&which.engine).await?;
    let lease = deploy::show_lease(&client, &which.stack, &session::holder()?).await;
    let lease = lease.map_err(session::failure)?;
    let text = match &lease {
        None => format!("nobody is deploying stack {}", which.stack),
        Some(lease) => {
            let dead = if lease.dead { "; it is dead: the next deploy takes over" } else { "" };
            format!(
                "{} is deploying stack {} since {}; last heard of {} s ago{dead}",
                lease.holder,
                which.stack,
                output::moment(&lease.since),
                lease.silent
            )
        }
    };
    Ok((serde_json::json!(lease), text))
}

async fn break_it(which: &Which) -> Result<(serde_json::Value, String), Failure> {
    let client = session::connect(&which.engine).await?;
    let holder = deploy::break_lease(&client, &which.stack).await.map_err(session::failure)?;
    let text = match &holder {
        None => format!("nobody is deploying stack {}: there was nothing to break", which.stack),
        Some(holder) => format!("the lease of {holder} on stack {} is broken", which.stack),
    };
    Ok((serde_json::json!({ "broken": holder }), text))
}
