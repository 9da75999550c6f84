//! From a proposal to a fix that is proven: after the edit the files load, the requests to the engine are the same
//! but for the `UpdateConfig` of the one service, of that only the keys that were meant have changed, and the
//! finding is gone. What cannot be proven is not offered, and the finding says why.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Diagnostic, Source};
use serde_json::{Value, json};
use stackfile::model::{Located, Service, UpdateConfig};
use stackfile::{Desired, Input, Loaded, Options, Stack};

use crate::checker::{Checked, check, drafts, finding, load};
use crate::diff::unified;
use crate::edit::{self, Change, Settings};
use crate::finding::{Edit, Finding, Fix, FixState, Region};
use crate::mask::Masks;
use crate::rule::{Draft, Proposal, Rule};

/// The stack's name in the requests that are compared: any will do.
const NAME: &str = "x";
/// No file needs more rounds; each one removes a finding.
const MOST_ROUNDS: usize = 1_000;

/// Files with every fix made.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// The files; those without a finding that can be fixed are as they were.
    pub inputs: Vec<Input>,
    /// The findings that are gone.
    pub applied: Vec<Finding>,
    /// What is left.
    pub left: Checked,
    /// What the fixes change, as a unified diff in which secrets are masked; empty if there is nothing to fix.
    pub diff: String,
}

/// Makes every fix that can be proven, one after the other. Writes nothing.
pub fn fix(inputs: &[Input], options: &Options) -> Result<Fixed, Vec<Diagnostic>> {
    let originals = inputs;
    let mut inputs = inputs.to_vec();
    let mut applied = Vec::new();
    let mut refused = BTreeSet::new();
    while applied.len() < MOST_ROUNDS {
        let Some(finding) = next(&inputs, options, &mut refused)? else { break };
        if let FixState::Offered(fix) = &finding.fix {
            let changes: Vec<Change> =
                fix.edits.iter().map(|edit| (edit.range.clone(), edit.text.clone())).collect();
            for input in inputs.iter_mut().filter(|input| input.name == fix.file) {
                input.text = edit::apply(&input.text, &changes);
            }
        }
        applied.push(finding);
    }
    let left = check(&inputs, options)?;
    let diff = difference(originals, &inputs, options)?;
    Ok(Fixed { inputs, applied, left, diff })
}

/// The changed files as a diff that shows no secret.
fn difference(before: &[Input], after: &[Input], options: &Options) -> Result<String, Vec<Diagnostic>> {
    let mut old = Masks::of(&load(before, options)?.stack);
    let mut new = Masks::of(&load(after, options)?.stack);
    let source = |input: &Input| Source::new(&input.name, &input.text);
    let changed = before.iter().zip(after).filter(|(before, after)| before.text != after.text);
    let diffs = changed
        .map(|(before, after)| unified(&before.name, &old.text(&source(before)), &new.text(&source(after))));
    Ok(diffs.collect())
}

