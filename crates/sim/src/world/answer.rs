//! The engine's answers, as the JSON that a real one sends.

use std::sync::Arc;

use engine::{FileKind, Filter, TaskFilter, TaskState};
use serde_json::{Value, json};

use super::record::{File, Meta, Service, Task, list, text};
use super::{World, typed};
use crate::behaviour::without_digest;
use crate::clock::timestamp;
use crate::refusal::Refusal;
use crate::rng::Rng;

impl World {
    pub(crate) fn info(&self) -> Value {
        let node = &self.nodes[0];
        json!({
            "Name": node.hostname,
            "ServerVersion": "20.10.24",
            "SystemTime": timestamp(self.now),
            "Swarm": {
                "NodeID": node.id,
                "LocalNodeState": "active",
                "ControlAvailable": true,
                "Error": "",
                "Nodes": self.nodes.len(),
                "Managers": self.nodes.iter().filter(|node| node.manager).count(),
                "Cluster": { "ID": "simulated" },
            },
        })
    }

    pub(crate) fn node_list(&self) -> Value {
        self.nodes.iter().map(super::Node::answer).collect()
    }

    /// One node by its id or name.
    pub(crate) fn node(&self, id_or_name: &str) -> Result<Value, Refusal> {
        let mut nodes = self.nodes.iter();
        let found = nodes.find(|node| node.id == id_or_name || node.hostname == id_or_name);
        Ok(found.ok_or_else(|| Refusal::not_found("node", id_or_name))?.answer())
    }

    /// The digest that the registry has for an image.
    pub(crate) fn digest_of(image: &str) -> String {
        format!("sha256:{}", Rng::fork(0, without_digest(image)).hex(64))
    }

    pub(crate) fn service_list(&self, filter: &Filter) -> Value {
        let services = self.listed(filter);
        services.into_iter().map(|service| self.service_answer(service, true)).collect()
    }

    pub(crate) fn service(&self, id_or_name: &str) -> Result<Value, Refusal> {
        let service =
            self.find_service(id_or_name).ok_or_else(|| Refusal::not_found("service", id_or_name))?;
        Ok(self.service_answer(service, false))
    }

    /// The same as the engine crate reads it.
    pub(crate) fn service_typed(&self, id_or_name: &str) -> Result<engine::Service, Refusal> {
        let service =
            self.find_service(id_or_name).ok_or_else(|| Refusal::not_found("service", id_or_name))?;
        Ok(self.typed_service(service))
    }

    /// The list as the engine crate reads it.
    pub(crate) fn services_typed(&self, filter: &Filter) -> Vec<engine::Service> {
        self.listed(filter).into_iter().map(|service| self.typed_service(service)).collect()
    }

    /// The services that pass a filter, in the order of their names.
    fn listed(&self, filter: &Filter) -> Vec<&Service> {
        let passes = |service: &&Service| {
            filter.admits_name(service.name()) && Self::has_labels(&service.spec, &filter.labels)
        };
        let mut services: Vec<&Service> = self.services.values().filter(passes).collect();
        services.sort_by_key(|service| service.name());
        services
    }

    pub(super) fn service_status(&self, id: &str) -> Value {
        let count = |state: TaskState| self.tasks_of(id).filter(|(_, task)| task.state == state).count();
        let desired = self.tasks_of(id).filter(|(_, task)| task.desired == TaskState::Running).count();
        json!({
            "RunningTasks": count(TaskState::Running),
            "DesiredTasks": desired,
            "CompletedTasks": count(TaskState::Complete),
        })
    }

    pub(super) fn service_answer(&self, service: &Service, with_status: bool) -> Value {
        let mut answer = head(&service.id, &service.meta);
        answer["Spec"] = Value::clone(&service.spec);
        if let Some(previous) = &service.previous {
            answer["PreviousSpec"] = Value::clone(&previous.spec);
        }
        answer["Endpoint"] =
            json!({ "Spec": service.spec.get("EndpointSpec").cloned().unwrap_or_else(|| json!({})) });
        if !service.virtual_addresses.is_empty() {
            answer["Endpoint"]["VirtualIPs"] = json!(*service.virtual_addresses);
        }
        if let Some(update) = &service.update {
            answer["UpdateStatus"] = json!({ "State": update.state, "StartedAt": timestamp(update.started) });
            if let Some(completed) = update.completed {
                answer["UpdateStatus"]["CompletedAt"] = json!(timestamp(completed));
            }
            answer["UpdateStatus"]["Message"] = json!(update.message);
        }
        if service.mode().is_job() {
            answer["JobStatus"] = json!({ "JobIteration": { "Index": service.iteration } });
        }
        if with_status {
            answer["ServiceStatus"] = self.service_status(&service.id);
        }
        answer
    }

