//! Carrying out a plan under the lease: intent first, then objects, then the waves, then the outcome. On failure
//! everything is put back (`rollback`).

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{Api, FileKind, Filter, Service};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::converge::Watch;
use crate::deploy::Options;
use crate::error::{Error, Restored};
use crate::event::{Event, ServiceEvent, ServiceState, Sink};
use crate::gate;
use crate::gate_run::GateRun;
use crate::live::{FileState, Live};
use crate::observe;
use crate::plan::{Action, Plan, PlannedService, is_gate_run};
use crate::release::{self, Intent, Outcome, Part, State};
use crate::rollback::Rollback;
use crate::seal::SealKey;
use crate::spec::{self, RELEASE_LABEL, SEAL_LABEL, SPEC_LABEL, covers, same};
use crate::target::{Target, Wanted};
use crate::watch::{self, WatchError, Watched};
use crate::write::{self, Write, WriteError};

/// One release on its way.
pub(crate) struct Rollout<'a, A> {
    /// The engine.
    pub api: &'a A,
    /// What is wanted.
    pub target: &'a Target,
    /// What is to be done.
    pub plan: Plan,
    /// What was live when the plan was made; secrets and configs that were created since are added.
    pub live: Live,
    /// The stack's key.
    pub key: SealKey,
    /// The operator's choices.
    pub options: &'a Options,
    /// Where events go.
    pub sink: Sink<'a>,
}

