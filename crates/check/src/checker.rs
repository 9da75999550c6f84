//! From files to findings: the rules, the comments that silence them, the fixes.

use diagnostics::{Diagnostic, Place};
use stackfile::{Desired, Input, Loaded, Options};

use crate::context::Context;
use crate::finding::{Finding, FixState, Region};
use crate::ignore::Ignores;
use crate::mask::Masks;
use crate::proof::State;
use crate::rule::{Draft, Proposal, Rule};
use crate::rules;
use crate::snapshot::NAME;

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What is left after the comments that silence findings, in the order of the files.
    pub findings: Vec<Finding>,
    /// How many findings a comment silences.
    pub ignored: usize,
}

/// Checks stack files. An error means that the files do not load.
pub fn check(inputs: &[Input], options: &Options) -> Result<Checked, Vec<Diagnostic>> {
    Ok(report(&State::load(inputs.to_vec(), options)?))
}

/// The findings of files, each with its fix.
pub(crate) fn report(state: &State) -> Checked {
    let mut masks = Masks::of(state.stack());
    let found = state.found.iter().map(|(rule, draft)| {
        let fix = state.prove(rule, draft).map(|(fix, _)| fix);
        finding(rule, draft, fix.map_or_else(FixState::Refused, FixState::Offered), &mut masks)
    });
    Checked { findings: found.collect(), ignored: state.ignored }
}

/// Files that load, and the requests that they come to.
pub(crate) struct Files {
    pub(crate) loaded: Loaded,
    pub(crate) converted: Result<Desired, Vec<Diagnostic>>,
}

impl Files {
    /// Loads, and masks what cannot be loaded.
    pub(crate) fn load(inputs: &[Input], options: &Options) -> Result<Self, Vec<Diagnostic>> {
        let loaded = stackfile::load(inputs, options).map_err(|errors| {
            let mut masks = Masks::default();
            errors.into_iter().map(|error| masks.diagnostic(error)).collect::<Vec<_>>()
        })?;
        let converted = stackfile::convert(&loaded.stack, NAME);
        Ok(Self { loaded, converted })
    }
}

/// What a rule found.
pub(crate) type Found = (&'static Rule, Draft);

/// What the rules find and no comment silences, in the order of the files; and how much is silenced.
pub(crate) fn found(files: &Files, inputs: &[Input]) -> (Vec<Found>, usize) {
    let context = Context::new(files);
    let mut found: Vec<Found> = Vec::new();
    for rule in rules() {
        found.extend((rule.check)(&context).into_iter().map(|draft| (*rule, draft)));
    }
    let mut comments = Ignores::read(inputs, &files.loaded.stack);
    let all = found.len();
    found.retain(|(rule, draft)| !comments.silence(rule, draft));
    let ignored = all - found.len();
    found.extend(comments.findings());
    found.sort_by_cached_key(|(rule, draft)| {
        (position(inputs, &draft.place), rule.name, draft.message.clone())
    });
    found.dedup_by(|(a, first), (b, second)| {
        a.name == b.name && first.place == second.place && first.message == second.message
    });
    (shared(found), ignored)
}

/// Findings of one place as one: what an anchor or a merge key brings to several services is said once.
fn shared(found: Vec<Found>) -> Vec<Found> {
    let mut out: Vec<Found> = Vec::new();
    let mut others: Vec<Vec<String>> = Vec::new();
    for (rule, draft) in found {
        let same = out.iter().position(|(other, first)| {
            let fixable = matches!(first.proposal, Proposal::UpdateConfig(_));
            !fixable
                && other.name == rule.name
                && first.place == draft.place
                && first.service != draft.service
        });
        if let (Some(index), Some(service)) = (same, &draft.service) {
            others[index].push(format!("`{service}`"));
        } else {
            out.push((rule, draft));
            others.push(Vec::new());
        }
    }
    for ((_, draft), others) in out.iter_mut().zip(others).filter(|(_, others)| !others.is_empty()) {
        draft.message.push_str(&format!(" (and so for {})", others.join(", ")));
    }
    out
}

/// Files in the order given, files that they include behind them.
fn position(inputs: &[Input], place: &Place) -> (usize, String, usize) {
    let name = place.source().name();
    let index = inputs.iter().position(|input| input.name == name).unwrap_or(inputs.len());
    (index, name.to_owned(), place.range().start)
}

/// A finding to hand out.
pub(crate) fn finding(rule: &'static Rule, draft: &Draft, fix: FixState, masks: &mut Masks) -> Finding {
    let region = Region::of(&draft.place);
    let severity = draft.severity.unwrap_or(rule.level);
    let mut diagnostic =
        Diagnostic::new(severity, rule.name, &draft.message).at(draft.place.clone()).help(&draft.help);
    diagnostic.label.clone_from(&draft.label);
    diagnostic.related.clone_from(&draft.related);
    Finding { rule, diagnostic: masks.diagnostic(diagnostic), region, service: draft.service.clone(), fix }
}