    pub(crate) fn task_list(&self, filter: &TaskFilter) -> Result<Value, Refusal> {
        if filter.attachments {
            return Ok(self.attachment_list(filter));
        }
        Ok(self
            .wanted_tasks(filter)?
            .into_iter()
            .filter_map(|key| self.tasks.get(&key))
            .map(task_answer)
            .collect())
    }

    /// The same as the engine crate reads them.
    pub(crate) fn tasks_typed(&self, filter: &TaskFilter) -> Result<Vec<engine::Task>, Refusal> {
        if filter.attachments {
            return serde_json::from_value(self.attachment_list(filter))
                .map_err(|error| Refusal::new(500, error.to_string()));
        }
        let wanted = self.wanted_tasks(filter)?;
        Ok(wanted.into_iter().filter_map(|key| self.tasks.get(&key)).map(typed::task).collect())
    }

    fn wanted_tasks(&self, filter: &TaskFilter) -> Result<Vec<u64>, Refusal> {
        let mut services = Vec::new();
        for service in &filter.services {
            let found = self.find_service(service).ok_or_else(|| Refusal::not_found("service", service))?;
            services.push(found.id.as_str());
        }
        let wanted = |task: &Task| {
            let label = |key: &str| task.made_from.get("Labels")?.get(key)?.as_str();
            (services.is_empty() || services.contains(&task.service.as_str()))
                && filter.labels.iter().all(|(key, value)| label(key) == Some(value))
                && (filter.desired_states.is_empty() || filter.desired_states.contains(&task.desired))
        };
        if let [service] = services[..] {
            return Ok(self.tasks_of(service).filter(|(_, task)| wanted(task)).map(|(key, _)| key).collect());
        }
        Ok(self.tasks.iter().filter(|(_, task)| wanted(task)).map(|(key, _)| *key).collect())
    }

    pub(crate) fn network_list(&self, filter: &Filter) -> Value {
        let networks = self.networks.values().filter(|network| {
            filter.admits_name(&network.name) && Self::has_labels(&network.body, &filter.labels)
        });
        networks.map(|network| Value::clone(&network.body)).collect()
    }

    /// The same as the engine crate reads them.
    pub(crate) fn networks_typed(&self, filter: &Filter) -> Vec<engine::Network> {
        let networks = self.networks.values().filter(|network| {
            filter.admits_name(&network.name) && Self::has_labels(&network.body, &filter.labels)
        });
        networks.map(|network| engine::Network { raw: Arc::clone(&network.body) }).collect()
    }

    pub(crate) fn network(&self, id_or_name: &str) -> Result<Value, Refusal> {
        let network =
            self.find_network(id_or_name).ok_or_else(|| Refusal::not_found("network", id_or_name))?;
        let mut body = Value::clone(&network.body);
        body["Containers"] = self.containers_in(&network.id);
        Ok(body)
    }

    pub(crate) fn file_list(&self, kind: FileKind, filter: &Filter) -> Value {
        self.listed_files(kind, filter).into_iter().map(file_answer).collect()
    }

    /// The same as the engine crate reads them.
    pub(crate) fn files_typed(&self, kind: FileKind, filter: &Filter) -> Vec<engine::FileObject> {
        self.listed_files(kind, filter).into_iter().map(typed::file).collect()
    }

    fn listed_files(&self, kind: FileKind, filter: &Filter) -> Vec<&File> {
        let mut files: Vec<&File> = self
            .files(kind)
            .filter(|file| filter.admits_name(file.name()) && Self::has_labels(&file.spec, &filter.labels))
            .collect();
        files.sort_by_key(|file| file.name());
        files
    }

