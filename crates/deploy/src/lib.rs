//! Lease, plan, waves, convergence, rollback, releases: a pure core and a thin driver. Never prints.
//!
//! The core decides and does no IO:
//!
//! | module | decides |
//! |---|---|
//! | `settings` | what `x-tidegate` says |
//! | `checks` | what is asked after convergence, and whether the answer will do |
//! | `order` | which service is the gate, what comes before it, what waits for it |
//! | `spec` | whether two specs are the same, and how they differ |
//! | `target` | what is wanted, with digests |
//! | `goal` | where to: what stack files say, or an earlier release |
//! | `database` | what going back means for the database |
//! | `keep` | what is wanted where somebody else's fields are kept |
//! | `source` | which of two releases is made from something newer |
//! | `naming` | which name a secret or config has in the engine |
//! | `plan` | what has to be done, and what somebody else changed |
//! | `strategy`, `mark` | whether the stack is removed first, and how far that has come |
//! | `networks` | how a network is made again, and in what one differs from what is wanted |
//! | `gate` | the gate's service, its log, the verdict |
//! | `converge` | whether a service is there, and whether it can still get there |
//! | `release`, `seal` | how a release is recorded |
//! | `hidden` | what is taken out of the words of others before they are told or recorded |
//! | `plan_file` | whether anything has moved since a plan was agreed to |
//!
//! The driver does what the core decided, through [`engine::Api`] only: `observe`, `outsiders`, `images`, `lease`, `relabel`, `write`,
//! `patient`, `looks`, `watch`, `gate_run`, `rollout`, `rollback`, `steady`, `interrupt`, and the operations themselves: `deploy` (and back), `remove`,
//! `status`, `history`.

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

mod checks;
mod converge;
mod database;
mod deploy;
mod error;
mod event;
mod gate;
mod gate_run;
mod goal;
mod hidden;
mod history;
mod images;
mod interrupt;
mod keep;
mod lease;
mod live;
mod looks;
mod mark;
mod naming;
mod networks;
mod observe;
mod order;
mod outsiders;
mod patient;
mod plan;
mod plan_file;
#[cfg(feature = "planted")]
pub mod planted;
mod relabel;
mod release;
mod remove;
mod rollback;
mod rollout;
mod seal;
mod settings;
mod source;
mod spec;
mod status;
mod steady;
mod strategy;
mod target;
mod watch;
mod write;

pub use checks::{Answer, Asking, Check, CheckKind, HttpCheck, Probe, Url};
pub use converge::{Fate, Trouble, Witness};
pub use deploy::{Deployed, Options, deploy, make_plan, plan_rollback, rollback};
pub use error::{Error, Restored};
pub use event::{CheckState, Event, ServiceEvent, ServiceState, Sink};
pub use goal::Back;
pub use history::{ReleaseDiff, ReleaseInfo, diff as diff_releases, releases};
pub use images::{ResolveImage, with_tag};
pub use interrupt::{Interrupt, Interrupter, Wish};
pub use lease::{Holder, LeaseInfo, abandon as abandon_lease, break_it as break_lease, show as show_lease};
pub use order::runs_tidegate_migrate;
pub use outsiders::NetworkUser;
pub use plan::{
    Action, Foreign, NetworkSummary, OnDrift, PlanOptions, PlanSummary, RecreateSummary, ServiceSummary,
    WaveSummary,
};
pub use plan_file::{PlanFile, PlanFileError};
pub use release::Records;
pub use remove::{Removed, remove};
pub use rollout::wall_clock;
pub use seal::{SealError, nonce};
pub use settings::{Environment, Settings, parse_duration};
pub use source::Source;
pub use spec::Change;
pub use status::{ReleaseStatus, ServiceStatus, Status, status};
pub use strategy::{IfInUse, Strategy};
pub use target::Target;
