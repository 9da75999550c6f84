//! Driving the project's own Alembic: its command line, its process, what it says. What the database looks like
//! afterwards is judged elsewhere.

mod bridge;
mod command;
mod run;

pub(crate) use bridge::Message;
pub(crate) use command::Invocation;
pub(crate) use run::{Ended, Run, Stop, Watch, run};
