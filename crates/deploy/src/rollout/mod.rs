//! Carrying out a plan under the lease: intent first, then objects, then the waves, then the outcome. On failure
//! everything is put back (`rollback`).

mod checks;
mod objects;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::{Api, Service};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::converge::{Trouble, Watch};
use crate::deploy::Options;
use crate::error::{Error, Restored};
use crate::event::{Event, ServiceEvent, ServiceState, Sink};
use crate::gate::{self, Crossed};
use crate::gate_run::{self, GateRun};
use crate::interrupt::Wish;
use crate::live::Live;
use crate::plan::{Action, Plan, PlannedService, PlannedWave};
use crate::release::State;
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
    /// Configs to look for beside those of the stack: full names.
    pub configs: Vec<String>,
    /// The specs that this release wrote, by full name, as the engine gave them back right after.
    pub written: Mutex<BTreeMap<String, Value>>,
    /// The objects that this release made: kind and full name.
    pub made: Mutex<Vec<(String, String)>>,
}

/// Why the waves stopped.
enum Stop {
    /// The gate was not crossed.
    Gate { gate: String, message: String, hint: Option<String>, log: Vec<String> },
    /// A service did not become what it should.
    Service { reason: String, hint: Option<String>, log: Vec<String> },
    /// The operator wants to go back; and what that means for the database, if the gate was running.
    Interrupted { database: Option<String> },
    /// The operator wants to leave everything where it is.
    Left,
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
        let mut crossed = None;
        match self.waves(&mut crossed).await {
            Ok(()) => {
                let (stack, number) = (&self.target.stack, self.plan.number);
                let message = match self.target.returns_to {
                    Some(earlier) => {
                        format!("stack {stack} runs release {number}, which is release {earlier} again")
                    }
                    None => format!("stack {stack} runs release {number}"),
                };
                self.finish(State::Succeeded, &message, crossed.as_ref(), begun.elapsed()).await?;
                if let Err(error) = self.clean_up(State::Succeeded).await {
                    let message = format!("what earlier releases left could not be tidied up: {error}");
                    (self.sink)(Event::Warning { message });
                }
                Ok(message)
            }
            // Without an outcome the record says "unfinished", and the next run continues.
            Err(Stop::Left) => Err(Error::Left { release: self.plan.number }),
            Err(stop) => Err(self.fail(stop, crossed, begun.elapsed()).await),
        }
    }

    async fn waves(&mut self, crossed: &mut Option<Crossed>) -> Result<(), Stop> {
        self.objects().await?;
        let waves = std::mem::take(&mut self.plan.waves);
        let result = self.each_wave(&waves, crossed).await;
        self.plan.waves = waves;
        result?;
        self.checks().await?;
        for name in &self.plan.removes {
            self.may_go_on().await?;
            self.remove(name).await?;
        }
        Ok(())
    }

    /// Before each step: whether the operator wants to go on.
    async fn may_go_on(&self) -> Result<(), Stop> {
        match self.options.interrupt.stop().await {
            None => Ok(()),
            Some(wish) => Err(interrupted(wish)),
        }
    }

    async fn each_wave(&self, waves: &[PlannedWave], crossed: &mut Option<Crossed>) -> Result<(), Stop> {
        for wave in waves {
            if wave.gate {
                for planned in &wave.services {
                    if let Some(gate) = self.gate(planned).await? {
                        *crossed = Some(gate);
                    }
                }
            } else {
                self.wave(&wave.services).await?;
            }
        }
        Ok(())
    }

    /// Services that go together. When one fails the others are no longer waited for; but what they are writing is
    /// written to its end, because a request that is on its way would otherwise land after everything was put back.
    async fn wave(&self, services: &[PlannedService]) -> Result<(), Stop> {
        let (failed, _) = tokio::sync::watch::channel(false);
        let most = self.options.plan.parallel.map_or(Semaphore::MAX_PERMITS, NonZeroUsize::get);
        let room = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        let one = async |planned| {
            // The semaphore is never closed.
            let _turn = room.acquire().await;
            if *failed.borrow() {
                return Ok(());
            }
            let result = self.service(planned, failed.subscribe()).await;
            if result.is_err() {
                failed.send_replace(true);
            }
            result
        };
        futures_util::future::join_all(services.iter().map(one)).await.into_iter().collect()
    }

    async fn gate(&self, planned: &PlannedService) -> Result<Option<Crossed>, Stop> {
        let Some(wanted) = self.target.services.get(&planned.name) else { return Ok(None) };
        self.may_go_on().await?;
        let name = gate::service_name(&wanted.name, self.plan.number);
        if !planted!(OldGateLeft) {
            gate_run::end_others(self.api, &self.target.stack, &wanted.name, &name).await?;
        }
        let run = format!("{}-{}", self.plan.number, self.options.holder.nonce);
        let body = self.live.resolve(&wanted.body);
        let commit = self.options.source.commit.as_deref();
        let mut body = gate::body(&body, &name, self.plan.number, &run, commit, &self.target.settings);
        // The digest of what the stack file says, whatever the ids of its secrets are.
        spec::set_label(&mut body, SPEC_LABEL, &wanted.digest);
        spec::set_label(&mut body, SEAL_LABEL, &self.key.to_label());
        let run = GateRun { api: self.api, sink: self.sink, wanted, name: &name, body: &body };
        let end = tokio::select! {
            end = run.run() => end?,
            wish = self.options.interrupt.stopped() => {
                if wish == Wish::RollBack {
                    // Its migration is stopped in order, and says itself what is committed.
                    run.remove().await?;
                    let database = "the gate was stopped: what it had committed by then stays, as its last words say".to_owned();
                    return Err(Stop::Interrupted { database: Some(database) });
                }
                return Err(Stop::Left);
            }
        };
        match end.verdict {
            Ok(crossed) => {
                if let Some(message) = crossed.warning.clone() {
                    (self.sink)(Event::Warning { message });
                }
                Ok(Some(crossed))
            }
            Err(_) if planted!(GateFailureIgnored) => Ok(None),
            Err(failed) => Err(Stop::Gate {
                gate: wanted.key.clone(),
                message: failed.message,
                hint: failed.hint,
                log: end.log,
            }),
        }
    }

    async fn service(&self, planned: &PlannedService, mut failed: watch::Failed) -> Result<(), Stop> {
        let Some(wanted) = self.target.services.get(&planned.name) else { return Ok(()) };
        self.may_go_on().await?;
        let body = self.body(wanted);
        let is_ours = |live: &Value| covers(&self.live.localise(&body), &self.live.localise(live));
        let before = self.api.service(&wanted.name).await?;
        let known = match &before {
            Some(service) => watch::task_ids(self.api, &service.id).await?,
            None => BTreeSet::default(),
        };
        let written = match (&planned.action, before) {
            // It is as it should be, and is only waited for: a deploy that was interrupted may have written it.
            (Action::Unchanged, Some(service)) if !self.is_back(&wanted.name, &service.spec) => {
                match self.plan.base.get(&wanted.name) {
                    Some(base) if !same(base, &service.spec) => {
                        Err(WriteError::Foreign(spec::diff(base, &service.spec)))
                    }
                    _ => Ok(service),
                }
            }
            (Action::Replace { .. }, Some(service)) => {
                self.make_room(planned, &service).await?;
                write::create(self.api, &wanted.name, &body, wanted.auth.as_ref(), is_ours).await
            }
            (Action::Create | Action::Replace { .. }, _) => {
                write::create(self.api, &wanted.name, &body, wanted.auth.as_ref(), is_ours).await
            }
            _ => self.update(wanted, &body, &is_ours).await,
        };
        let service = written.map_err(|error| stop(&wanted.key, &error))?;
        self.written().insert(wanted.name.clone(), service.spec.clone());
        let unchanged = planned.action == Action::Unchanged;
        tokio::select! {
            biased;
            result = self.converge(wanted, &service, known, unchanged) => result,
            _ = failed.wait_for(|failed| *failed) => Ok(()),
            wish = self.options.interrupt.stopped() => Err(interrupted(wish)),
        }
    }

    /// Removes a service whose mode changes, unless it is the wanted one already: a run that was interrupted here has
    /// replaced it.
    async fn make_room(&self, planned: &PlannedService, service: &Service) -> Result<(), Stop> {
        let Some(wanted) = self.target.services.get(&planned.name) else { return Ok(()) };
        if spec::mode(&service.spec) == spec::mode(&wanted.body) {
            return Ok(());
        }
        let base = self.plan.base.get(&planned.name);
        if !base.is_some_and(|base| same(base, &service.spec)) {
            let changes = base.map(|base| spec::diff(base, &service.spec)).unwrap_or_default();
            return Err(stop(&planned.key, &WriteError::Foreign(changes)));
        }
        let may_remove = |live: &Value| base.is_some_and(|base| same(base, live));
        write::remove_and_wait(self.api, &service.id, &may_remove).await.map_err(|error| Stop::Service {
            reason: format!("service `{}`: {error}", planned.key),
            hint: None,
            log: Vec::new(),
        })
    }

    /// Whether a service is what it was before the release though it was not when the plan was made: after an interrupted
    /// release Swarm itself may have put it back in the meantime.
    fn is_back(&self, name: &str, live: &Value) -> bool {
        let previous = self.plan.previous.get(name).and_then(Option::as_ref);
        let base = self.plan.base.get(name);
        previous.is_some_and(|previous| same(previous, live)) && !base.is_some_and(|base| same(base, live))
    }

    fn body(&self, wanted: &Wanted) -> Value {
        let mut body = self.live.resolve(&wanted.labelled());
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
        let may_replace = |live: &Value| {
            planted!(ForeignOverwritten)
                || base.is_some_and(|base| same(base, live))
                || self.is_back(&wanted.name, live)
        };
        let write = Write {
            name: &wanted.name,
            spec: body,
            is_ours,
            may_replace: &may_replace,
            auth: wanted.auth.as_ref(),
            keep_force_update: true,
        };
        write::update(self.api, &write).await
    }

    async fn converge(
        &self,
        wanted: &Wanted,
        service: &Service,
        known: BTreeSet<String>,
        unchanged: bool,
    ) -> Result<(), Stop> {
        let end = if unchanged { ServiceState::Unchanged } else { ServiceState::Converged };
        let watched = Watched { key: &wanted.key, id: &service.id, state: ServiceState::Converging, end };
        let mut watch =
            Watch::new(service.spec.clone(), known, self.options.timeout.unwrap_or(wanted.timeout));
        // An interrupted deploy may have written it a moment ago; then it is watched like one of ours.
        if unchanged && self.plan.in_force.is_some() && !self.plan.resumes {
            watch = watch.left_alone();
        }
        match watch::converge(self.api, &watched, watch, self.sink).await {
            Ok(()) => Ok(()),
            Err(WatchError::Engine(error)) => Err(error.into()),
            Err(WatchError::Trouble(trouble)) => {
                let log = match trouble.task() {
                    Some(task) => watch::last_lines(self.api, task).await,
                    None => Vec::new(),
                };
                let reason = format!("service `{}`: {trouble}", wanted.key);
                Err(Stop::Service { reason, hint: Some(trouble.hint()), log })
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
                return Err(Stop::Service { reason, hint: Some(Trouble::Changed.hint()), log: Vec::new() });
            }
            self.api.remove_service(&service.id).await?;
        }
        (self.sink)(Event::Service(state(ServiceState::Removed)));
        Ok(())
    }

    /// Puts everything back, records it, and makes the error that tells the operator.
    async fn fail(&self, stop: Stop, crossed: Option<Crossed>, elapsed: Duration) -> Error {
        let release = self.plan.number;
        let database = crossed.as_ref().and_then(Crossed::left_behind);
        let reason = match &stop {
            Stop::Gate { gate, message, .. } => format!("the gate `{gate}` was not crossed: {message}"),
            Stop::Service { reason, .. } => reason.clone(),
            Stop::Interrupted { .. } | Stop::Left => "it was stopped".to_owned(),
            Stop::Other(error) => error.to_string(),
        };
        if self.touched(&stop) {
            (self.sink)(Event::RollingBack { reason: reason.clone() });
        }
        let number = release.to_string();
        let is_of_release = |name: &str, live: &Value| match self.written().get(name) {
            Some(written) => same(written, live),
            // A write whose answer was lost. The label tells it from what was there before; an edit by hand of
            // what this release did not write keeps an older one.
            None => self.target.services.get(name).is_some_and(|wanted| {
                spec::label(live, RELEASE_LABEL) == Some(number.as_str())
                    && covers(&wanted.labelled(), &self.live.localise(live))
            }),
        };
        let rollback = Rollback {
            api: self.api,
            stack: &self.target.stack,
            previous: &self.plan.previous,
            base: &self.plan.base,
            creates: &self.created(),
            is_of_release: &is_of_release,
            number: release,
            keys: self.target.services.values().map(|w| (w.name.as_str(), w.key.as_str())).collect(),
            sink: self.sink,
        };
        let mut restored = rollback.run().await;
        let state = if restored == Restored::Whole { State::RolledBack } else { State::Incomplete };
        // What is left over is only untidy, and the next release tries again.
        let _ = self.clean_up(state).await;
        if let Err(error) = self.finish(state, &reason, crossed.as_ref(), elapsed).await
            && let Restored::Incomplete(list) = &mut restored
        {
            list.push(format!("the outcome could not be recorded: {error}"));
        }
        self.tell_end(&stop, &restored, database.as_deref());
        match stop {
            Stop::Gate { gate, message, hint, log } => {
                Error::Gate { release, gate, message, hint, log, restored }
            }
            Stop::Service { reason, hint, log } => {
                Error::Rollout { release, reason, hint, log, restored, database }
            }
            Stop::Interrupted { database: gate } => {
                Error::Stopped { release, restored, database: database.or(gate) }
            }
            Stop::Left => Error::Left { release },
            Stop::Other(error @ (Error::ChangedContent { .. } | Error::LeaseLost { .. })) => error,
            Stop::Other(error) => {
                let (hint, log) = (error.hint(), Vec::new());
                Error::Rollout { release, reason, hint, log, restored, database }
            }
        }
    }
}

