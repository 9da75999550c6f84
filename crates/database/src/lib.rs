//! PostgreSQL: readiness, extensions, lock and fence, version table, ledger, and driving the project's own Alembic.
//! Knows nothing of Swarm, prints nothing.
//!
//! [`migrate`] is the whole of it; what happens is told in [`Event`]s, the last of which is a [`Report`]. In the order
//! of a run:
//!
//! | step | module |
//! |---|---|
//! | the project: configuration, history, what it needs | `project`, `answers` (what only its Python knows) |
//! | where the database is, and the way there | [`settings`], `tls`, `connect`, `readiness` |
//! | is anything to be done? else the lock, and the fence behind it | `gate`, `lock`, `fence` |
//! | rows that Alembic can work with; extensions | `rows`, `evidence`, `extensions` |
//! | Alembic runs, watched | `drive`, `alembic` |
//! | what that amounts to | `verdict`, `explain`, `indexes` |
//! | what an environment wants besides, once per release | `hooks` |
//! | what is told and kept | `event`, `report`, `error`, `ledger` |

mod alembic;
mod answers;
mod backoff;
mod connect;
mod digest;
mod drive;
mod error;
mod event;
mod evidence;
mod explain;
mod extensions;
mod fence;
mod gate;
mod hooks;
mod indexes;
mod ledger;
mod lock;
mod migrate;
mod options;
mod preview;
mod project;
mod query;
mod readiness;
mod report;
mod rows;
mod secret;
pub mod settings;
mod tls;
mod verdict;

pub use error::{Category, MigrateError};
pub use event::Event;
pub use extensions::{Cause, Refusal};
pub use hooks::{Hook, HookError, Hooks};
pub use lock::{Holder, LOCK_CLASS};
pub use migrate::migrate;
pub use options::{Environment, Extent, Options, SeveralHeads};
pub use report::{Outcome, Report, ReportError};
pub use secret::Secret;
pub use tls::TlsError;
