//! Where a release comes from, and which of two is newer. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The commit that a release is made from, and when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The commit, where one is known.
    pub commit: Option<String>,
    /// When it was committed, where that is known.
    pub committed_at: Option<Timestamp>,
    /// When the deploy was asked for, by its machine's clock.
    pub asked_at: Timestamp,
}

impl Source {
    /// Without a commit.
    pub fn asked(asked_at: Timestamp) -> Self {
        Self { commit: None, committed_at: None, asked_at }
    }

    /// Whether this one is newer than another: by the times of their commits; and where one of them is unknown, or
    /// both are of the same second, by when they were asked for.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        if self.commit.is_some() && self.commit == other.commit {
            return false;
        }
        match (self.committed_at, other.committed_at) {
            (Some(this), Some(that)) if this != that => this > that,
            _ => self.asked_at > other.asked_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(commit: Option<&str>, committed: Option<i64>, asked: i64) -> Source {
        let at = |second| Timestamp::from_second(second).unwrap();
        Source { commit: commit.map(str::to_owned), committed_at: committed.map(at), asked_at: at(asked) }
    }

    #[test]
    fn the_commit_decides_and_without_one_the_time_of_asking() {
        let old = source(Some("a"), Some(100), 900);
        let new = source(Some("b"), Some(200), 500);
        assert!(new.is_newer_than(&old) && !old.is_newer_than(&new));
        let again = source(Some("b"), Some(200), 800);
        assert!(!again.is_newer_than(&new) && !new.is_newer_than(&again));
        let unknown = source(None, None, 600);
        assert!(unknown.is_newer_than(&new) && !unknown.is_newer_than(&old));
    }
}
