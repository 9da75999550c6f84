//! A plan that was looked at, kept to be carried out later as it was: what it was made from, so that anything that has
//! moved since is found. Pure, and without any value of a spec.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::plan::Plan;
use crate::spec::{self, hex};
use crate::target::Target;

/// The format of the file; another number is another format.
const FORMAT: u32 = 1;

/// What a plan was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFile {
    format: u32,
    /// The stack.
    pub stack: String,
    /// The number that the release was to get.
    pub release: u64,
    /// Whether the stack was to be recreated.
    #[serde(default)]
    recreates: bool,
    /// The digest of what was wanted.
    wanted: String,
    /// The digest of each service's live spec.
    live: BTreeMap<String, String>,
}

/// A plan file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// It is not a plan.
    #[error("it is not a plan of Tidegate's: {0}")]
    NotAPlan(#[from] serde_json::Error),
    /// It is of another version of Tidegate.
    #[error("it is of format {0}, and this Tidegate reads format {FORMAT}: make the plan again")]
    Format(u32),
}

impl PlanFile {
    /// What this plan was made from.
    pub(crate) fn of(plan: &Plan, target: &Target) -> Self {
        let digest = |value: &serde_json::Value| hex(&Sha256::digest(spec::canonical_text(value).as_bytes()));
        Self {
            format: FORMAT,
            stack: target.stack.clone(),
            release: plan.number,
            recreates: plan.recreate.is_some(),
            wanted: target.digest.clone(),
            live: plan.base.iter().map(|(name, spec)| (name.clone(), digest(spec))).collect(),
        }
    }

    /// Reads a file's text.
    pub fn read(text: &str) -> Result<Self, PlanFileError> {
        let file: Self = serde_json::from_str(text)?;
        if file.format == FORMAT { Ok(file) } else { Err(PlanFileError::Format(file.format)) }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        // Texts and numbers only: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// What is different now. `wanted` says whether what is wanted is compared too.
    pub(crate) fn moved(&self, now: &Self, wanted: bool) -> Vec<String> {
        let mut moved = Vec::new();
        if self.stack != now.stack {
            return vec![format!("the plan is for stack `{}`", self.stack)];
        }
        if self.release != now.release {
            moved.push(format!("this would be release {} and not {}", now.release, self.release));
        }
        if self.recreates != now.recreates {
            let word = |recreates| if recreates { "recreated" } else { "updated service by service" };
            moved.push(format!(
                "the stack would be {} and not {}",
                word(now.recreates),
                word(self.recreates)
            ));
        }
        if wanted && self.wanted != now.wanted {
            moved.push("the stack files, their variables or their images' digests are different".to_owned());
        }
        for (name, spec) in &now.live {
            match self.live.get(name) {
                None => moved.push(format!("service `{name}` is there now")),
                Some(then) if then != spec => moved.push(format!("service `{name}` was changed")),
                Some(_) => {}
            }
        }
        let gone = self.live.keys().filter(|name| !now.live.contains_key(*name));
        moved.extend(gone.map(|name| format!("service `{name}` is gone")));
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(release: u64, wanted: &str, live: &[(&str, &str)]) -> PlanFile {
        let live = live.iter().map(|(name, spec)| ((*name).to_owned(), (*spec).to_owned())).collect();
        PlanFile {
            format: FORMAT,
            stack: "shop".into(),
            release,
            recreates: release == 4,
            wanted: wanted.into(),
            live,
        }
    }

    #[test]
    fn everything_that_moved_is_named() {
        let then = file(3, "w", &[("shop_api", "a"), ("shop_db", "d")]);
        assert_eq!(PlanFile::read(&then.text()).unwrap(), then);
        assert!(then.moved(&then, true).is_empty());
        let now = file(4, "x", &[("shop_api", "b"), ("shop_new", "n")]);
        assert_eq!(
            then.moved(&now, true),
            [
                "this would be release 4 and not 3",
                "the stack would be recreated and not updated service by service",
                "the stack files, their variables or their images' digests are different",
                "service `shop_api` was changed",
                "service `shop_new` is there now",
                "service `shop_db` is gone",
            ]
        );
        assert!(PlanFile::read("{}").is_err());
        assert!(PlanFile::read(&then.text().replace("\"format\": 1", "\"format\": 9")).is_err());
    }
}
