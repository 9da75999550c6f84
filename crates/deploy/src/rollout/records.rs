//! The release's records: intent, outcome, and which old ones go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{Api, FileKind, Filter};
use serde_json::Value;

use super::Rollout;
use crate::error::Error;
use crate::gate::Crossed;
use crate::keep;
use crate::mark::Mark;
use crate::naming::{self, NAME_LABEL};
use crate::networks::{self, Networks};
use crate::plan::is_gate_run;
use crate::release::{self, Intent, Outcome, Part, Release, Specs, State};
use crate::spec::{self, RELEASE_LABEL};

impl<A: Api> Rollout<'_, A> {
    /// Records what is about to be done: before anything is.
    pub(super) async fn write_intent(&self) -> Result<(), Error> {
        // One that was sealed with a key that is gone says nothing any more, and is written again.
        let readable = self.live.releases.last().is_some_and(|release| release.opened);
        if self.plan.resumes && readable {
            return Ok(());
        }
        let intent = Intent {
            number: self.plan.number,
            started_at: (self.options.clock)().to_string(),
            who: self.options.holder.who.clone(),
            digest: self.target.digest.clone(),
            source: Some(self.options.source.clone()),
            returns_to: self.target.returns_to,
            creates: self
                .plan
                .creates
                .iter()
                .map(|(kind, name)| ((*kind).to_owned(), name.clone()))
                .collect(),
            previous: self.plan.previous.clone(),
            wanted: self.wanted(),
            networks: self.plan.networks.clone(),
        };
        self.write_parts(release::intent_parts(&self.target.stack, &intent, &self.key)?).await
    }

    fn wanted(&self) -> Specs {
        let own = self.target.services.values().filter(|wanted| !wanted.gate);
        own.map(|wanted| (wanted.name.clone(), Some(wanted.labelled().into()))).collect()
    }

    async fn write_parts(&self, parts: Vec<Part>) -> Result<(), Error> {
        for part in parts {
            match self.api.create_file_object(FileKind::Config, &part.body).await {
                Ok(_) => {}
                // Only the lease's holder writes records, so one of this name is this one, or the remains of an
                // unfinished one that nothing was built on.
                Err(error) if error.may_have_been_applied() => self.confirm_part(&part, error).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn confirm_part(&self, part: &Part, error: engine::Error) -> Result<(), Error> {
        match self.api.file_object(FileKind::Config, &part.name).await? {
            Some(found) if found.spec.get("Data") == part.body.get("Data") => Ok(()),
            Some(found) => {
                self.api.remove_file_object(FileKind::Config, &found.id).await?;
                self.api.create_file_object(FileKind::Config, &part.body).await?;
                Ok(())
            }
            None if error.is_transient() => {
                self.api.create_file_object(FileKind::Config, &part.body).await?;
                Ok(())
            }
            None => Err(error.into()),
        }
    }

    /// The specs that this release leaves: what it wrote, or what it has put back. Not what is live now: what somebody
    /// else has changed in the meantime, or kept from being put back, is a foreign change to the next deploy.
    fn left(&self, state: State) -> Specs {
        if state != State::Succeeded {
            let previous = self.plan.previous.iter().filter(|(_, spec)| spec.is_some());
            return previous.map(|(name, spec)| (name.clone(), spec.clone())).collect();
        }
        let own = self.plan.base.iter().filter(|(name, spec)| {
            let gate = self.target.services.get(*name).is_some_and(|wanted| wanted.gate);
            !gate && !is_gate_run(spec) && !self.plan.removes.contains(name)
        });
        let mut specs: Specs = own.map(|(name, spec)| (name.clone(), Some(spec.clone()))).collect();
        specs.extend(self.written().iter().map(|(name, spec)| {
            let wanted = self.target.services.get(name);
            let kept = self.target.kept.get(name).zip(wanted).map(|(original, wanted)| {
                let (kept, original) = (self.live.resolve(&wanted.body), self.live.resolve(original));
                keep::without(spec, &self.live.localise(&kept), &self.live.localise(&original))
            });
            (name.clone(), Some(kept.map_or_else(|| Arc::clone(spec), Arc::new)))
        }));
        specs
    }

    /// Records how it ended, with every spec as the engine gave it back.
    pub(super) async fn finish(
        &self,
        state: State,
        message: &str,
        crossed: Option<&Crossed>,
        elapsed: Duration,
    ) -> Result<(), Error> {
        let specs = self.left(state);
        let image = |spec: &Value| spec::image(spec).map(str::to_owned);
        let outcome = Outcome {
            number: self.plan.number,
            state,
            finished_at: (self.options.clock)().to_string(),
            seconds: elapsed.as_secs(),
            message: message.to_owned(),
            digest: self.target.digest.clone(),
            images: specs
                .iter()
                .filter_map(|(name, spec)| Some((name.clone(), image(spec.as_ref()?)?)))
                .collect(),
            rows: crossed.and_then(|crossed| crossed.rows.clone()),
            applied: crossed.map(|crossed| crossed.applied.clone()).unwrap_or_default(),
            networks: match state {
                State::Succeeded => self.live.networks_of(specs.values().flatten()),
                State::RolledBack | State::Incomplete => self.networks_before(&specs),
            },
            specs,
        };
        self.write_parts(release::outcome_parts(&self.target.stack, &outcome, &self.key)?).await
    }

    /// The networks of before the release, under every id by which these specs name them: a deploy that was interrupted while
    /// it recreated the stack may have given them others.
    fn networks_before(&self, specs: &Specs) -> Networks {
        let mut networks = self.plan.networks.clone();
        for id in specs.values().flatten().flat_map(|spec| networks::targets(spec)) {
            let name = self.plan.network_names.get(id).map(String::as_str);
            let body = self.plan.networks.values().find(|body| Some(networks::name(body)) == name);
            if let Some(body) = body {
                networks.entry(id.to_owned()).or_insert_with(|| body.clone());
            }
        }
        networks
    }

    /// Removes runs of the gates other than the last one and the last one that was crossed, a gate's service of the
    /// stock client once its successor has succeeded, and the oldest records.
    pub(super) async fn clean_up(&self, state: State) -> Result<(), Error> {
        let in_force = self.live.releases.iter().rev().find(|release| release.succeeded());
        let in_force = in_force.filter(|_| state != State::Succeeded).map(|release| release.intent.number);
        let kept: Vec<String> = [Some(self.plan.number), in_force]
            .into_iter()
            .flatten()
            .map(|number| number.to_string())
            .collect();
        let services = self.api.services(&Filter::stack(&self.target.stack)).await?;
        let there = services.iter().any(|service| !is_gate_run(&service.spec));
        for service in services {
            let release = service.label(RELEASE_LABEL).unwrap_or_default();
            // A mark has the key for the records, which nothing else may have left.
            let mark = Mark::read(&service.spec).is_some();
            let old_run = is_gate_run(&service.spec) && !kept.iter().any(|number| number == release);
            let old_run = if mark { there } else { old_run };
            let stock = state == State::Succeeded
                && self.target.services.get(service.name()).is_some_and(|wanted| wanted.gate);
            if old_run || stock {
                self.api.remove_service(&service.id).await?;
            }
        }
        let keep = self.target.settings.keep_releases.saturating_sub(1);
        let earlier = || {
            let others = self.live.releases.iter();
            others.filter(|release| release.intent.number != self.plan.number)
        };
        let old = earlier().take(earlier().count().saturating_sub(keep));
        let old: BTreeSet<u64> = old.map(|release| release.intent.number).collect();
        let (gone, kept): (Vec<&Release>, Vec<&Release>) = earlier().partition(|release| {
            let number = release.intent.number;
            Some(number) != in_force && old.contains(&number)
        });
        for id in gone.iter().flat_map(|release| &release.configs) {
            self.api.remove_file_object(FileKind::Config, id).await?;
        }
        if state == State::Succeeded { self.prune(&kept).await } else { Ok(()) }
    }

    /// Removes secrets and configs of the stack that nothing refers to any more, now that their successors carry a
    /// digest in their names: no service, and no release that can be gone back to.
    async fn prune(&self, kept: &[&Release]) -> Result<(), Error> {
        // What a record that cannot be opened refers to is not known.
        if kept.iter().any(|release| !release.opened) {
            return Ok(());
        }
        let services = self.api.services(&Filter::stack(&self.target.stack)).await?;
        let recorded = kept.iter().flat_map(|release| {
            let outcome = release.outcome.iter().flat_map(|outcome| outcome.specs.values());
            release.intent.previous.values().chain(release.intent.wanted.values()).chain(outcome)
        });
        let own = self.plan.previous.values().chain(recorded).flatten();
        let used: BTreeSet<(FileKind, &str)> = own
            .chain(services.iter().map(|service| &service.spec))
            .flat_map(|spec| naming::references_in(spec))
            .map(|used| (used.kind, used.name))
            .collect();
        for kind in [FileKind::Secret, FileKind::Config] {
            let wanted = match kind {
                FileKind::Secret => &self.target.secrets,
                FileKind::Config => &self.target.configs,
            };
            // Those that were renamed: the first of the family has the name that its successors carry as a label.
            let first =
                |name: &str| wanted.iter().any(|object| spec::label(&object.body, NAME_LABEL) == Some(name));
            for object in self.api.file_objects(kind, &Filter::stack(&self.target.stack)).await? {
                let family = object.label(NAME_LABEL).is_some() || first(object.name());
                let current = wanted.iter().any(|wanted| wanted.name == object.name());
                if !family || current || used.contains(&(kind, object.name())) {
                    continue;
                }
                match self.api.remove_file_object(kind, &object.id).await {
                    Ok(_) => self.told_object(kind.as_str(), object.name(), "removed"),
                    // A service outside the stack uses it.
                    Err(engine::Error::InUse { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}
