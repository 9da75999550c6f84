//! Recreating the stack: once the gates are crossed everything is removed, and made again when it is really gone.
//!
//! A mark (`mark`) stands from before the first removal until the release has ended, so that a run that is killed in between
//! is continued, and so that the records can still be opened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::{Api, Error as EngineError, Filter, Service, TaskFilter};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Rollout, Stop, interrupted, stop};
use crate::converge::Watch;
use crate::deploy::fallen_back;
use crate::error::Error;
use crate::event::{Event, ServiceEvent, ServiceState};
use crate::gate::Crossed;
use crate::looks::Looks;
use crate::mark::{Mark, Stage};
use crate::networks;
use crate::outsiders;
use crate::plan::recreate::{Recreation, if_in_use};
use crate::plan::{PlannedWave, is_gate_run};
use crate::rollback::Removed;
use crate::spec::{self, SEAL_LABEL, same};
use crate::strategy::IfInUse;
use crate::target::DEFAULT_TIMEOUT;
use crate::watch::Watched;
use crate::write::{self, Going, REMOVAL, Write};

const LOOK: Duration = Duration::from_millis(250);
/// Label that the engine gives to the containers of services' tasks.
const OF_SERVICE: &str = "com.docker.swarm.service.id";

impl<A: Api> Rollout<'_, A> {
    /// What is before the removal, the removal, and everything anew.
    pub(super) async fn recreate(
        &mut self,
        recreation: &Recreation,
        crossed: &mut Option<Crossed>,
    ) -> Result<(), Stop> {
        if let Some(mark) = &recreation.begun {
            crossed.clone_from(&mark.crossed);
        } else {
            if !recreation.before.is_empty() {
                self.networks().await?;
            }
            self.files().await?;
            self.each_wave(&recreation.before, crossed).await?;
            self.may_go_on().await?;
            if !recreation.down && self.goes_on_instead(recreation).await? {
                self.networks().await?;
                self.refresh().await?;
                return self.each_wave(&recreation.instead, crossed).await;
            }
        }
        if recreation.begun.as_ref().is_none_or(|mark| mark.stage == Stage::Removing) {
            self.remove_all(crossed.as_ref()).await?;
            self.refresh().await?;
        }
        self.networks().await?;
        self.files().await?;
        let waves: Vec<PlannedWave> = self.plan.waves.iter().filter(|wave| !wave.gate).cloned().collect();
        self.each_wave(&waves, crossed).await?;
        let kept = recreation.kept.iter().map(|name| self.make_again(name));
        join_all(kept).await.into_iter().collect()
    }

    /// Whether it goes on service by service, because somebody has begun to use the networks since the plan was made.
    async fn goes_on_instead(&self, recreation: &Recreation) -> Result<bool, Stop> {
        let users = outsiders::find(self.api, &self.target.stack, &recreation.networks).await?;
        if users.is_empty() {
            return Ok(false);
        }
        if if_in_use(self.target, self.how) == IfInUse::Refuse {
            return Err(Error::InUse { stack: self.target.stack.clone(), users }.into());
        }
        (self.sink)(Event::Recreating { phase: "instead", message: fallen_back(&users) });
        Ok(true)
    }

    async fn remove_all(&self, crossed: Option<&Crossed>) -> Result<(), Stop> {
        let stack = &self.target.stack;
        self.mark(Stage::Removing, crossed).await?;
        let message = format!("removing the services and networks of stack {stack}: it is down from now on");
        (self.sink)(Event::Recreating { phase: "removing", message });
        self.remove_services().await?;
        self.tasks_gone().await?;
        self.containers_gone().await?;
        self.may_go_on().await?;
        self.cleared.store(true, Ordering::Relaxed);
        for network in self.api.networks(&Filter::stack(stack)).await? {
            if network.scope() == "swarm" {
                remove_network(self.api, stack, network.id(), network.name()).await?;
                self.told_object("network", network.name(), "removed");
            }
        }
        self.mark(Stage::Creating, crossed).await?;
        let message = format!("stack {stack} is gone; its networks and services are made anew");
        (self.sink)(Event::Recreating { phase: "gone", message });
        self.may_go_on().await
    }

    /// Writes how far it has come.
    async fn mark(&self, stage: Stage, crossed: Option<&Crossed>) -> Result<(), Stop> {
        let mark = Mark { number: self.plan.number, stage, crossed: crossed.cloned() };
        let name = Mark::service_name(&self.target.stack, mark.number);
        // It has no tasks, so any image will do; one of the stack's own is no surprise to anybody.
        let image = self.target.services.values().next().map_or("scratch", |wanted| &wanted.image);
        let mut body = mark.body(&self.target.stack, image);
        spec::set_label(&mut body, SEAL_LABEL, &self.key.to_label());
        let is_ours = |live: &Value| Mark::read(live).as_ref() == Some(&mark);
        let written = if self.api.service(&name).await?.is_none() {
            write::create(self.api, &name, &body, None, is_ours).await
        } else {
            let may_replace =
                |live: &Value| Mark::read(live).is_some_and(|other| other.number == mark.number);
            let (is_ours, may_replace) = (&is_ours, &may_replace);
            let write = Write {
                name: &name,
                spec: &body,
                is_ours,
                may_replace,
                auth: None,
                keep_force_update: true,
                resume: false,
            };
            write::update(self.api, &write).await
        };
        written.map(drop).map_err(|error| stop(&name, &error))
    }

    /// All services but the mark, in the reverse of their order: what is draining still finds what it needs.
    async fn remove_services(&self) -> Result<(), Stop> {
        let mut order: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, wave) in self.plan.waves.iter().enumerate() {
            order.extend(wave.services.iter().map(|planned| (planned.name.as_str(), number)));
        }
        let mut waves: BTreeMap<usize, Vec<Service>> = BTreeMap::new();
        for service in self.api.services(&Filter::stack(&self.target.stack)).await? {
            let own_mark = Mark::read(&service.spec).is_some_and(|mark| mark.number == self.plan.number);
            if !own_mark {
                let number = order.get(service.name()).copied().unwrap_or(usize::MAX);
                waves.entry(number).or_default().push(service);
            }
        }
        for services in waves.values().rev() {
            self.may_go_on().await?;
            // Sent to their end: what is on its way would otherwise land after everything was put back.
            let removed = join_all(services.iter().map(|service| self.remove_one(service))).await;
            let going = removed.into_iter().collect::<Result<Vec<Option<Going>>, Stop>>()?;
            let ends =
                join_all(services.iter().zip(going).map(|(service, going)| self.ended(service, going)));
            tokio::select! {
                ended = ends => ended.into_iter().collect::<Result<(), Stop>>()?,
                wish = self.options.interrupt.stopped() => return Err(interrupted(wish)),
            }
        }
        Ok(())
    }

    async fn remove_one(&self, service: &Service) -> Result<Option<Going>, Stop> {
        let name = service.name();
        let may_remove = |live: &Value| {
            is_gate_run(live)
                || self.plan.base.get(name).is_some_and(|base| same(base, live))
                || self.is_back(name, live)
                || self.is_of_release(name, live)
        };
        self.tell(name, ServiceState::Removing);
        let removed = write::remove(self.api, &service.id, &may_remove).await;
        removed.map_err(|error| self.not_gone(name, &error))
    }

    async fn ended(&self, service: &Service, going: Option<Going>) -> Result<(), Stop> {
        if let Some(going) = going {
            let gone = write::gone(self.api, &going).await;
            gone.map_err(|error| self.not_gone(service.name(), &error))?;
        }
        self.tell(service.name(), ServiceState::Removed);
        Ok(())
    }

    fn not_gone(&self, name: &str, error: &write::RemoveError) -> Stop {
        let hint = "look at what is named with `docker service ps` and on its node, then deploy again";
        let reason = format!("service `{}`: {error}", self.key_of(name));
        Stop::Service { reason, hint: Some(hint.to_owned()), log: Vec::new() }
    }

    /// Also the tasks of services that an interrupted run has removed.
    async fn tasks_gone(&self) -> Result<(), Stop> {
        let begun = Instant::now();
        loop {
            let mut tasks = self.api.tasks(&TaskFilter::stack(&self.target.stack)).await?;
            tasks.retain(|task| !task.status.state.is_final());
            if tasks.is_empty() {
                return Ok(());
            }
            if begun.elapsed() >= REMOVAL {
                let what = format!("the stack's tasks to end: {}", write::named(self.api, &tasks).await);
                return Err(Error::TimedOut { what, seconds: REMOVAL.as_secs() }.into());
            }
            self.may_go_on().await?;
            sleep(LOOK).await;
        }
    }

    /// Containers of this node: on others the tasks' end has to do.
    async fn containers_gone(&self) -> Result<(), Stop> {
        let begun = Instant::now();
        let labels = [(networks::NAMESPACE_LABEL.to_owned(), self.target.stack.clone())];
        loop {
            let mut containers = self.api.containers(&labels, true).await?;
            containers.retain(|container| container.labels.contains_key(OF_SERVICE));
            let Some(first) = containers.first() else { return Ok(()) };
            if begun.elapsed() >= REMOVAL {
                let name = first.names.first().map_or("", |name| name.trim_start_matches('/'));
                let what = format!("{} containers of the stack to go, `{name}` among them", containers.len());
                return Err(Error::TimedOut { what, seconds: REMOVAL.as_secs() }.into());
            }
            self.may_go_on().await?;
            sleep(LOOK).await;
        }
    }

    /// Makes a service again that the stack file does not have, as it was but for its networks' ids.
    async fn make_again(&self, name: &str) -> Result<(), Stop> {
        let Some(Some(spec)) = self.plan.previous.get(name) else { return Ok(()) };
        let mut spec = spec.clone();
        networks::translate(Arc::make_mut(&mut spec), |id| {
            self.live.network_id(self.plan.network_names.get(id)?)
        });
        let made = write::create(self.api, name, &spec, None, |live| same(live, &spec)).await;
        let key = self.key_of(name);
        let service = made.map_err(|error| stop(key, &error))?;
        self.written().insert(name.to_owned(), service.spec.clone());
        let (state, end) = (ServiceState::Converging, ServiceState::Converged);
        let watched = Watched { key, id: &service.id, state, end };
        let watch =
            Watch::new(service.spec, BTreeSet::default(), self.options.timeout.unwrap_or(DEFAULT_TIMEOUT));
        let looks = Looks::new(self.api, &self.target.stack);
        looks.listening(self.watched(&watched, watch, &looks)).await
    }

    /// Before everything is put back: whether the removal has begun, and how to undo it. The mark says so too, so that a run
    /// that is killed on the way back is known to have left neither the one nor the other.
    pub(super) async fn begin_way_back(&self, crossed: Option<&Crossed>) -> Option<Removed> {
        let recreation = self.plan.recreate.as_ref()?;
        let name = Mark::service_name(&self.target.stack, self.plan.number);
        let marked = recreation.down || !matches!(self.api.service(&name).await, Ok(None));
        if !marked {
            return None;
        }
        // What cannot be written now will be told by the writes that follow.
        let _ = self.mark(Stage::Removing, crossed).await;
        let mut waves: Vec<Vec<String>> = Vec::new();
        for wave in self.plan.waves.iter().filter(|wave| !wave.gate) {
            waves.push(wave.services.iter().map(|planned| planned.name.clone()).collect());
        }
        Some(Removed {
            networks: self.plan.networks.clone(),
            names: self.plan.network_names.clone(),
            waves,
            cleared: recreation.down || self.cleared.load(Ordering::Relaxed),
        })
    }
}

