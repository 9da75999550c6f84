//! Reads that ride out what passes by itself: an election, a manager that starts again. A read changes nothing, so asking
//! once more is always right. Writes go through as they are: whether to repeat one is for the caller to decide.

use std::time::Duration;

use engine::{
    Api, Container, Created, Distribution, Error, Event, EventFilter, FileKind, FileObject, Filter, Health,
    Info, LogLine, LogOptions, LogSource, Network, Node, Secret, Service, Subscription, Task, TaskFilter,
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// How long a read is tried again: as long as the managers may take to elect a leader, with time to spare.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(500);

/// An engine whose reads are patient.
pub(crate) struct Patient<'a, A>(pub(crate) &'a A);

async fn patient<T, F>(read: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let begun = Instant::now();
    loop {
        match read().await {
            Err(error) if error.is_transient() && begun.elapsed() < PATIENCE => sleep(PAUSE).await,
            answer => return answer,
        }
    }
}

impl<A: Api> Api for Patient<'_, A> {
    async fn info(&self) -> Result<Info, Error> {
        patient(|| self.0.info()).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, Error> {
        patient(|| self.0.nodes()).await
    }

    async fn services(&self, filter: &Filter) -> Result<Vec<Service>, Error> {
        patient(|| self.0.services(filter)).await
    }

    async fn service(&self, id_or_name: &str) -> Result<Option<Service>, Error> {
        patient(|| self.0.service(id_or_name)).await
    }

    async fn create_service(&self, spec: &Value, auth: Option<&Secret>) -> Result<Created, Error> {
        self.0.create_service(spec, auth).await
    }

    async fn update_service(
        &self,
        id: &str,
        version: u64,
        spec: &Value,
        auth: Option<&Secret>,
    ) -> Result<Vec<String>, Error> {
        self.0.update_service(id, version, spec, auth).await
    }

    async fn remove_service(&self, id: &str) -> Result<bool, Error> {
        self.0.remove_service(id).await
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>, Error> {
        patient(|| self.0.tasks(filter)).await
    }

    async fn networks(&self, filter: &Filter) -> Result<Vec<Network>, Error> {
        patient(|| self.0.networks(filter)).await
    }

    async fn network(&self, id_or_name: &str) -> Result<Option<Network>, Error> {
        patient(|| self.0.network(id_or_name)).await
    }

    async fn create_network(&self, body: &Value) -> Result<String, Error> {
        self.0.create_network(body).await
    }

    async fn remove_network(&self, id: &str) -> Result<bool, Error> {
        self.0.remove_network(id).await
    }

    async fn file_objects(&self, kind: FileKind, filter: &Filter) -> Result<Vec<FileObject>, Error> {
        patient(|| self.0.file_objects(kind, filter)).await
    }

    async fn file_object(&self, kind: FileKind, id_or_name: &str) -> Result<Option<FileObject>, Error> {
        patient(|| self.0.file_object(kind, id_or_name)).await
    }

    async fn create_file_object(&self, kind: FileKind, spec: &Value) -> Result<String, Error> {
        self.0.create_file_object(kind, spec).await
    }

    async fn update_file_object(
        &self,
        kind: FileKind,
        id: &str,
        version: u64,
        spec: &Value,
    ) -> Result<(), Error> {
        self.0.update_file_object(kind, id, version, spec).await
    }

    async fn remove_file_object(&self, kind: FileKind, id: &str) -> Result<bool, Error> {
        self.0.remove_file_object(kind, id).await
    }

    async fn distribution(&self, image: &str, auth: Option<&Secret>) -> Result<Option<Distribution>, Error> {
        self.0.distribution(image, auth).await
    }

    async fn logs(&self, source: LogSource<'_>, options: &LogOptions) -> Result<Vec<LogLine>, Error> {
        self.0.logs(source, options).await
    }

    async fn follow_logs(
        &self,
        source: LogSource<'_>,
        options: &LogOptions,
    ) -> Result<Subscription<LogLine>, Error> {
        self.0.follow_logs(source, options).await
    }

    async fn containers(&self, labels: &[(String, String)], all: bool) -> Result<Vec<Container>, Error> {
        patient(|| self.0.containers(labels, all)).await
    }

    async fn health(&self, container: &str) -> Result<Option<Health>, Error> {
        self.0.health(container).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Subscription<Event>, Error> {
        self.0.events(filter).await
    }
}
