//! How a release reaches the stack: service by service, or by removing everything first. Pure.

/// How a release is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// What is different is updated where it runs; networks that are there stay as they are.
    #[default]
    Rolling,
    /// Every service and network of the stack is removed, and made again when all of it is really gone.
    Recreate,
}

/// What to do when something outside the stack uses networks that would be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfInUse {
    /// Stop and say what.
    #[default]
    Refuse,
    /// Say what, and go on service by service.
    Rolling,
}

impl Strategy {
    /// The strategy that a word of a stack file means.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "rolling" => Some(Self::Rolling),
            "recreate" => Some(Self::Recreate),
            _ => None,
        }
    }
}

impl IfInUse {
    /// What a word of a stack file means.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "refuse" => Some(Self::Refuse),
            "rolling" => Some(Self::Rolling),
            _ => None,
        }
    }
}
