//! [`engine::Api`] for [`Sim`]: each call in words and as one question to the world. Answers are those that the engine crate
//! reads from a real engine's JSON; the most frequent ones are made without it (`world/typed.rs`).

use engine::{
    Api, Call, Container, Created, Distribution, Error, Event, EventFilter, FileKind, FileObject, Filter,
    Health, Info, LogLine, LogOptions, LogSource, Network, Node, Platform, Secret, Service, Subscription,
    Task, TaskFilter,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::caller::Sim;
use crate::fault::Fault;
use crate::follow;
use crate::refusal::Refusal;
use crate::world::World;

impl Api for Sim {
    async fn info(&self) -> Result<Info, Error> {
        self.read("ask the engine about itself", |world| Ok(world.info())).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, Error> {
        self.read("list the nodes", |world| Ok(world.node_list())).await
    }

    async fn services(&self, filter: &Filter) -> Result<Vec<Service>, Error> {
        self.carry(Call::read("list the services"), nothing, |world| Ok(world.services_typed(filter))).await
    }

    async fn service(&self, id_or_name: &str) -> Result<Option<Service>, Error> {
        let call = Call::read(format!("read the service {id_or_name}"));
        absent(self.carry(call, nothing, |world| world.service_typed(id_or_name)).await)
    }

    async fn create_service(&self, spec: &Value, _registry_auth: Option<&Secret>) -> Result<Created, Error> {
        let call = Call::write(format!("create the service {}", name_in(spec)));
        let id = self.carry(call, nothing, |world| world.create_service(spec)).await?;
        Ok(Created { id, warnings: Vec::new() })
    }

    async fn update_service(
        &self,
        id: &str,
        version: u64,
        spec: &Value,
        _registry_auth: Option<&Secret>,
    ) -> Result<Vec<String>, Error> {
        let call = Call::write(format!("update the service {}", name_in(spec)));
        let disturb = |world: &mut World, fault: Fault| match fault {
            Fault::ForeignEdit => drop(world.edit_service(id, one_more_replica)),
            Fault::NoopUpdate => drop(world.edit_service(id, |_| {})),
            _ => world.touch_service(id),
        };
        self.carry(call, disturb, |world| world.update_service(id, version, spec)).await?;
        Ok(Vec::new())
    }

    async fn remove_service(&self, id: &str) -> Result<bool, Error> {
        let call = Call::write(format!("remove the service {id}"));
        removed(self.carry(call, nothing, |world| world.remove_service(id)).await)
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>, Error> {
        let call = Call::read("list the tasks");
        let answer = self.carry(call, nothing, |world| world.tasks_typed(filter)).await;
        Ok(absent(answer)?.unwrap_or_default())
    }

    async fn networks(&self, filter: &Filter) -> Result<Vec<Network>, Error> {
        self.carry(Call::read("list the networks"), nothing, |world| Ok(world.networks_typed(filter))).await
    }

    async fn network(&self, id_or_name: &str) -> Result<Option<Network>, Error> {
        absent(self.read(&format!("read the network {id_or_name}"), |world| world.network(id_or_name)).await)
    }

    async fn create_network(&self, body: &Value) -> Result<String, Error> {
        let call = Call::write(format!("create the network {}", name_in(body)));
        self.carry(call, nothing, |world| world.create_network(body)).await
    }

    async fn remove_network(&self, id: &str) -> Result<bool, Error> {
        let call = Call::write(format!("remove the network {id}"));
        removed(self.carry(call, nothing, |world| world.remove_network(id)).await)
    }

    async fn file_objects(&self, kind: FileKind, filter: &Filter) -> Result<Vec<FileObject>, Error> {
        let call = Call::read(format!("list the {kind}s"));
        self.carry(call, nothing, |world| Ok(world.files_typed(kind, filter))).await
    }

    async fn file_object(&self, kind: FileKind, id_or_name: &str) -> Result<Option<FileObject>, Error> {
        let call = Call::read(format!("read the {kind} {id_or_name}"));
        let found = absent(self.carry(call, nothing, |world| world.file_typed(kind, id_or_name)).await)?;
        Ok(found.filter(|object| object.id == id_or_name || object.name() == id_or_name))
    }

    async fn create_file_object(&self, kind: FileKind, spec: &Value) -> Result<String, Error> {
        let call = Call::write(format!("create the {kind} {}", name_in(spec)));
        self.carry(call, nothing, |world| world.create_file(kind, spec)).await
    }

    async fn update_file_object(
        &self,
        kind: FileKind,
        id: &str,
        version: u64,
        spec: &Value,
    ) -> Result<(), Error> {
        let call = Call::write(format!("update the {kind} {}", name_in(spec)));
        let disturb = |world: &mut World, _| world.touch_file(kind, id);
        self.carry(call, disturb, |world| world.update_file(kind, id, version, spec)).await
    }

    async fn remove_file_object(&self, kind: FileKind, id: &str) -> Result<bool, Error> {
        let call = Call::write(format!("remove the {kind} {id}"));
        removed(self.carry(call, nothing, |world| world.remove_file(kind, id)).await)
    }

    async fn distribution(
        &self,
        image: &str,
        _registry_auth: Option<&Secret>,
    ) -> Result<Option<Distribution>, Error> {
        let call = Call::read(format!("ask the registry about the image {image}"));
        let found = self.carry(call, nothing, |world| {
            Ok((world.registry.get(image).cloned(), world.registry_has(image)))
        });
        let (told, found) = found.await?;
        if let Some(told) = told {
            return Ok(told);
        }
        Ok(found.then(|| Distribution {
            digest: World::digest_of(image),
            platforms: vec![Platform {
                architecture: "amd64".into(),
                os: "linux".into(),
                variant: String::new(),
            }],
        }))
    }

    async fn logs(&self, source: LogSource<'_>, options: &LogOptions) -> Result<Vec<LogLine>, Error> {
        let call = Call::read("read the log");
        let lines = self.carry(call, nothing, |world| world.log(source, options)).await;
        Ok(absent(lines)?.unwrap_or_default().into_iter().map(|(_, line)| line).collect())
    }

    async fn follow_logs(
        &self,
        source: LogSource<'_>,
        options: &LogOptions,
    ) -> Result<Subscription<LogLine>, Error> {
        self.carry(Call::read("follow the log"), nothing, |world| world.log(source, options)).await?;
        Ok(follow::log(self, source, options))
    }

    async fn containers(&self, labels: &[(String, String)], all: bool) -> Result<Vec<Container>, Error> {
        self.read("list the containers", |world| Ok(world.container_list(labels, all))).await
    }

    async fn health(&self, container: &str) -> Result<Option<Health>, Error> {
        absent(self.read(&format!("read the container {container}"), |world| world.health(container)).await)
    }

    async fn events(&self, filter: &EventFilter) -> Result<Subscription<Event>, Error> {
        let from = self
            .carry(Call::read("listen to the engine's events"), nothing, |world| Ok(world.events.len()))
            .await?;
        Ok(follow::events(self, filter, from))
    }
}

impl Sim {
    /// A call that changes nothing, its answer read as the engine crate reads a real one.
    async fn read<T: DeserializeOwned>(
        &self,
        what: &str,
        work: impl Fn(&mut World) -> Result<Value, Refusal> + Send,
    ) -> Result<T, Error> {
        let answer = self.carry(Call::read(what), nothing, work).await?;
        serde_json::from_value(answer)
            .map_err(|error| Error::Protocol { what: what.to_owned(), reason: error.to_string() })
    }
}

fn nothing(_: &mut World, _: Fault) {}

fn absent<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn removed(result: Result<(), Error>) -> Result<bool, Error> {
    Ok(absent(result)?.is_some())
}

fn name_in(spec: &Value) -> &str {
    spec.get("Name").and_then(Value::as_str).unwrap_or("without a name")
}

/// What [`Fault::ForeignEdit`] does: one replica more, or a label where there are no replicas.
fn one_more_replica(spec: &mut Value) {
    match spec.pointer_mut("/Mode/Replicated/Replicas") {
        Some(replicas) => *replicas = Value::from(replicas.as_u64().unwrap_or(0) + 1),
        None => spec["Labels"]["edited-by"] = Value::from("somebody else"),
    }
}
