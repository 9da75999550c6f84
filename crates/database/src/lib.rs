//! PostgreSQL: readiness, extensions, lock and fence, version table, ledger, and driving the project's own Alembic.
//! Knows nothing of Swarm.

mod secret;
pub mod settings;

pub use secret::Secret;
