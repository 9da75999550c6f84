//! Each call of [`Api`] as one HTTP request: its words for error messages, its path, its query.

use hyper::Method;
use serde::Deserialize;
use serde_json::Value;

use super::target::{Target, label_filter};
use super::{Client, absent_is_none, logs, parsed, stream};
use crate::model::health::Inspected;
use crate::{
    Api, Call, Container, Created, Distribution, Error, Event, EventFilter, FileKind, FileObject, Filter,
    Health, Info, LogLine, LogOptions, LogSource, Network, Node, Secret, Service, Subscription, Task,
    TaskFilter,
};

impl Api for Client {
    async fn info(&self) -> Result<Info, Error> {
        self.get(&Call::read("ask the engine about itself"), Target::new(&["info"])).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, Error> {
        self.get(&Call::read("list the nodes"), Target::new(&["nodes"])).await
    }

    async fn services(&self, filter: &Filter) -> Result<Vec<Service>, Error> {
        let target = list(&["services"], filter);
        let mut services: Vec<Service> = self.get(&Call::read("list the services"), target).await?;
        services.retain(|service| filter.admits_name(service.name()));
        services.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(services)
    }

    async fn service(&self, id_or_name: &str) -> Result<Option<Service>, Error> {
        let call = Call::read(format!("read the service {id_or_name}"));
        let service: Option<Service> = self.find(&call, Target::new(&["services", id_or_name])).await?;
        Ok(service.filter(|service| service.id == id_or_name || service.name() == id_or_name))
    }

    async fn create_service(&self, spec: &Value, registry_auth: Option<&Secret>) -> Result<Created, Error> {
        let call = Call::write(format!("create the service {}", name_in(spec)));
        self.post(&call, Target::new(&["services", "create"]), spec, registry_auth).await
    }

    async fn update_service(
        &self,
        id: &str,
        version: u64,
        spec: &Value,
        registry_auth: Option<&Secret>,
    ) -> Result<Vec<String>, Error> {
        let call = Call::write(format!("update the service {}", name_in(spec)));
        let target = Target::new(&["services", id, "update"]).with("version", version);
        let answer: Option<Warnings> = self.post(&call, target, spec, registry_auth).await?;
        Ok(answer.and_then(|answer| answer.warnings).unwrap_or_default())
    }

    async fn remove_service(&self, id: &str) -> Result<bool, Error> {
        self.delete(&Call::write(format!("remove the service {id}")), Target::new(&["services", id])).await
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>, Error> {
        let states = filter.desired_states.iter().map(ToString::to_string).collect();
        let target = Target::new(&["tasks"]).filtered([
            ("service", filter.services.clone()),
            ("label", label_filter(&filter.labels)),
            ("desired-state", states),
            ("runtime", if filter.attachments { vec!["attachment".to_owned()] } else { Vec::new() }),
        ]);
        let tasks: Result<Vec<Task>, Error> = self.get(&Call::read("list the tasks"), target).await;
        // The engine resolves the services named in the filter first, and answers 404 when one has been removed meanwhile.
        let mut tasks = absent_is_none(tasks)?.unwrap_or_default();
        tasks.sort_by(|a, b| moment(&a.created_at).cmp(moment(&b.created_at)).then_with(|| a.id.cmp(&b.id)));
        Ok(tasks)
    }

    async fn networks(&self, filter: &Filter) -> Result<Vec<Network>, Error> {
        let call = Call::read("list the networks");
        let mut networks: Vec<Network> = self.get(&call, list(&["networks"], filter)).await?;
        networks.retain(|network| filter.admits_name(network.name()));
        Ok(networks)
    }

    async fn network(&self, id_or_name: &str) -> Result<Option<Network>, Error> {
        let call = Call::read(format!("read the network {id_or_name}"));
        let network: Option<Network> = self.find(&call, Target::new(&["networks", id_or_name])).await?;
        Ok(network.filter(|network| network.id() == id_or_name || network.name() == id_or_name))
    }

    async fn create_network(&self, body: &Value) -> Result<String, Error> {
        let call = Call::write(format!("create the network {}", name_in(body)));
        let created: Created = self.post(&call, Target::new(&["networks", "create"]), body, None).await?;
        Ok(created.id)
    }

    async fn remove_network(&self, id: &str) -> Result<bool, Error> {
        self.delete(&Call::write(format!("remove the network {id}")), Target::new(&["networks", id])).await
    }

    async fn file_objects(&self, kind: FileKind, filter: &Filter) -> Result<Vec<FileObject>, Error> {
        let call = Call::read(format!("list the {kind}s"));
        let mut objects: Vec<FileObject> = self.get(&call, list(&[folder(kind)], filter)).await?;
        objects.retain(|object| filter.admits_name(object.name()));
        objects.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(objects)
    }

    async fn file_object(&self, kind: FileKind, id_or_name: &str) -> Result<Option<FileObject>, Error> {
        let call = Call::read(format!("read the {kind} {id_or_name}"));
        let object: Option<FileObject> = self.find(&call, Target::new(&[folder(kind), id_or_name])).await?;
        Ok(object.filter(|object| object.id == id_or_name || object.name() == id_or_name))
    }

    async fn create_file_object(&self, kind: FileKind, spec: &Value) -> Result<String, Error> {
        let call = Call::write(format!("create the {kind} {}", name_in(spec)));
        let created: Created = self.post(&call, Target::new(&[folder(kind), "create"]), spec, None).await?;
        Ok(created.id)
    }

    async fn update_file_object(
        &self,
        kind: FileKind,
        id: &str,
        version: u64,
        spec: &Value,
    ) -> Result<(), Error> {
        let call = Call::write(format!("update the {kind} {}", name_in(spec)));
        let target = Target::new(&[folder(kind), id, "update"]).with("version", version);
        self.post::<Value>(&call, target, spec, None).await.map(drop)
    }

    async fn remove_file_object(&self, kind: FileKind, id: &str) -> Result<bool, Error> {
        self.delete(&Call::write(format!("remove the {kind} {id}")), Target::new(&[folder(kind), id])).await
    }

    async fn distribution(
        &self,
        image: &str,
        registry_auth: Option<&Secret>,
    ) -> Result<Option<Distribution>, Error> {
        let call = Call::read(format!("ask the registry about the image {image}"));
        let target = Target::distribution(image);
        let answer = self.send(&call, Method::GET, target, None, registry_auth, self.timeouts.registry).await;
        absent_is_none(answer)?.map(|answer| parsed(&call, &answer)).transpose()
    }

    async fn logs(&self, source: LogSource<'_>, options: &LogOptions) -> Result<Vec<LogLine>, Error> {
        logs::read(self, source, options).await
    }

    async fn follow_logs(
        &self,
        source: LogSource<'_>,
        options: &LogOptions,
    ) -> Result<Subscription<LogLine>, Error> {
        logs::follow(self, source, options).await
    }

    async fn containers(&self, labels: &[(String, String)], all: bool) -> Result<Vec<Container>, Error> {
        let target = Target::new(&["containers", "json"]).with("all", all);
        let target = target.filtered([("label", label_filter(labels))]);
        self.get(&Call::read("list the containers"), target).await
    }

    async fn health(&self, container: &str) -> Result<Option<Health>, Error> {
        let call = Call::read(format!("read the container {container}"));
        let found: Option<Inspected> =
            self.find(&call, Target::new(&["containers", container, "json"])).await?;
        Ok(found.and_then(|container| container.state.health))
    }

    async fn events(&self, filter: &EventFilter) -> Result<Subscription<Event>, Error> {
        let filters = [("type", filter.kinds.clone()), ("label", label_filter(&filter.labels))];
        stream::events(self, Target::new(&["events"]).filtered(filters)).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Warnings {
    warnings: Option<Vec<String>>,
}

/// The path under which the engine keeps configs or secrets.
fn folder(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Config => "configs",
        FileKind::Secret => "secrets",
    }
}

fn list(segments: &[&str], filter: &Filter) -> Target {
    Target::new(segments).filtered([("label", label_filter(&filter.labels)), ("name", filter.names.clone())])
}

fn name_in(spec: &Value) -> &str {
    spec.get("Name").and_then(Value::as_str).unwrap_or("without a name")
}

/// A timestamp in a form that sorts: the engine leaves out trailing zeros, and `Z` sorts after digits.
fn moment(timestamp: &str) -> &str {
    timestamp.strip_suffix('Z').unwrap_or(timestamp)
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn timestamps_sort_by_time() {
        let in_order = [
            "2026-01-01T00:00:01Z",
            "2026-01-01T00:00:01.5Z",
            "2026-01-01T00:00:01.51Z",
            "2026-01-01T00:00:02Z",
        ];
        let mut sorted = in_order;
        sorted.sort_by_key(|timestamp| moment(timestamp));
        assert_eq!(sorted, in_order);
    }
}
