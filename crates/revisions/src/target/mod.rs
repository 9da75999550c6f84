//! What a target names: `head`, `LABEL@head`, partial and relative ids.

mod error;

pub use error::{TargetError, TargetErrorKind};
