//! `rm`: removes a stack and returns only when its services, tasks, containers and networks are really gone.
//!
//! The stock client returns at once, and a deploy that follows then fails, because the network is still going
//! (measured). Volumes are never removed.

use std::time::Duration;

use engine::{Api, Error as EngineError, FileKind, Filter, TaskFilter};
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::event::{Event, ServiceEvent, ServiceState, Sink};
use crate::lease::{self, Holder};
use crate::observe;
use crate::release::{KIND_LABEL, STACK_LABEL};

const NAMESPACE_LABEL: &str = "com.docker.stack.namespace";
const LOOK: Duration = Duration::from_millis(250);

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many services.
    pub services: usize,
    /// How many networks.
    pub networks: usize,
}

/// Removes a stack; `bound` is how long all of it may take.
pub async fn remove<A: Api>(
    api: &A,
    stack: &str,
    holder: &Holder,
    wait_lease: Duration,
    bound: Duration,
    sink: Sink<'_>,
) -> Result<Removed, Error> {
    observe::require_manager(api).await?;
    let lease = lease::acquire(api, stack, holder, wait_lease, sink).await?;
    let result = lease.hold(Removal { api, stack, bound, begun: Instant::now(), sink }.run()).await;
    lease.release().await;
    result?
}

struct Removal<'a, A> {
    api: &'a A,
    stack: &'a str,
    bound: Duration,
    begun: Instant,
    sink: Sink<'a>,
}

impl<A: Api> Removal<'_, A> {
    async fn run(&self) -> Result<Removed, Error> {
        let services = self.services().await?;
        self.wait_for_tasks().await?;
        self.wait_for_containers().await?;
        let networks = self.networks().await?;
        for kind in [FileKind::Secret, FileKind::Config] {
            for object in self.api.file_objects(kind, &Filter::stack(self.stack)).await? {
                self.until_free(&format!("{kind} {}", object.name()), async || {
                    self.api.remove_file_object(kind, &object.id).await
                })
                .await?;
                self.told_object(kind.as_str(), object.name());
            }
        }
        self.records().await?;
        Ok(Removed { services, networks })
    }

    async fn services(&self) -> Result<usize, Error> {
        let services = self.api.services(&Filter::stack(self.stack)).await?;
        for service in &services {
            self.api.remove_service(&service.id).await?;
            let prefix = format!("{}_", self.stack);
            let key = service.name().strip_prefix(&prefix).unwrap_or(service.name()).to_owned();
            let event = ServiceEvent {
                service: key,
                state: ServiceState::Removing,
                running: 0,
                wanted: 0,
                note: None,
            };
            (self.sink)(Event::Service(event));
        }
        Ok(services.len())
    }

    /// Tasks of removed services stay listed until their nodes have ended them.
    async fn wait_for_tasks(&self) -> Result<(), Error> {
        loop {
            let tasks = self.api.tasks(&TaskFilter::stack(self.stack)).await?;
            let left = tasks.iter().filter(|task| !task.status.state.is_final()).count();
            if left == 0 {
                return Ok(());
            }
            self.pause(&format!("{left} tasks of stack `{}` to end", self.stack)).await?;
        }
    }

    /// Containers of this node, stopped ones too: on others the tasks' end has to do.
    async fn wait_for_containers(&self) -> Result<(), Error> {
        let labels = [(NAMESPACE_LABEL.to_owned(), self.stack.to_owned())];
        loop {
            let left = self.api.containers(&labels, true).await?.len();
            if left == 0 {
                return Ok(());
            }
            self.pause(&format!("{left} containers of stack `{}` to go", self.stack)).await?;
        }
    }

    async fn networks(&self) -> Result<usize, Error> {
        let networks = self.api.networks(&Filter::stack(self.stack)).await?;
        for network in &networks {
            self.until_free(&format!("network {}", network.name()), async || {
                self.api.remove_network(network.id()).await
            })
            .await?;
            self.told_object("network", network.name());
        }
        while !self.api.networks(&Filter::stack(self.stack)).await?.is_empty() {
            self.pause(&format!("the networks of stack `{}` to go", self.stack)).await?;
        }
        Ok(networks.len())
    }

    /// The release records; the lease stays until the end.
    async fn records(&self) -> Result<(), Error> {
        let records =
            self.api.file_objects(FileKind::Config, &Filter::label(STACK_LABEL, self.stack)).await?;
        for record in records.iter().filter(|record| record.label(KIND_LABEL) != Some("lease")) {
            self.api.remove_file_object(FileKind::Config, &record.id).await?;
        }
        Ok(())
    }

    async fn until_free(
        &self,
        what: &str,
        remove: impl AsyncFn() -> Result<bool, EngineError>,
    ) -> Result<(), Error> {
        loop {
            match remove().await {
                Ok(_) => return Ok(()),
                Err(error) if matches!(error, EngineError::InUse { .. }) || error.is_transient() => {
                    self.pause(&format!("{what} to be free")).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn pause(&self, what: &str) -> Result<(), Error> {
        if self.begun.elapsed() >= self.bound {
            return Err(Error::TimedOut { what: what.to_owned(), seconds: self.bound.as_secs() });
        }
        sleep(LOOK).await;
        Ok(())
    }

    fn told_object(&self, kind: &'static str, name: &str) {
        (self.sink)(Event::Object { kind, name: name.to_owned(), action: "removed" });
    }
}
