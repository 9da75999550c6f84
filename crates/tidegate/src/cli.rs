//! The command line, declared once: flags, environment variables and help all come from here.

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
    /// How to report: for people, or JSON lines (docs/output.md).
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

/// Which engine to talk to.
#[derive(Clone, Debug, Args)]
pub struct EngineArgs {
    /// The engine, as the docker client's flag: unix://, tcp:// or ssh://.
    #[arg(short = 'H', long, value_name = "HOST", env = "DOCKER_HOST")]
    pub host: Option<String>,
    /// The docker context to use. Not together with --host.
    #[arg(long, value_name = "NAME", conflicts_with = "host")]
    pub context: Option<String>,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Cross the gate: bring the database to what the revision files want. Runs inside the gate's service.
    Migrate(commands::migrate::MigrateArgs),
}
