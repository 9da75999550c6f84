//! The command line, declared once: flags, environment variables and help all come from here.
// These comments are the help texts, where backticks would only be noise.
#![allow(clippy::doc_markdown)]

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// Take a stack on Docker Swarm and its PostgreSQL database from one release to the next, or leave both as they
/// were.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 110)]
pub struct Cli {
    /// What is common to all commands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// How to report: for people, or JSON lines (docs/output.md). `check` also knows github and sarif.
    #[arg(long, global = true, env = "TIDEGATE_OUTPUT", value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,
    /// When to use colour. `auto` asks the terminal and respects NO_COLOR.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Progress on a terminal, plain lines elsewhere, annotations under GitHub Actions.
    Text,
    /// One JSON object a line.
    Json,
    /// Annotations of GitHub's workflows (only `check`).
    Github,
    /// SARIF 2.1.0, for code scanning (only `check`).
    Sarif,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that wants it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which engine to talk to. Without a flag: DOCKER_HOST, DOCKER_CONTEXT, the docker client's current context, or
/// this machine's socket, in this order.
#[derive(Clone, Debug, Args)]
pub struct EngineArgs {
    /// The engine: unix://, tcp:// or ssh:// [env: DOCKER_HOST]
    #[arg(short = 'H', long, value_name = "HOST")]
    pub host: Option<String>,
    /// The docker context to use [env: DOCKER_CONTEXT]
    #[arg(long, value_name = "NAME", conflicts_with = "host")]
    pub context: Option<String>,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a stack and its database to the release that the stack files describe, or leave both as they were.
    Deploy(commands::deploy::DeployArgs),
    /// Show what a deploy would do, and why in this order. Writes nothing.
    Plan(commands::plan::PlanArgs),
    /// Rehearse a deploy: the stack on a simulated Swarm, the migrations on a throwaway PostgreSQL. Writes nothing live.
    Rehearse(commands::rehearse::RehearseArgs),
    /// Take a stack back to an earlier release, as it was recorded, and the database too if asked.
    Rollback(commands::rollback::RollbackArgs),
    /// List a stack's releases, show one, or compare two.
    Releases(commands::releases::ReleasesArgs),
    /// Show who is deploying a stack, or take the lease away from a deploy that hangs.
    Lease(commands::lease::LeaseArgs),
    /// Show what runs, which release it is, and whether it has converged.
    Status(commands::status::StatusArgs),
    /// Remove a stack, and return when its services, containers and networks are really gone. Volumes stay.
    Rm(commands::rm::RmArgs),
    /// Show what the stack files come to: the resolved file, or the requests of a first deploy. Needs no engine.
    Stack(commands::stack::StackCommand),
    /// Cross the gate: bring the database to what the revision files want. Runs inside the gate's service.
    Migrate(commands::migrate::MigrateArgs),
    /// Check the stack files for what will go wrong in a deploy, and fix what can be fixed. Needs no engine.
    Check(commands::check::CheckArgs),
    /// Ask about the revision files: heads, plans, what rows mean. Needs no Python and no database.
    Revisions(commands::revisions::RevisionsArgs),
}
