//! The invariants of DESIGN.md that a run of the simulator can judge, with their numbers.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use deploy::{Deployed, Error, Restored};
use engine::{Call, FileKind};

use super::faults::Second;
use super::picture::Picture;
use super::stack::{BEHIND_THE_GATE, Gates};
use crate::Sim;

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The invariant's number. 0 is what stands above them: an undisturbed deploy ends as its images decide, within its bounds.
    pub invariant: u8,
    /// What is wrong.
    pub words: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {} ({}): {}", self.invariant, self.title(), self.words)
    }
}

impl Broken {
    fn title(&self) -> &'static str {
        match self.invariant {
            1 => "one migrator at a time",
            2 => "a failed gate touches nothing",
            3 => "old or new, one deployer writes",
            4 => "foreign changes are kept",
            5 => "ambiguity is resolved by reading",
            6 => "rollback is exact",
            7 => "success means it stayed up",
            8 => "a second run writes nothing",
            9 => "a plan writes nothing",
            10 => "no secret is shown",
            _ => "every deploy ends as it should",
        }
    }
}

/// What was found broken so far. Also hears of every call.
#[derive(Debug, Default)]
pub(super) struct Judge {
    found: Mutex<Vec<Broken>>,
}

const LEASE: &str = "tidegate.shop.lease";

impl Judge {
    pub(super) fn add(&self, invariant: u8, words: impl Into<String>) {
        let broken = Broken { invariant, words: words.into() };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push(broken);
    }

    fn extend(&self, invariant: u8, when: &str, words: Vec<String>) {
        for words in words {
            self.add(invariant, format!("{when}, but {words}"));
        }
    }

    pub(super) fn found(&self) -> Vec<Broken> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A deployer sends a request: does it still have the lease, and has the gate let it through?
    pub(super) fn hear(&self, sim: &Sim, call: &Call, sender: &Sender) {
        if !call.writes {
            return;
        }
        if !call.what.ends_with(LEASE) {
            let holder = sim.label_of(FileKind::Config, LEASE, "tidegate.nonce");
            if let Some(holder) = holder.filter(|holder| holder != sender.run) {
                self.add(
                    3,
                    format!("`{}` is asked to `{}` while {holder} holds the lease", sender.run, call.what),
                );
            }
        }
        let writes_service = ["create the service ", "update the service "]
            .iter()
            .find_map(|prefix| call.what.strip_prefix(prefix));
        if sender.release == 2
            && writes_service.is_some_and(|name| BEHIND_THE_GATE.contains(&name))
            && (sender.second.is_refused() || !sender.gates.crossed(sim.now()))
        {
            self.add(2, format!("`{}` although the gate was not crossed", call.what));
        }
    }

    /// What a deploy of the second release says of itself, held against the stack before and after.
    pub(super) fn result(&self, result: &Result<Deployed, Error>, view: &View<'_>) {
        match result {
            Ok(_) => self.extend(7, "success", view.after.not_at(2, view.foreign)),
            Err(Error::Gate { restored: Restored::Whole, .. }) => {
                self.extend(2, "refused at the gate", view.after.not_at(1, view.foreign));
                self.extend(6, "refused at the gate", view.after.differs_from(view.before, view.foreign));
                if view.foreign.is_empty() && !view.tasks_failed {
                    let touched = view.after.other_tasks_than(view.before);
                    self.extend(
                        2,
                        "refused at the gate",
                        touched.iter().map(|name| format!("{name} has other tasks")).collect(),
                    );
                }
            }
            Err(Error::Rollout { restored: Restored::Whole, .. }) => {
                self.extend(3, "rolled back", view.after.not_at(1, view.foreign));
                self.extend(6, "rolled back", view.after.differs_from(view.before, view.foreign));
            }
            Err(_) => {}
        }
    }

    /// An accusation: somebody else is said to have changed what nobody else has touched.
    pub(super) fn accusation(&self, result: &Result<Deployed, Error>) {
        let Err(error) = result else { return };
        let words = format!("{error} {}", incomplete(error).join("; "));
        if matches!(error, Error::Foreign { .. }) || words.contains("somebody else") {
            self.add(5, format!("nobody else was there: {words}"));
        }
    }

    /// Undisturbed, the second release ends as its images decide.
    pub(super) fn expected(&self, who: &str, result: &Result<Deployed, Error>, second: Second) {
        let as_expected = match result {
            Ok(_) => second == Second::Good,
            Err(Error::Gate { restored: Restored::Whole, .. }) => second.is_refused(),
            Err(Error::Rollout { restored: Restored::Whole, .. }) => {
                second != Second::Good && !second.is_refused()
            }
            Err(_) => false,
        };
        if !as_expected {
            let left = result.as_ref().err().map(incomplete).unwrap_or_default();
            self.add(0, format!("{who}, undisturbed, with {second:?} ended with {}{left:?}", words(result)));
        }
    }

    /// No gate starts while another runs.
    pub(super) fn overlaps(&self, gates: &Gates) {
        if let Some(two) = gates.overlap() {
            self.add(1, format!("two gates at once: {two:?}"));
        }
    }
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) run: &'static str,
    pub(super) release: u32,
    pub(super) second: Second,
    pub(super) gates: Gates,
}

/// The stack around a deploy.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) before: &'a Picture,
    pub(super) after: &'a Picture,
    /// The services that are as somebody else has left them.
    pub(super) foreign: &'a [String],
    /// Tasks have failed by themselves meanwhile.
    pub(super) tasks_failed: bool,
}

/// What could not be put back.
fn incomplete(error: &Error) -> Vec<String> {
    match error {
        Error::Gate { restored: Restored::Incomplete(left), .. }
        | Error::Rollout { restored: Restored::Incomplete(left), .. } => left.clone(),
        _ => Vec::new(),
    }
}

/// A result in words.
pub(super) fn words(result: &Result<Deployed, Error>) -> String {
    match result {
        Ok(deployed) => format!("success (release {}, changed: {})", deployed.release, deployed.changed),
        Err(error) => {
            let left = incomplete(error);
            if left.is_empty() {
                error.to_string()
            } else {
                format!("{error}; not put back: {}", left.join("; "))
            }
        }
    }
}
