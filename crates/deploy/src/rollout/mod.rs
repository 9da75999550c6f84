//! Carrying out a plan under the lease: intent first, then objects, then the waves, then the outcome. On failure
//! everything is put back (`rollback`).

mod checks;
mod failure;
mod objects;
mod records;
mod recreate;
mod services;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::Api;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::converge::Trouble;
use crate::deploy::Options;
use crate::error::Error;
use crate::event::{Event, Sink};
use crate::gate::{self, Crossed};
use crate::gate_run::{self, GateRun};
use crate::hidden::Hidden;
use crate::interrupt::Wish;
use crate::live::Live;
use crate::looks::Looks;
use crate::plan::{Action, Plan, PlanOptions, PlannedService, PlannedWave};
use crate::release::State;
use crate::seal::SealKey;
use crate::spec::{self, SEAL_LABEL, SPEC_LABEL};
use crate::target::Target;
use crate::write::WriteError;
pub(crate) use recreate::remove_network;

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
    /// What the words of others are shown and recorded without.
    pub hidden: &'a Hidden,
    /// Configs to look for beside those of the stack: full names.
    pub configs: Vec<String>,
    /// How to plan.
    pub how: PlanOptions,
    /// The specs that this release wrote, by full name, as the engine gave them back right after.
    pub written: Mutex<BTreeMap<String, Arc<Value>>>,
    /// The objects that this release made: kind and full name.
    pub made: Mutex<Vec<(String, String)>>,
    /// Networks of the stack have been told to go.
    pub cleared: AtomicBool,
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
        if !planted!(RecordAfterEffect) {
            self.write_intent().await?;
        }
        let mut crossed = None;
        let went = self.waves(&mut crossed).await;
        if planted!(RecordAfterEffect) {
            self.write_intent().await?;
        }
        match went {
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
        if let Some(recreation) = self.plan.recreate.clone() {
            self.recreate(&recreation, crossed).await?;
        } else {
            self.networks().await?;
            self.files().await?;
            self.each_wave(&self.plan.waves, crossed).await?;
        }
        if self.options.ask_checks {
            self.checks().await?;
        }
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
        let looks = Looks::new(self.api, &self.target.stack);
        let one = async |planned| {
            // The semaphore is never closed.
            let _turn = room.acquire().await;
            if *failed.borrow() {
                return Ok(());
            }
            let result = self.service(planned, &looks, failed.subscribe()).await;
            if result.is_err() {
                failed.send_replace(true);
            }
            result
        };
        looks.listening(join_all(services.iter().map(one))).await.into_iter().collect()
    }

    async fn gate(&self, planned: &PlannedService) -> Result<Option<Crossed>, Stop> {
        let Some(wanted) = self.target.services.get(&planned.name) else { return Ok(None) };
        if planned.action == Action::Skip {
            return Ok(None);
        }
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
}

impl<A> Rollout<'_, A> {
    fn written(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Value>>> {
        // Only whole entries are ever put in.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        // Only whole entries are ever put in.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
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