/// Why the waves stopped.
enum Stop {
    /// The gate was not crossed.
    Gate { gate: String, message: String, hint: Option<String>, log: Vec<String> },
    /// A service did not become what it should.
    Service { reason: String, log: Vec<String> },
    /// Something before or beside the services.
    Other(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<engine::Error> for Stop {
    fn from(error: engine::Error) -> Self {
        Self::Other(error.into())
    }
}

impl<A: Api> Rollout<'_, A> {
    /// Carries the plan out. `Ok` is a release that succeeded; a failure has already been put back as far as it
    /// could be.
    pub(crate) async fn run(mut self) -> Result<String, Error> {
        let begun = Instant::now();
        self.write_intent().await?;
        let mut rows = None;
        match self.waves(&mut rows).await {
            Ok(()) => {
                let message = format!("stack {} runs release {}", self.target.stack, self.plan.number);
                self.finish(State::Succeeded, &message, rows, begun.elapsed()).await?;
                self.clean_up().await?;
                Ok(message)
            }
            Err(stop) => Err(self.fail(stop, rows, begun.elapsed()).await),
        }
    }

    async fn write_intent(&self) -> Result<(), Error> {
        if self.plan.resumes {
            return Ok(());
        }
        let intent = Intent {
            number: self.plan.number,
            started_at: (self.options.clock)().to_string(),
            who: self.options.holder.who.clone(),
            digest: self.target.digest.clone(),
            creates: self
                .plan
                .creates
                .iter()
                .map(|(kind, name)| ((*kind).to_owned(), name.clone()))
                .collect(),
            previous: self.plan.previous.clone(),
        };
        self.write_parts(release::intent_parts(&self.target.stack, &intent, &self.key)?).await
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

    async fn waves(&mut self, rows: &mut Option<Vec<String>>) -> Result<(), Stop> {
        self.objects().await?;
        let waves = std::mem::take(&mut self.plan.waves);
        let result = self.each_wave(&waves, rows).await;
        self.plan.waves = waves;
        result?;
        for name in &self.plan.removes {
            self.remove(name).await?;
        }
        Ok(())
    }

    async fn each_wave(
        &self,
        waves: &[crate::plan::PlannedWave],
        rows: &mut Option<Vec<String>>,
    ) -> Result<(), Stop> {
        for wave in waves {
            if wave.gate {
                for planned in &wave.services {
                    if let Some(crossed) = self.gate(planned).await? {
                        *rows = Some(crossed);
                    }
                }
            } else {
                futures_util::future::try_join_all(wave.services.iter().map(|planned| self.service(planned)))
                    .await?;
            }
        }
        Ok(())
    }

    /// Networks, then secrets and configs, which services refer to by id.
    async fn objects(&mut self) -> Result<(), Error> {
        for (name, body) in &self.target.networks {
            if !self.live.has("network", name) {
                self.create_network(name, body).await?;
            }
        }
        for kind in [FileKind::Secret, FileKind::Config] {
            let wanted = match kind {
                FileKind::Secret => &self.target.secrets,
                FileKind::Config => &self.target.configs,
            };
            for object in wanted {
                let body = match kind {
                    FileKind::Secret => Live::with_fingerprint(object, &self.key),
                    FileKind::Config => object.body.clone(),
                };
                match self.live.file_state(kind, object) {
                    Some(FileState::Same | FileState::ContentDiffers) => {}
                    Some(FileState::LabelsDiffer) => self.update_file(kind, &object.name, &body).await?,
                    None => self.create_file(kind, &object.name, &body).await?,
                }
            }
        }
        let fresh = observe::live(self.api, &self.target.stack, Some(self.target)).await?;
        self.live.networks = fresh.networks;
        self.live.secrets = fresh.secrets;
        self.live.configs = fresh.configs;
        Ok(())
    }

    async fn create_network(&self, name: &str, body: &Value) -> Result<(), Error> {
        match self.api.create_network(body).await {
            Ok(_) => {}
            Err(error) if error.may_have_been_applied() && self.api.network(name).await?.is_some() => {}
            Err(error) => return Err(error.into()),
        }
        self.told_object("network", name, "created");
        Ok(())
    }

    async fn create_file(&self, kind: FileKind, name: &str, body: &Value) -> Result<(), Error> {
        match self.api.create_file_object(kind, body).await {
            Ok(_) => {}
            Err(error)
                if error.may_have_been_applied() && self.api.file_object(kind, name).await?.is_some() => {}
            Err(error) => return Err(error.into()),
        }
        self.told_object(kind.as_str(), name, "created");
        Ok(())
    }

    async fn update_file(&self, kind: FileKind, name: &str, body: &Value) -> Result<(), Error> {
        let Some(found) = self.api.file_object(kind, name).await? else { return Ok(()) };
        match self.api.update_file_object(kind, &found.id, found.version, body).await {
            Ok(()) => {}
            Err(engine::Error::Refused { message, .. }) if message.contains("only updates to Labels") => {
                return Err(Error::ChangedContent { names: vec![format!("{kind} `{name}`")] });
            }
            Err(error) => return Err(error.into()),
        }
        self.told_object(kind.as_str(), name, "updated");
        Ok(())
    }

    fn told_object(&self, kind: &'static str, name: &str, action: &'static str) {
        (self.sink)(Event::Object { kind, name: name.to_owned(), action });
    }

    async fn gate(&self, planned: &PlannedService) -> Result<Option<Vec<String>>, Stop> {
        let Some(wanted) = self.target.services.get(&planned.name) else { return Ok(None) };
        let name = gate::service_name(&wanted.name, self.plan.number);
        let run = format!("{}-{}", self.plan.number, self.options.holder.nonce);
        let body = self.live.resolve(&wanted.body);
        let mut body = gate::body(&body, &name, self.plan.number, &run, &self.target.settings);
        // The digest of what the stack file says, whatever the ids of its secrets are.
        spec::set_label(&mut body, SPEC_LABEL, &wanted.digest);
        spec::set_label(&mut body, SEAL_LABEL, &self.key.to_label());
        let run = GateRun { api: self.api, sink: self.sink, wanted, name: &name, body: &body };
        let end = run.run().await?;
        match end.verdict {
            Ok(crossed) => {
                if let Some(message) = crossed.warning {
                    (self.sink)(Event::Warning { message });
                }
                Ok(crossed.rows)
            }
            Err(failed) => Err(Stop::Gate {
                gate: wanted.key.clone(),
                message: failed.message,
                hint: failed.hint,
                log: end.log,
            }),
        }
    }

    async fn service(&self, planned: &PlannedService) -> Result<(), Stop> {
        let Some(wanted) = self.target.services.get(&planned.name) else { return Ok(()) };
        let body = self.body(wanted);
        let is_ours = |live: &Value| covers(&self.live.localise(&body), &self.live.localise(live));
        let before = self.api.service(&wanted.name).await?;
        let known = match &before {
            Some(service) => watch::task_ids(self.api, &service.id).await?,
            None => std::collections::BTreeSet::default(),
        };
        let written = match (&planned.action, before) {
            // It is as it should be, and is only waited for: a deploy that was interrupted may have written it.
            (Action::Unchanged, Some(service)) => Ok(service),
            (Action::Create, _) => write::create(self.api, &wanted.name, &body, is_ours).await,
            _ => self.update(wanted, &body, &is_ours).await,
        };
        let service = written.map_err(|error| stop(&wanted.key, &error))?;
        let unchanged = planned.action == Action::Unchanged;
        self.converge(wanted, &service, known, unchanged).await
    }

    fn body(&self, wanted: &Wanted) -> Value {
        let mut body = self.live.resolve(&wanted.body);
        spec::set_label(&mut body, SPEC_LABEL, &wanted.digest);
        spec::set_label(&mut body, RELEASE_LABEL, &self.plan.number.to_string());
        spec::set_label(&mut body, SEAL_LABEL, &self.key.to_label());
        body
    }

    async fn update(
        &self,
        wanted: &Wanted,
        body: &Value,
        is_ours: &(dyn Fn(&Value) -> bool + Send + Sync),
    ) -> Result<Service, WriteError> {
        let base = self.plan.base.get(&wanted.name);
        let may_replace = |live: &Value| base.is_some_and(|base| same(base, live));
        let write = Write {
            name: &wanted.name,
            spec: body,
            is_ours,
            may_replace: &may_replace,
            keep_force_update: true,
        };
        write::update(self.api, &write).await
    }

    async fn converge(
        &self,
        wanted: &Wanted,
        service: &Service,
        known: std::collections::BTreeSet<String>,
        unchanged: bool,
    ) -> Result<(), Stop> {
        let end = if unchanged { ServiceState::Unchanged } else { ServiceState::Converged };
        let watched = Watched { key: &wanted.key, id: &service.id, state: ServiceState::Converging, end };
        let watch = Watch::new(service.spec.clone(), known, wanted.timeout);
        match watch::converge(self.api, &watched, watch, self.sink).await {
            Ok(()) => Ok(()),
            Err(WatchError::Engine(error)) => Err(error.into()),
            Err(WatchError::Trouble(trouble)) => {
                let log = match trouble.task() {
                    Some(task) => watch::last_lines(self.api, task).await,
                    None => Vec::new(),
                };
                Err(Stop::Service { reason: format!("service `{}`: {trouble}", wanted.key), log })
            }
        }
    }

    async fn remove(&self, name: &str) -> Result<(), Stop> {
        let state =
            |state| ServiceEvent { service: name.to_owned(), state, running: 0, wanted: 0, note: None };
        (self.sink)(Event::Service(state(ServiceState::Removing)));
        if let Some(service) = self.api.service(name).await? {
            let base = self.plan.base.get(name);
            if !base.is_some_and(|base| same(base, &service.spec)) {
                let reason =
                    format!("service `{name}`: somebody else changed it meanwhile, so it was not removed");
                return Err(Stop::Service { reason, log: Vec::new() });
            }
            self.api.remove_service(&service.id).await?;
        }
        (self.sink)(Event::Service(state(ServiceState::Removed)));
        Ok(())
    }

    /// Puts everything back, records it, and makes the error that tells the operator.
    async fn fail(&self, stop: Stop, rows: Option<Vec<String>>, elapsed: Duration) -> Error {
        let release = self.plan.number;
        let reason = match &stop {
            Stop::Gate { gate, message, .. } => format!("the gate `{gate}` was not crossed: {message}"),
            Stop::Service { reason, .. } => reason.clone(),
            Stop::Other(error) => error.to_string(),
        };
        (self.sink)(Event::RollingBack { reason: reason.clone() });
        let rollback = Rollback {
            api: self.api,
            stack: &self.target.stack,
            previous: &self.plan.previous,
            base: &self.plan.base,
            creates: &self.created(),
            number: release,
            keys: self.target.services.values().map(|w| (w.name.as_str(), w.key.as_str())).collect(),
            sink: self.sink,
        };
        let mut restored = rollback.run().await;
        let state = if restored == Restored::Whole { State::RolledBack } else { State::Incomplete };
        if let Err(error) = self.finish(state, &reason, rows, elapsed).await
            && let Restored::Incomplete(list) = &mut restored
        {
            list.push(format!("the outcome could not be recorded: {error}"));
        }
        match stop {
            Stop::Gate { gate, message, hint, log } => {
                Error::Gate { release, gate, message, hint, log, restored }
            }
            Stop::Service { reason, log } => Error::Rollout { release, reason, log, restored },
            Stop::Other(error @ (Error::ChangedContent { .. } | Error::LeaseLost { .. })) => error,
            Stop::Other(_) => Error::Rollout { release, reason, log: Vec::new(), restored },
        }
    }

    /// The objects that this release made, or that the interrupted one that it continues made.
    fn created(&self) -> Vec<(String, String)> {
        let earlier = self.live.releases.last().filter(|release| release.outcome.is_none());
        let earlier = earlier.into_iter().flat_map(|release| release.intent.creates.clone());
        let now = self.plan.creates.iter().map(|(kind, name)| ((*kind).to_owned(), name.clone()));
        earlier.chain(now).collect()
    }

    async fn finish(
        &self,
        state: State,
        message: &str,
        rows: Option<Vec<String>>,
        elapsed: Duration,
    ) -> Result<(), Error> {
        let services = self.api.services(&Filter::stack(&self.target.stack)).await?;
        let own = services.into_iter().filter(|service| !is_gate_run(&service.spec));
        let specs: BTreeMap<_, _> =
            own.map(|service| (service.name().to_owned(), Some(service.spec))).collect();
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
            rows,
            specs,
        };
        self.write_parts(release::outcome_parts(&self.target.stack, &outcome, &self.key)?).await
    }

    /// Removes earlier runs of the gates, a gate's service of the stock client, and the oldest records.
    async fn clean_up(&self) -> Result<(), Error> {
        let number = self.plan.number.to_string();
        for service in self.api.services(&Filter::stack(&self.target.stack)).await? {
            let old_run = is_gate_run(&service.spec) && service.label(RELEASE_LABEL) != Some(number.as_str());
            let stock = self.target.services.get(service.name()).is_some_and(|wanted| wanted.gate);
            if old_run || stock {
                self.api.remove_service(&service.id).await?;
            }
        }
        let keep = self.target.settings.keep_releases.saturating_sub(1);
        let old = self.live.releases.len().saturating_sub(keep);
        for id in self.live.releases.iter().take(old).flat_map(|release| &release.configs) {
            self.api.remove_file_object(FileKind::Config, id).await?;
        }
        Ok(())
    }
}

fn stop(key: &str, error: &WriteError) -> Stop {
    Stop::Service { reason: format!("service `{key}`: {error}"), log: Vec::new() }
}

/// The wall clock, for records.
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}
