//! The plan as people and machines see it: what output shows, and what a later plan is compared with. Pure.

use serde::Serialize;

use super::{Action, Foreign, Plan, PlannedService, RecreateSummary};
use crate::target::Target;

/// A plan as output shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanSummary {
    /// The stack.
    pub stack: String,
    /// The number of the release.
    pub release: u64,
    /// Whether an interrupted release is continued.
    pub resumes: bool,
    /// The earlier release that it is again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns_to: Option<u64>,
    /// Whether there is nothing to do.
    pub empty: bool,
    /// The waves: whether it is a gate, and each service with what is done.
    pub waves: Vec<WaveSummary>,
    /// Networks, secrets and configs to create.
    pub creates: Vec<(String, String)>,
    /// Services to remove.
    pub removes: Vec<String>,
    /// Changes that others made.
    pub foreign: Vec<Foreign>,
    /// Why this order: what was declared, and what was inferred from what.
    pub reasons: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What becomes of it if it fails, and what cannot be taken back.
    pub undo: Vec<String>,
    /// How the stack is recreated, if it is.
    pub recreate: Option<RecreateSummary>,
}

/// A wave as output shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaveSummary {
    /// Whether these are gates.
    pub gate: bool,
    /// The services.
    pub services: Vec<ServiceSummary>,
}

/// A service as output shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceSummary {
    /// Its name in the stack file.
    pub service: String,
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
}

impl Plan {
    /// The plan for people and machines.
    pub fn summary(&self, target: &Target) -> PlanSummary {
        let service = |planned: &PlannedService| ServiceSummary {
            service: planned.key.clone(),
            action: planned.action.clone(),
        };
        PlanSummary {
            stack: target.stack.clone(),
            release: self.number,
            resumes: self.resumes,
            returns_to: target.returns_to,
            empty: self.empty,
            waves: self
                .waves
                .iter()
                .map(|wave| WaveSummary {
                    gate: wave.gate,
                    services: wave.services.iter().map(service).collect(),
                })
                .collect(),
            creates: self.creates.iter().map(|(kind, name)| ((*kind).to_owned(), name.clone())).collect(),
            removes: self.removes.clone(),
            foreign: self.foreign.clone(),
            reasons: target.order.reasons.clone(),
            warnings: self.warnings.clone(),
            undo: self.undo.clone(),
            recreate: self.recreate.as_ref().map(|recreation| recreation.summary(target, self)),
        }
    }
}