impl<A> Rollout<'_, A> {
    fn key_of<'n>(&'n self, name: &'n str) -> &'n str {
        self.target.services.get(name).map_or(name, |wanted| &wanted.key)
    }

    fn tell(&self, name: &str, state: ServiceState) {
        let service = self.key_of(name).to_owned();
        (self.sink)(Event::Service(ServiceEvent { service, state, running: 0, wanted: 0, note: None }));
    }
}

/// Removes a network and returns when no node that can be asked shows it any more: until then its name is taken, and a service
/// that is created on it fails with "network not found" (measured).
pub(crate) async fn remove_network<A: Api>(api: &A, stack: &str, id: &str, name: &str) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let held = match api.remove_network(id).await {
            // The managers have removed it. It is shown until its last container has left it.
            Ok(_) => "its last containers to leave it".to_owned(),
            Err(EngineError::InUse { message, .. }) => message,
            Err(error) if error.is_transient() => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        if api.network(id).await?.is_none() {
            return Ok(());
        }
        if begun.elapsed() >= REMOVAL {
            let asked = BTreeMap::from([(id.to_owned(), name.to_owned())]);
            let users = outsiders::find(api, stack, &asked).await?;
            let users: Vec<String> = users.iter().map(ToString::to_string).collect();
            let held = if users.is_empty() { held } else { users.join(", ") };
            let what = format!("the network `{name}` to go: {held}");
            return Err(Error::TimedOut { what, seconds: REMOVAL.as_secs() });
        }
        sleep(LOOK).await;
    }
}
