//! One service of a wave: written, compared before every retry, and watched until it has converged; or removed.

use std::collections::BTreeSet;

use engine::{Api, Service};
use serde_json::Value;

use super::{Rollout, Stop, interrupted, stop};
use crate::converge::{Trouble, Watch};
use crate::event::{Event, ServiceEvent, ServiceState};
use crate::looks::Looks;
use crate::plan::{Action, PlannedService};
use crate::spec::{self, RELEASE_LABEL, SEAL_LABEL, covers, same};
use crate::target::Wanted;
use crate::watch::{self, WatchError, Watched};
use crate::write::{self, Write, WriteError};

impl<A: Api> Rollout<'_, A> {
    pub(super) async fn service(
        &self,
        planned: &PlannedService,
        looks: &Looks<'_, A>,
        mut failed: watch::Failed,
    ) -> Result<(), Stop> {
        let Some(wanted) = self.target.services.get(&planned.name) else { return Ok(()) };
        self.may_go_on().await?;
        let body = self.body(wanted);
        let is_ours = |live: &Value| covers(&self.live.localise(&body), &self.live.localise(live));
        let before = self.api.service(&wanted.name).await?;
        let known = match &before {
            Some(service) => watch::task_ids(self.api, &service.id).await?,
            None => BTreeSet::default(),
        };
        let paused = before.as_ref().is_some_and(write::is_paused);
        let written = match (&planned.action, before) {
            // It is as it should be, and is only waited for: a deploy that was interrupted may have written it.
            (Action::Unchanged, Some(service)) if !self.is_back(&wanted.name, &service.spec) => {
                match self.plan.base.get(&wanted.name) {
                    Some(base) if !same(base, &service.spec) => {
                        Err(WriteError::Foreign(spec::diff(base, &service.spec)))
                    }
                    _ if paused => self.resume(&service).await,
                    _ => Ok(service),
                }
            }
            // A run that was interrupted has made it, or was putting it back.
            (Action::Replace { .. }, Some(service))
                if spec::mode(&service.spec) == spec::mode(&wanted.body) =>
            {
                self.update(wanted, &body, &is_ours).await
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
        let unchanged = planned.action == Action::Unchanged && !paused;
        tokio::select! {
            biased;
            result = self.converge(wanted, &service, looks, known, unchanged) => result,
            _ = failed.wait_for(|failed| *failed) => Ok(()),
            wish = self.options.interrupt.stopped() => Err(interrupted(wish)),
        }
    }

    /// Removes a service whose mode changes.
    async fn make_room(&self, planned: &PlannedService, service: &Service) -> Result<(), Stop> {
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
    pub(super) fn is_back(&self, name: &str, live: &Value) -> bool {
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
            resume: false,
        };
        write::update(self.api, &write).await
    }

    /// Lets Swarm go on with an update that it has paused, in an earlier deploy: it does so when the service is written again.
    async fn resume(&self, service: &Service) -> Result<Service, WriteError> {
        let is_ours = |live: &Value| same(live, &service.spec);
        let write = Write {
            name: service.name(),
            spec: &service.spec,
            is_ours: &is_ours,
            may_replace: &is_ours,
            auth: None,
            keep_force_update: true,
            resume: true,
        };
        write::update(self.api, &write).await
    }

    async fn converge(
        &self,
        wanted: &Wanted,
        service: &Service,
        looks: &Looks<'_, A>,
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
        self.watched(&watched, watch, looks).await
    }

    /// Waits until a service has converged; a service that does not is told with its log.
    pub(super) async fn watched(
        &self,
        watched: &Watched<'_>,
        watch: Watch,
        looks: &Looks<'_, A>,
    ) -> Result<(), Stop> {
        match watch::converge(looks, watched, watch, self.sink).await {
            Ok(()) => Ok(()),
            Err(WatchError::Engine(error)) => Err(error.into()),
            Err(WatchError::Trouble(trouble)) => {
                let log = match trouble.task() {
                    Some(task) => watch::last_lines(self.api, task).await,
                    None => Vec::new(),
                };
                let reason = format!("service `{}`: {trouble}", watched.key);
                Err(Stop::Service { reason, hint: Some(trouble.hint()), log })
            }
        }
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), Stop> {
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
}
