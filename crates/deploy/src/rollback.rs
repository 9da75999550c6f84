//! Putting a stack back as it was: every service from the specs recorded before the first effect, services that were
//! created removed, services that were removed created again (decision 7). Never from `PreviousSpec`.

mod networks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::{Api, Error as EngineError, FileKind, Filter, Service, UpdateState};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::converge::Watch;
use crate::error::Restored;
use crate::event::{Event, ServiceEvent, ServiceState, Sink};
use crate::looks::Looks;
use crate::networks::{NAMESPACE_LABEL, Networks};
use crate::plan::is_gate_run;
use crate::release::Specs;
use crate::spec::{self, RELEASE_LABEL, same};
use crate::target::DEFAULT_TIMEOUT;
use crate::watch::{self, WatchError, Watched};
use crate::write::{self, REMOVAL, Write};

const LOOK: Duration = Duration::from_millis(250);

/// What is put back.
pub(crate) struct Rollback<'a, A> {
    /// The engine.
    pub api: &'a A,
    /// The stack.
    pub stack: &'a str,
    /// What every service was.
    pub previous: &'a Specs,
    /// What every service was when the plan was made; differs from `previous` after an interrupted release.
    pub base: &'a BTreeMap<String, Arc<Value>>,
    /// The objects that the release made.
    pub creates: &'a [(String, String)],
    /// Whether a live spec is what the release asked for. A label alone would not do: an edit by hand keeps it.
    pub is_of_release: &'a (dyn Fn(&str, &Value) -> bool + Send + Sync),
    /// The release that failed.
    pub number: u64,
    /// Full names and names in the stack file.
    pub keys: BTreeMap<&'a str, &'a str>,
    /// Services of the stock client that gave way to a gate, by full name. A one-shot is put back, and how it fares there is
    /// its own matter: it may have failed again and again before.
    pub one_shots: BTreeSet<&'a str>,
    /// What a removal of the whole stack has taken away; `None` if there was none.
    pub removed: Option<&'a Removed>,
    /// Where events go.
    pub sink: Sink<'a>,
}

/// A stack that was being recreated.
pub(crate) struct Removed {
    /// Its networks as they were.
    pub networks: Networks,
    /// The names of networks by id, of those too that are gone.
    pub names: BTreeMap<String, String>,
    /// The services by their full names, in the order in which they come up.
    pub waves: Vec<Vec<String>>,
    /// Networks have been told to go, or may have been.
    pub cleared: bool,
}

