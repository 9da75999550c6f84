//! Lease, plan, waves, convergence, rollback, releases: a pure core and a thin driver. Never prints.
//!
//! The core decides and does no IO:
//!
//! | module | decides |
//! |---|---|
//! | `settings` | what `x-tidegate` says |
//! | `order` | which service is the gate, what comes before it, what waits for it |
//! | `spec` | whether two specs are the same, and how they differ |
//! | `target` | what is wanted, with digests |
//! | `naming` | which name a secret or config has in the engine |
//! | `plan` | what has to be done, and what somebody else changed |
//! | `gate` | the gate's service, its log, the verdict |
//! | `converge` | whether a service is there, and whether it can still get there |
//! | `release`, `seal` | how a release is recorded |
//!
//! The driver does what the core decided, through [`engine::Api`] only: `observe`, `images`, `lease`, `relabel`, `write`,
//! `watch`, `gate_run`, `rollout`, `rollback`, and the operations themselves: `deploy`, `remove`, `status`.

/// Whether a bug is planted: `false` but for the mutation check of the simulator's seeds.
macro_rules! planted {
    ($bug:ident) => {{
        #[cfg(feature = "planted")]
        let planted = crate::planted::is(crate::planted::Bug::$bug);
        #[cfg(not(feature = "planted"))]
        let planted = false;
        planted
    }};
}

mod converge;
mod deploy;
mod error;
mod event;
mod gate;
mod gate_run;
mod images;
mod lease;
mod live;
mod naming;
mod observe;
mod order;
mod plan;
#[cfg(feature = "planted")]
pub mod planted;
mod relabel;
mod release;
mod remove;
mod rollback;
mod rollout;
mod seal;
mod settings;
mod spec;
mod status;
mod target;
mod watch;
mod write;

pub use converge::Trouble;
pub use deploy::{Deployed, Options, deploy, make_plan};
pub use error::{Error, Restored};
pub use event::{Event, ServiceEvent, ServiceState, Sink};
pub use images::ResolveImage;
pub use lease::{Holder, abandon as abandon_lease};
pub use plan::{Action, Foreign, OnDrift, Plan, PlanOptions, PlanSummary, ServiceSummary, WaveSummary};
pub use remove::{Removed, remove};
pub use rollout::wall_clock;
pub use seal::{SealError, nonce};
pub use settings::{Environment, Settings, parse_duration};
pub use spec::Change;
pub use status::{ReleaseStatus, ServiceStatus, Status, status};
pub use target::Target;