    pub(crate) fn file(&self, kind: FileKind, id_or_name: &str) -> Result<Value, Refusal> {
        let file =
            self.find_file(kind, id_or_name).ok_or_else(|| Refusal::not_found(kind.as_str(), id_or_name))?;
        Ok(file_answer(file))
    }

    /// The same as the engine crate reads it.
    pub(crate) fn file_typed(&self, kind: FileKind, id_or_name: &str) -> Result<engine::FileObject, Refusal> {
        let file =
            self.find_file(kind, id_or_name).ok_or_else(|| Refusal::not_found(kind.as_str(), id_or_name))?;
        Ok(typed::file(file))
    }

    /// What the healthcheck of a container of the first node said.
    pub(crate) fn health(&self, container: &str) -> Result<Value, Refusal> {
        let here = |task: &&Task| {
            task.node.as_ref() == Some(&self.nodes[0].id) && task.container.as_deref() == Some(container)
        };
        let task =
            self.tasks.values().find(here).ok_or_else(|| Refusal::not_found("container", container))?;
        let Some(said) = &task.behaviour.health_says else {
            return Err(Refusal::not_found("healthcheck of container", container));
        };
        Ok(json!({ "Status": "unhealthy", "FailingStreak": 1, "Log": [{ "ExitCode": 1, "Output": said }] }))
    }

    /// The containers of the first node.
    pub(crate) fn container_list(&self, labels: &[(String, String)], all: bool) -> Value {
        let here = |task: &&Task| task.node.as_ref() == Some(&self.nodes[0].id) && task.container.is_some();
        let containers = self.tasks.values().filter(here).map(container_answer);
        let wanted = |container: &Value| {
            (all || container["State"] == "running")
                && labels.iter().all(|(key, value)| container["Labels"][key.as_str()] == value.as_str())
        };
        containers.filter(wanted).collect()
    }
}

fn head(id: &str, meta: &Meta) -> Value {
    json!({
        "ID": id,
        "Version": { "Index": meta.version },
        "CreatedAt": timestamp(meta.created),
        "UpdatedAt": timestamp(meta.updated),
    })
}

pub(super) fn file_answer(file: &File) -> Value {
    let mut answer = head(&file.id, &file.meta);
    answer["Spec"] = Value::clone(&file.spec);
    answer
}

pub(super) fn task_answer(task: &Task) -> Value {
    let mut answer = head(&task.id, &task.meta);
    let mut status = json!({ "Timestamp": timestamp(task.status_at), "State": task.state.as_str(), "Message": task.message });
    if !task.err.is_empty() {
        status["Err"] = json!(task.err);
    }
    if let Some(container) = &task.container {
        let code = task.exit_code.unwrap_or(0);
        status["ContainerStatus"] = json!({ "ContainerID": container, "PID": 0, "ExitCode": code });
    }
    answer["Labels"] = json!({});
    answer["Spec"] = Value::clone(&task.shown);
    answer["ServiceID"] = json!(task.service);
    if task.slot.number > 0 && task.iteration.is_none() {
        answer["Slot"] = json!(task.slot.number);
    }
    if let Some(node) = &task.node {
        answer["NodeID"] = json!(node);
    }
    answer["Status"] = status;
    answer["DesiredState"] = json!(task.desired.as_str());
    if let Some(iteration) = task.iteration {
        answer["JobIteration"] = json!({ "Index": iteration });
    }
    answer
}

fn container_answer(task: &Task) -> Value {
    let running = matches!(task.state, TaskState::Starting | TaskState::Running);
    let mut labels = task.template().pointer("/ContainerSpec/Labels").cloned().unwrap_or_else(|| json!({}));
    labels["com.docker.swarm.service.id"] = json!(task.service);
    labels["com.docker.swarm.service.name"] = json!(task.service_name);
    labels["com.docker.swarm.task.id"] = json!(task.id);
    let networks: Vec<&str> =
        list(task.template(), "/Networks").map(|network| text(network, "/Target")).collect();
    json!({
        "Id": task.container,
        "Names": [format!("/{}.{}.{}", task.service_name, task.slot.number, task.id)],
        "Image": task.image(),
        "State": if running { "running" } else { "exited" },
        "Status": if running { "Up" } else { "Exited" },
        "Labels": labels,
        "NetworkIDs": networks,
    })
}
