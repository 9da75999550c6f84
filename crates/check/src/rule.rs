//! What a rule is. The rules themselves are in `rules/`.

use diagnostics::{Place, Severity};

use crate::context::Context;

/// One rule: what it looks for, and what there is to say about it.
#[derive(Debug)]
pub struct Rule {
    /// Its name, as in `# tidegate: ignore NAME`.
    pub name: &'static str,
    /// How bad what it finds is; a single finding may be milder.
    pub level: Severity,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// What happens, with the evidence.
    pub what: &'static str,
    /// What to write instead.
    pub instead: &'static str,
    /// Files with and without the fault; the tests hold the rule to them.
    pub example: Example,
    pub(crate) check: fn(&Context<'_>) -> Vec<Draft>,
}

/// Stack files that show a rule. More than one is as with several `-c`.
#[derive(Debug)]
pub struct Example {
    /// The rule finds something here.
    pub wrong: &'static [&'static str],
    /// And nothing here.
    pub right: &'static [&'static str],
}

/// What a rule found, before comments are looked at and fixes are proven.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Instead of the rule's own.
    pub(crate) severity: Option<Severity>,
    pub(crate) message: String,
    pub(crate) place: Place,
    pub(crate) label: Option<String>,
    pub(crate) related: Vec<(Place, String)>,
    pub(crate) help: String,
    pub(crate) service: Option<String>,
    pub(crate) proposal: Proposal,
}

/// What could be done about a finding by a machine.
#[derive(Clone, Debug)]
pub(crate) enum Proposal {
    /// Nothing: a person has to decide, for this reason.
    None(&'static str),
    /// Keys of the service's `deploy.update_config` get these values.
    UpdateConfig(&'static [(&'static str, &'static str)]),
}

impl Draft {
    pub(crate) fn at(place: &Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            severity: None,
            message: message.into(),
            place: place.clone(),
            label: None,
            related: Vec::new(),
            help: help.into(),
            service: None,
            proposal: Proposal::None("what is right here is for a person to say"),
        }
    }

    /// The same, about a service.
    pub(crate) fn of(mut self, service: &stackfile::model::Service) -> Self {
        self.service = Some(service.name.clone());
        self
    }

    /// The same, with another severity than the rule's.
    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// The same, with a remark at the place.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same, with another place that matters.
    pub(crate) fn related(mut self, place: &Place, remark: impl Into<String>) -> Self {
        self.related.push((place.clone(), remark.into()));
        self
    }

    /// The same, with what a machine could do.
    pub(crate) fn update_config(mut self, set: &'static [(&'static str, &'static str)]) -> Self {
        self.proposal = Proposal::UpdateConfig(set);
        self
    }

    /// The same, with the reason why a machine can do nothing.
    pub(crate) fn no_fix(mut self, reason: &'static str) -> Self {
        self.proposal = Proposal::None(reason);
        self
    }
}
