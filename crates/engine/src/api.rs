//! [`Api`]: everything Tidegate asks of an engine, as one trait, so that the deployer can be driven against a real engine
//! or a simulated one. No method here retries, caches or decides.

use std::future::Future;

use serde_json::Value;

use crate::{
    Container, Created, Distribution, Error, Event, EventFilter, FileKind, FileObject, Filter, Health, Info,
    LogLine, LogOptions, LogSource, Network, Node, Secret, Service, Subscription, Task, TaskFilter,
};

/// Everything Tidegate asks of an engine.
///
/// Every call has a deadline of its own and ends with an [`Error`] that names it. A *read* that fails changed nothing; after
/// a failed *write* ask [`Error::may_have_been_applied`]. "There is no such object" is an answer (`None`, `false`),
/// not an error, wherever the caller named the object.
///
/// Dropping a returned future abandons the call: a write may then still take effect.
pub trait Api: Send + Sync {
    /// The engine itself: its node, its part in the swarm, its clock.
    fn info(&self) -> impl Future<Output = Result<Info, Error>> + Send;

    /// The swarm's nodes.
    fn nodes(&self) -> impl Future<Output = Result<Vec<Node>, Error>> + Send;

    /// The services that match, in the order of their names.
    fn services(&self, filter: &Filter) -> impl Future<Output = Result<Vec<Service>, Error>> + Send;

    /// One service by its full id or its exact name.
    fn service(&self, id_or_name: &str) -> impl Future<Output = Result<Option<Service>, Error>> + Send;

    /// Creates a service. A name that is taken is [`Error::NameConflict`].
    fn create_service(
        &self,
        spec: &Value,
        registry_auth: Option<&Secret>,
    ) -> impl Future<Output = Result<Created, Error>> + Send;

    /// Replaces a service's spec if its version index is still `version`, else [`Error::OutOfSequence`]. Without
    /// `registry_auth` the engine keeps the credentials it has. Returns the engine's warnings.
    fn update_service(
        &self,
        id: &str,
        version: u64,
        spec: &Value,
        registry_auth: Option<&Secret>,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// Removes a service; `false` if there was none. Its tasks end later.
    fn remove_service(&self, id: &str) -> impl Future<Output = Result<bool, Error>> + Send;

    /// The tasks that match, oldest first. Tasks of removed services are among them while they last.
    fn tasks(&self, filter: &TaskFilter) -> impl Future<Output = Result<Vec<Task>, Error>> + Send;

    /// The networks that match, of every scope.
    fn networks(&self, filter: &Filter) -> impl Future<Output = Result<Vec<Network>, Error>> + Send;

    /// One network by its full id or its exact name. Two networks of one name are told apart only by [`Api::networks`].
    fn network(&self, id_or_name: &str) -> impl Future<Output = Result<Option<Network>, Error>> + Send;

    /// Creates a network (the body of `POST /networks/create`) and returns its id.
    fn create_network(&self, body: &Value) -> impl Future<Output = Result<String, Error>> + Send;

    /// Removes a network; `false` if there was none. [`Error::InUse`] while services or tasks use it.
    fn remove_network(&self, id: &str) -> impl Future<Output = Result<bool, Error>> + Send;

    /// The configs or secrets that match, in the order of their names. Configs come with their data, secrets never do.
    fn file_objects(
        &self,
        kind: FileKind,
        filter: &Filter,
    ) -> impl Future<Output = Result<Vec<FileObject>, Error>> + Send;

    /// One config or secret by its full id or its exact name.
    fn file_object(
        &self,
        kind: FileKind,
        id_or_name: &str,
    ) -> impl Future<Output = Result<Option<FileObject>, Error>> + Send;

    /// Creates a config or a secret (`spec`: Name, Labels, Data in base64) and returns its id. Names are unique without
    /// regard to case; one that is taken is [`Error::NameConflict`].
    fn create_file_object(
        &self,
        kind: FileKind,
        spec: &Value,
    ) -> impl Future<Output = Result<String, Error>> + Send;

    /// Changes a config's or secret's labels (nothing else can change) if its version index is still `version`, else
    /// [`Error::OutOfSequence`].
    fn update_file_object(
        &self,
        kind: FileKind,
        id: &str,
        version: u64,
        spec: &Value,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes a config or a secret; `false` if there was none. [`Error::InUse`] while a service refers to it.
    fn remove_file_object(
        &self,
        kind: FileKind,
        id: &str,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// What the registry says of an image: its digest and platforms; `None` if the registry has no such image.
    fn distribution(
        &self,
        image: &str,
        registry_auth: Option<&Secret>,
    ) -> impl Future<Output = Result<Option<Distribution>, Error>> + Send;

    /// The log lines so far of a service's tasks, or of one task. When the deadline passes, what has arrived by then.
    fn logs(
        &self,
        source: LogSource<'_>,
        options: &LogOptions,
    ) -> impl Future<Output = Result<Vec<LogLine>, Error>> + Send;

    /// The log lines so far and those to come, until the subscription is dropped or the engine ends it.
    fn follow_logs(
        &self,
        source: LogSource<'_>,
        options: &LogOptions,
    ) -> impl Future<Output = Result<Subscription<LogLine>, Error>> + Send;

    /// The containers of the engine's own node that carry all of `labels`; stopped ones too if `all`.
    fn containers(
        &self,
        labels: &[(String, String)],
        all: bool,
    ) -> impl Future<Output = Result<Vec<Container>, Error>> + Send;

    /// What the healthcheck of a container of the engine's own node said; `None` if there is no such container here, or it has
    /// no healthcheck.
    fn health(&self, container: &str) -> impl Future<Output = Result<Option<Health>, Error>> + Send;

    /// Events from now on, best effort: some can be missed, so they may only shorten a wait, never replace a read.
    fn events(&self, filter: &EventFilter)
    -> impl Future<Output = Result<Subscription<Event>, Error>> + Send;
}