impl<A> Rollout<'_, A> {
    fn written(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        // Only whole entries are ever put in.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        // Only whole entries are ever put in.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything may have to be put back: before a gate that mostly is nothing.
    fn touched(&self, stop: &Stop) -> bool {
        let before_gate =
            self.plan.waves.iter().take_while(|wave| !wave.gate).flat_map(|wave| &wave.services);
        let backing = before_gate.into_iter().any(|planned| planned.action != Action::Unchanged);
        backing || self.plan.resumes || !self.plan.creates.is_empty() || !matches!(stop, Stop::Gate { .. })
    }

    fn tell_end(&self, stop: &Stop, restored: &Restored, database: Option<&str>) {
        let stack = &self.target.stack;
        let before = match self.live.releases.iter().rev().find(|release| release.succeeded()) {
            Some(release) => format!("stack {stack} runs release {} as before", release.intent.number),
            None if self.plan.base.is_empty() => format!("stack {stack} does not exist, as before"),
            None => format!("stack {stack} is as it was"),
        };
        let release = self.plan.number;
        let (outcome, message) = match (restored, stop) {
            (Restored::Incomplete(left), _) => {
                ("incomplete", format!("release {release} failed, and {} could not be put back", left.len()))
            }
            (Restored::Whole, Stop::Gate { .. }) => {
                ("refused", format!("release {release} was refused at its gate; {before}"))
            }
            (Restored::Whole, Stop::Interrupted { .. }) => {
                ("rolled-back", format!("release {release} was stopped and put back; {before}"))
            }
            (Restored::Whole, _) => {
                ("rolled-back", format!("release {release} failed and was put back; {before}"))
            }
        };
        let message = match database {
            Some(database) => format!("{message}; {database}"),
            None => message,
        };
        (self.sink)(Event::Finished { outcome, release: Some(release), message });
    }
}

fn interrupted(wish: Wish) -> Stop {
    if wish == Wish::Leave { Stop::Left } else { Stop::Interrupted { database: None } }
}

fn stop(key: &str, error: &WriteError) -> Stop {
    let hint = match error {
        WriteError::Engine(error) => error.hint(),
        _ => Trouble::Changed.hint(),
    };
    Stop::Service { reason: format!("service `{key}`: {error}"), hint: Some(hint), log: Vec::new() }
}

/// The wall clock, for records.
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}
