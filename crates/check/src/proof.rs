//! From a proposal to a fix that is proven: after the edit the files load, the requests to the engine are the same
//! but for the `UpdateConfig` of the one service, of that only the keys that were meant have changed, and the
//! finding is gone. What cannot be proven is not offered, and the finding says why.

use std::collections::BTreeMap;

use diagnostics::{Diagnostic, Source};
use stackfile::model::{Located, Service, UpdateConfig};
use stackfile::{Input, Options, Stack};

use crate::checker::{Files, Found, found};
use crate::edit::{self, Change, Settings};
use crate::finding::{Edit, Fix, Region};
use crate::rule::{Draft, Proposal, Rule};
use crate::snapshot::Snapshot;

/// Files, and all that is known of them: what fixes are proven against.
pub(crate) struct State {
    pub(crate) inputs: Vec<Input>,
    options: Options,
    files: Files,
    pub(crate) found: Vec<Found>,
    pub(crate) ignored: usize,
    /// What the files come to with the profiles that were named; or why that is not known.
    named: Result<Snapshot, String>,
    /// The same with all profiles, where that is more and the files can be converted then.
    all: Option<Snapshot>,
}

impl State {
    pub(crate) fn load(inputs: Vec<Input>, options: &Options) -> Result<Self, Vec<Diagnostic>> {
        let files = Files::load(&inputs, options)?;
        let (found, ignored) = found(&files, &inputs);
        let snapshot =
            |files: &Files| files.converted.as_ref().map(Snapshot::of).map_err(|errors| first(errors));
        let named = snapshot(&files);
        // Services of other profiles may share an anchor with one that is enabled.
        let more = Options { profiles: vec!["*".into()], ..options.clone() };
        let more =
            (!files.loaded.stack.disabled.is_empty()).then(|| Files::load(&inputs, &more).ok()).flatten();
        let all = more.and_then(|files| snapshot(&files).ok());
        Ok(Self { inputs, options: options.clone(), files, found, ignored, named, all })
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.files.loaded.stack
    }

    /// The fix of a finding and the files with it, or why there is none.
    pub(crate) fn prove(&self, rule: &Rule, draft: &Draft) -> Result<(Fix, Self), String> {
        let set = match &draft.proposal {
            Proposal::None(reason) => return Err((*reason).to_owned()),
            Proposal::UpdateConfig(set) => *set,
        };
        let service = draft.service.as_ref().and_then(|name| self.stack().services.get(name));
        let service = service.ok_or("the finding is not about a service")?;
        if let Err(why) = &self.named {
            return Err(format!("whether a fix would change anything else cannot be seen: {why}"));
        }
        let (file, changes) = edit::update_config(&self.inputs, service, set)?;
        let fix = describe(self.inputs.get(file).ok_or("the file is not there")?, &changes, service, set);
        // A file that is given twice is changed twice.
        let edited = self.inputs.iter().cloned().map(|mut input| {
            if input.name == fix.file {
                input.text = edit::apply(&input.text, &changes);
            }
            input
        });
        let after = Self::load(edited.collect(), &self.options)
            .map_err(|errors| format!("after the edit the files would not load: {}", first(&errors)))?;
        self.same_but(&after, service, set)?;
        self.gone(&after, rule, draft)?;
        Ok((fix, after))
    }

    /// Edited files must come to the same requests, but for what was meant.
    fn same_but(&self, after: &Self, service: &Service, set: &Settings) -> Result<(), String> {
        let named = match (&self.named, &after.named) {
            (Ok(before), Ok(after)) => before.same_but(after, &service.name),
            (_, Err(why)) => return Err(format!("after the edit nothing could be deployed: {why}")),
            (Err(_), _) => false,
        };
        let all = match (&self.all, &after.all) {
            (Some(before), Some(after)) => before.same_but(after, &service.name),
            (before, after) => before.is_none() && after.is_none(),
        };
        if !(named && all) {
            return Err(
                "the edit would change more than this service's update_config: parts of it are shared by \
                        anchors, aliases or merge keys; write it by hand"
                    .into(),
            );
        }
        let Some(changed) = after.stack().services.get(&service.name) else { return Ok(()) };
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

    /// The finding must be gone, and no other come instead.
    fn gone(&self, after: &Self, rule: &Rule, draft: &Draft) -> Result<(), String> {
        let names = |state: &Self| -> BTreeMap<(&'static str, Option<String>), usize> {
            let mut names = BTreeMap::new();
            for (rule, draft) in &state.found {
                *names.entry((rule.name, draft.service.clone())).or_default() += 1;
            }
            names
        };
        let (before, now) = (names(self), names(after));
        let this = (rule.name, draft.service.clone());
        if now.get(&this) >= before.get(&this) {
            return Err("the edit would not remove the finding".into());
        }
        match now.keys().find(|name| !before.contains_key(*name)) {
            Some((name, _)) => Err(format!("the edit would bring about a finding of {name}")),
            None => Ok(()),
        }
    }
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

fn first(errors: &[Diagnostic]) -> String {
    errors.first().map_or_else(|| "the files do not load".into(), |error| error.message.clone())
}

fn describe(input: &Input, changes: &[Change], service: &Service, set: &Settings) -> Fix {
    let source = Source::new(&input.name, &input.text);
    let edit = |(range, text): &Change| Edit {
        range: range.clone(),
        region: Region::of(&source.place(range.clone())),
        text: text.clone(),
    };
    let pairs: Vec<String> = set.iter().map(|(key, value)| format!("`{key}: {value}`")).collect();
    Fix {
        description: format!("set {} in the update_config of `{}`", pairs.join(", "), service.name),
        file: input.name.clone(),
        edits: changes.iter().map(edit).collect(),
    }
}
