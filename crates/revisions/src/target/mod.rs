//! What a target names: `head`, `LABEL@head`, partial and relative ids. Pure.

mod error;
mod name;
mod relative;
mod walk;

pub use error::{TargetError, TargetErrorKind};
pub(crate) use name::refuse_computed;
pub(crate) use relative::{DowngradeTarget, downgrade_target, row_nodes, upgrade_targets};

use crate::History;

/// Several targets in one argument. No id or label of a real project holds a comma, but one that does wins.
pub(crate) fn split<'a>(history: &History, target: &'a str) -> Vec<&'a str> {
    if history.graph().named(target).is_some() || !target.contains(',') {
        return vec![target];
    }
    target.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

impl History {
    /// The revisions that a target names: `head`, `heads`, `base`, an id or a unique part of one, `LABEL@head`,
    /// or several of these separated by commas. Relative targets need rows: see [`History::plan_upgrade`].
    pub fn resolve(&self, target: &str) -> Result<Vec<String>, TargetError> {
        let mut ids: Vec<String> = Vec::new();
        for part in split(self, target) {
            for id in self.ids(name::nodes(self, part)?) {
                if !ids.iter().any(|known| known == id) {
                    ids.push(id.to_owned());
                }
            }
        }
        Ok(ids)
    }
}
