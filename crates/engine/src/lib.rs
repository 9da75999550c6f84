//! A thin client of the Docker Engine API. Decides nothing.
//!
//! [`Api`] is everything Tidegate asks of an engine; [`Client`] is the real thing, and the simulator implements it
//! too. What is read is typed only where a decision needs a field; what is written back, snapshotted or compared stays
//! raw JSON, because a typed model drops the fields it does not know (a healthcheck has been lost that way).
//!
//! This crate never retries a write, never judges an answer and never prints. It does say exactly how far a failed
//! call got: see [`Error::may_have_been_applied`].

mod api;
mod client;
mod credentials;
mod endpoint;
mod error;
mod http;
mod model;
mod secret;
mod subscription;
mod transport;

pub use api::Api;
pub use client::{Client, Timeouts};
pub use credentials::Credentials;
pub use endpoint::{Endpoint, Environment, Tls};
pub use error::{Call, Error};
pub use model::container::Container;
pub use model::event::{Event, EventFilter};
pub use model::file_object::{FileKind, FileObject};
pub use model::filter::Filter;
pub use model::health::{Health, HealthRun};
pub use model::image::{Distribution, Platform};
pub use model::info::{Info, LocalNodeState};
pub use model::log::{LogLine, LogOptions, LogSource, LogStream};
pub use model::network::Network;
pub use model::node::{ManagerStatus, Node, NodeStatus};
pub use model::service::{Created, Service, ServiceMode, UpdateState, UpdateStatus};
pub use model::task::{Task, TaskFilter, TaskState, TaskStatus};
pub use model::wire::at;
pub use secret::Secret;
pub use subscription::{Subscription, Supply};