/// The first finding that can be fixed; `refused` are those that are known not to be.
fn next(
    inputs: &[Input],
    options: &Options,
    refused: &mut BTreeSet<(&'static str, Option<String>)>,
) -> Result<Option<Finding>, Vec<Diagnostic>> {
    let loaded = load(inputs, options)?;
    let (drafts, _) = drafts(&loaded, inputs);
    let prover = Prover::new(inputs, options, &loaded);
    for (rule, draft) in drafts {
        if refused.contains(&(rule.name, draft.service.clone())) {
            continue;
        }
        match prover.prove(rule, &draft) {
            Ok(fix) => {
                let mut masks = Masks::of(&loaded.stack);
                return Ok(Some(finding(rule, draft, FixState::Offered(fix), &mut masks)));
            }
            Err(_) => refused.insert((rule.name, draft.service)),
        };
    }
    Ok(None)
}

/// What a rule found, by rule and service.
type Names = Vec<(&'static str, Option<String>)>;

/// Proves fixes against files as they are.
pub(crate) struct Prover<'a> {
    inputs: &'a [Input],
    stack: &'a Stack,
    names: Names,
    /// What the files come to: with the profiles that were named, and with all of them.
    before: Result<Vec<(Options, Value)>, String>,
}

impl<'a> Prover<'a> {
    pub(crate) fn new(inputs: &'a [Input], options: &Options, loaded: &'a Loaded) -> Self {
        let stack = &loaded.stack;
        let before = snapshot(stack).map(|named| {
            let mut before = vec![(options.clone(), named)];
            if !stack.disabled.is_empty() {
                // Services of other profiles may share an anchor with this one.
                let all = Options { profiles: vec!["*".into()], ..options.clone() };
                let everything = load(inputs, &all).ok().and_then(|loaded| snapshot(&loaded.stack).ok());
                before.extend(everything.map(|value| (all, value)));
            }
            before
        });
        Self { inputs, stack, names: names(loaded, inputs), before }
    }

    /// The fix of a finding, or why there is none.
    pub(crate) fn prove(&self, rule: &Rule, draft: &Draft) -> Result<Fix, String> {
        let set = match &draft.proposal {
            Proposal::None(reason) => return Err((*reason).to_owned()),
            Proposal::UpdateConfig(set) => *set,
        };
        let service = draft.service.as_ref().and_then(|name| self.stack.services.get(name));
        let service = service.ok_or("the finding is not about a service")?;
        let before = self
            .before
            .as_ref()
            .map_err(|why| format!("whether a fix would change anything else cannot be seen: {why}"))?;
        let (file, changes) = edit::update_config(self.inputs, service, set)?;
        let mut edited = self.inputs.to_vec();
        let input = edited.get_mut(file).ok_or("the file is not there")?;
        let name = input.name.clone();
        let original = std::mem::take(&mut input.text);
        input.text = edit::apply(&original, &changes);
        for (index, (options, requests)) in before.iter().enumerate() {
            let loaded = load(&edited, options)
                .map_err(|errors| format!("after the edit the files would not load: {}", first(&errors)))?;
            proven(&loaded.stack, requests, service, set)?;
            if index == 0 {
                self.gone(&names(&loaded, &edited), &(rule.name, draft.service.clone()))?;
            }
        }
        Ok(describe(&name, &original, &changes, &service.name, set))
    }

    /// The finding must be gone, and no other come instead.
    fn gone(&self, after: &Names, this: &(&'static str, Option<String>)) -> Result<(), String> {
        let count = |names: &Names| names.iter().filter(|found| *found == this).count();
        if count(after) >= count(&self.names) {
            return Err("the edit would not remove the finding".into());
        }
        match after.iter().find(|found| !self.names.contains(found)) {
            Some((name, _)) => Err(format!("the edit would bring about a finding of {name}")),
            None => Ok(()),
        }
    }
}

fn names(loaded: &Loaded, inputs: &[Input]) -> Names {
    drafts(loaded, inputs).0.into_iter().map(|(rule, draft)| (rule.name, draft.service)).collect()
}

/// Whether edited files come to the same requests, but for what was meant.
fn proven(after: &Stack, requests: &Value, service: &Service, set: &Settings) -> Result<(), String> {
    let now = snapshot(after)?;
    if without_update_config(requests, &service.name) != without_update_config(&now, &service.name) {
        return Err(
            "the edit would change more than this service's update_config: parts of it are shared by \
                    anchors, aliases or merge keys; write it by hand"
                .into(),
        );
    }
    let Some(changed) = after.services.get(&service.name) else { return Ok(()) };
    let mut wanted = values(service.deploy.update_config.as_ref());
    let mut got = values(changed.deploy.update_config.as_ref());
    if let Some((key, _)) = set.iter().find(|(key, _)| !got.contains_key(key)) {
        return Err(format!("after the edit `{key}` would still not be set"));
    }
    for (key, _) in set {
        wanted.remove(key);
        got.remove(key);
    }
    if wanted != got {
        return Err(
            "the edit would lose other keys of the update_config, which come from an anchor or another \
                    file; write it by hand"
                .into(),
        );
    }
    Ok(())
}

/// The keys of an `update_config` that are there, with their values.
fn values(config: Option<&UpdateConfig>) -> BTreeMap<&'static str, String> {
    fn shown<T: ToString>(value: Option<&Located<T>>) -> Option<String> {
        value.map(|value| value.value.to_string())
    }
    let Some(config) = config else { return BTreeMap::new() };
    let all = [
        ("parallelism", shown(config.parallelism.as_ref())),
        ("delay", shown(config.delay.as_ref())),
        ("failure_action", shown(config.failure_action.as_ref())),
        ("monitor", shown(config.monitor.as_ref())),
        ("max_failure_ratio", shown(config.max_failure_ratio.as_ref())),
        ("order", shown(config.order.as_ref())),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// All that the files come to: the requests, what waits for what, what the stack must find there.
fn snapshot(stack: &Stack) -> Result<Value, String> {
    let desired = stackfile::convert(stack, NAME).map_err(|errors| first(&errors))?;
    Ok(json!({
        "requests": stackfile::requests(&desired),
        "waits": waits(&desired),
        "external": format!("{:?}", (
            desired.external_networks.iter().map(|network| &network.name).collect::<Vec<_>>(),
            desired.external_secrets.iter().map(|secret| &secret.name).collect::<Vec<_>>(),
            desired.external_configs.iter().map(|config| &config.name).collect::<Vec<_>>(),
        )),
        "extension": desired.extension,
    }))
}

fn waits(desired: &Desired) -> Value {
    let entry = |entry: &stackfile::Dependency| json!([entry.service, entry.condition.as_str()]);
    let services = desired.services.iter();
    services
        .map(|service| json!([service.key, service.depends_on.iter().map(entry).collect::<Vec<_>>()]))
        .collect()
}

/// A snapshot without the `UpdateConfig` of one service.
fn without_update_config(snapshot: &Value, service: &str) -> Value {
    let mut snapshot = snapshot.clone();
    let name = format!("{NAME}_{service}");
    let requests = snapshot.get_mut("requests").and_then(Value::as_array_mut);
    for request in requests.into_iter().flatten() {
        let this = request["kind"] == "service" && request["name"] == name.as_str();
        if let Some(body) = request.get_mut("body").and_then(Value::as_object_mut).filter(|_| this) {
            body.remove("UpdateConfig");
        }
    }
    snapshot
}

fn first(errors: &[Diagnostic]) -> String {
    errors.first().map_or_else(|| "the files do not load".into(), |error| error.message.clone())
}

fn describe(file: &str, text: &str, changes: &[Change], service: &str, set: &Settings) -> Fix {
    let source = Source::new(file, text);
    let edit = |(range, text): &Change| Edit {
        range: range.clone(),
        region: Region::of(&source.place(range.clone())),
        text: text.clone(),
    };
    let pairs: Vec<String> = set.iter().map(|(key, value)| format!("`{key}: {value}`")).collect();
    Fix {
        description: format!("set {} in the update_config of `{service}`", pairs.join(", ")),
        file: file.to_owned(),
        edits: changes.iter().map(edit).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const ONE_SHOT: &str = "    image: x:1\n    deploy:\n      restart_policy: { condition: none }\n";

    fn fixed(texts: &[&str]) -> Fixed {
        fix(&testing::inputs(texts), &testing::options()).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn refusal(texts: &[&str], rule: &str) -> String {
        let left = fixed(texts).left.findings;
        let finding = left.iter().find(|finding| finding.rule.name == rule);
        match finding.map(|finding| &finding.fix) {
            Some(FixState::Refused(reason)) => reason.clone(),
            other => panic!("{rule}: {other:?}"),
        }
    }

    #[test]
    fn fixes_follow_each_other_until_nothing_can_be_fixed() {
        let text =
            format!("services:\n  migrate: # comment\n{ONE_SHOT}  api:\n    image: y:1\n    # the end\n");
        let fixed = fixed(&[&text]);
        insta::assert_snapshot!(fixed.inputs[0].text);
        let names: Vec<&str> = fixed.applied.iter().map(|finding| finding.rule.name).collect();
        assert_eq!(names, ["one-shot-rollback", "no-update-config"]);
        assert!(fixed.left.findings.iter().all(|finding| matches!(finding.fix, FixState::Refused(_))));
    }

    #[test]
    fn a_fix_that_would_reach_another_service_is_refused() {
        let text = format!("services:\n  migrate: &m\n{ONE_SHOT}  other:\n    <<: *m\n");
        assert!(refusal(&[&text], "one-shot-rollback").contains("anchors"));
    }

    #[test]
    fn a_fix_that_would_lose_merged_keys_is_refused() {
        let text = "x-d: &d { update_config: { delay: 5s, failure_action: rollback } }\nservices:\n  m:\n    image: \
                    x:1\n    deploy:\n      <<: *d\n      restart_policy: { condition: none }\n";
        assert!(refusal(&[text], "one-shot-rollback").contains("outside of the service"));
        let text = text.replace(", failure_action: rollback", "");
        assert!(refusal(&[&text], "one-shot-rollback").contains("lose other keys"));
    }

    #[test]
    fn a_later_file_that_overrides_the_edit_is_seen() {
        let base =
            "services:\n  m:\n    image: x:1\n    deploy:\n      restart_policy: { condition: none }\n";
        let over = "services:\n  m:\n    deploy: { update_config: { failure_action: rollback } }\n";
        assert!(refusal(&[base, over], "one-shot-rollback").contains("outside of the service"));
    }

    #[test]
    fn old_versions_without_order_get_no_order() {
        let text = "version: \"3.1\"\nservices:\n  api:\n    image: x:1\n";
        assert!(refusal(&[text], "no-update-config").contains("would not load"));
    }
}