impl<A: Api> Rollback<'_, A> {
    /// Puts everything back; what could not be is listed with the reason.
    pub(crate) async fn run(&self) -> Restored {
        let (mut left, mut previous) = (Vec::new(), self.previous.clone());
        if let Some(removed) = self.removed {
            left.extend(self.clear(removed).await);
            left.extend(self.translate(removed, &mut previous).await.err());
        }
        let looks = &Looks::new(self.api, self.stack);
        for group in self.groups() {
            let services = group.into_iter().filter_map(|name| Some((name, previous.get(name)?)));
            let ended = join_all(services.map(|(name, spec)| self.put_back(name, spec.as_deref(), looks)));
            let ended = looks.listening(ended).await;
            left.extend(ended.into_iter().flatten());
        }
        if left.is_empty() {
            left.extend(self.remove_gate_of_first_release().await.err());
            left.extend(self.remove_objects().await);
        }
        if left.is_empty() { Restored::Whole } else { Restored::Incomplete(left) }
    }

    async fn put_back(&self, name: &str, spec: Option<&Value>, looks: &Looks<'_, A>) -> Option<String> {
        let result = match spec {
            Some(spec) => self.restore(name, spec, looks).await,
            None => self.remove(name).await,
        };
        result.err().map(|reason| format!("service `{name}`: {reason}"))
    }

    /// Which services go together: all, unless the whole stack was removed. Then each wave waits for the one before, because
    /// a service would crash again and again beside a database that is not there yet.
    fn groups(&self) -> Vec<Vec<&str>> {
        let all = self.previous.keys().map(String::as_str);
        let Some(removed) = self.removed else { return vec![all.collect()] };
        let waves = removed.waves.iter().map(|wave| wave.iter().map(String::as_str).collect());
        let mut groups: Vec<Vec<&str>> = waves.collect();
        let placed: BTreeSet<&str> = groups.iter().flatten().copied().collect();
        groups.push(all.filter(|name| !placed.contains(name)).collect());
        groups
    }

    async fn restore(&self, name: &str, spec: &Value, looks: &Looks<'_, A>) -> Result<(), String> {
        let before = self.api.service(name).await.map_err(|error| error.to_string())?;
        let Some(before) = before else {
            return self.recreate(name, spec, looks).await;
        };
        let previous = before.previous_spec.as_deref().filter(|_| planted!(RollbackFromPreviousSpec));
        let spec = previous.unwrap_or(spec);
        let swarm_at_work = matches!(
            before.update_state(),
            Some(UpdateState::Updating | UpdateState::RollbackStarted | UpdateState::RollbackCompleted)
        );
        let at_rest = !swarm_at_work;
        if same(&before.spec, spec) && at_rest {
            return Ok(());
        }
        if spec::mode(&before.spec) != spec::mode(spec) {
            // The engine cannot change a service's mode.
            self.remove(name).await?;
            return self.recreate(name, spec, looks).await;
        }
        self.tell(name, ServiceState::Restoring, None);
        // Ours to replace: what this release wrote, or what it found (after an interrupted release).
        let may_replace = |live: &Value| self.may_replace(name, live);
        let is_ours = |live: &Value| same(live, spec);
        let write = Write {
            name,
            spec,
            is_ours: &is_ours,
            may_replace: &may_replace,
            auth: None,
            keep_force_update: false,
            resume: false,
        };
        let restored = write::update(self.api, &write).await.map_err(|error| error.to_string())?;
        self.converge(name, &restored, looks).await
    }

    async fn recreate(&self, name: &str, spec: &Value, looks: &Looks<'_, A>) -> Result<(), String> {
        self.tell(name, ServiceState::Restoring, None);
        let created = write::create(self.api, name, spec, None, |live| same(live, spec)).await;
        let created = created.map_err(|error| error.to_string())?;
        if self.one_shots.contains(name) {
            self.tell(name, ServiceState::Restored, None);
            return Ok(());
        }
        self.converge(name, &created, looks).await
    }

    fn may_replace(&self, name: &str, live: &Value) -> bool {
        (self.is_of_release)(name, live) || self.base.get(name).is_some_and(|base| same(base, live))
    }

    async fn converge(&self, name: &str, service: &Service, looks: &Looks<'_, A>) -> Result<(), String> {
        let key = self.keys.get(name).copied().unwrap_or(name);
        // Swarm may have rolled back by itself to just this spec; its "rolled back" is then no failure.
        let watched =
            Watched { key, id: &service.id, state: ServiceState::Restoring, end: ServiceState::Restored };
        let known = watch::task_ids(self.api, &service.id).await.map_err(|error| error.to_string())?;
        let watch = Watch::new(service.spec.clone(), known, DEFAULT_TIMEOUT).after_rollback();
        match watch::converge(looks, &watched, watch, self.sink).await {
            Ok(()) => Ok(()),
            Err(WatchError::Engine(error)) => Err(error.to_string()),
            Err(WatchError::Trouble(trouble)) => Err(format!("has its old spec again, but {trouble}")),
        }
    }

    async fn remove(&self, name: &str) -> Result<(), String> {
        let service = self.api.service(name).await.map_err(|error| error.to_string())?;
        let Some(service) = service else { return Ok(()) };
        if !self.may_replace(name, &service.spec) {
            return Err("somebody else changed it meanwhile, so it was not removed".to_owned());
        }
        if planted!(CreatedServicesKept) {
            return Ok(());
        }
        self.tell(name, ServiceState::Removing, None);
        let may_remove = |live: &Value| self.may_replace(name, live);
        write::remove_and_wait(self.api, &service.id, &may_remove)
            .await
            .map_err(|error| error.to_string())?;
        self.tell(name, ServiceState::Removed, None);
        Ok(())
    }

    /// After a first release there is nothing to go back to, so its gate goes too: its networks could not otherwise.
    async fn remove_gate_of_first_release(&self) -> Result<(), String> {
        if !self.creates.iter().any(|(kind, _)| kind == "network") {
            return Ok(());
        }
        let services =
            self.api.services(&Filter::stack(self.stack)).await.map_err(|error| error.to_string())?;
        let number = self.number.to_string();
        for service in services {
            if is_gate_run(&service.spec) && service.label(RELEASE_LABEL) == Some(number.as_str()) {
                write::remove_and_wait(self.api, &service.id, &|_| true)
                    .await
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    async fn remove_objects(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (kind, name) in self.creates {
            if let Err(error) = self.remove_object(kind, name).await {
                left.push(format!("{kind} `{name}`: {error}"));
            } else {
                let kind = match kind.as_str() {
                    "network" => "network",
                    "secret" => "secret",
                    _ => "config",
                };
                (self.sink)(Event::Object { kind, name: name.clone(), action: "removed" });
            }
        }
        left
    }

    async fn remove_object(&self, kind: &str, name: &str) -> Result<(), EngineError> {
        let begun = Instant::now();
        loop {
            let result = match kind {
                "network" => match self.api.network(name).await? {
                    Some(network) if self.is_ours(network.labels().get(NAMESPACE_LABEL).copied()) => {
                        self.api.remove_network(network.id()).await
                    }
                    _ => return Ok(()),
                },
                kind => {
                    let kind = if kind == "secret" { FileKind::Secret } else { FileKind::Config };
                    match self.api.file_object(kind, name).await? {
                        Some(object) if self.is_ours(object.label(NAMESPACE_LABEL)) => {
                            self.api.remove_file_object(kind, &object.id).await
                        }
                        _ => return Ok(()),
                    }
                }
            };
            match result {
                // A network is gone when the managers no longer show it.
                Ok(_) => {}
                Err(error) if matches!(error, EngineError::InUse { .. }) || error.is_transient() => {
                    if begun.elapsed() >= REMOVAL {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
            sleep(LOOK).await;
        }
    }

    /// What carries another stack's label, or none, was there before, and the stack only uses it.
    fn is_ours(&self, namespace: Option<&str>) -> bool {
        namespace == Some(self.stack)
    }

    fn tell(&self, name: &str, state: ServiceState, note: Option<String>) {
        let service = self.keys.get(name).copied().unwrap_or(name).to_owned();
        (self.sink)(Event::Service(ServiceEvent { service, state, running: 0, wanted: 0, note }));
    }
}
