//! Who uses a stack's networks from outside it: services, and containers that belong to none. Reads only.
//!
//! Both are seen on every node: services by their specs, and containers by the tasks with which the managers attach them to
//! networks. A container's name is known only on the engine's own node.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Api, Error as EngineError, Filter, Task, TaskFilter};
use serde::Serialize;
use serde_json::Value;

use crate::networks::NAMESPACE_LABEL;

/// Something outside a stack that uses one of its networks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NetworkUser {
    /// The network's full name.
    pub network: String,
    /// What uses it, in words, with its node if it is a container.
    pub user: String,
}

impl std::fmt::Display for NetworkUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} uses network `{}`", self.user, self.network)
    }
}

/// All that use one of these networks (ids and names) and are not the stack's own.
pub(crate) async fn find<A: Api>(
    api: &A,
    stack: &str,
    networks: &BTreeMap<String, String>,
) -> Result<Vec<NetworkUser>, EngineError> {
    if networks.is_empty() {
        return Ok(Vec::new());
    }
    let everything = Filter::all();
    let (services, attachments) = tokio::try_join!(api.services(&everything), attachments(api, networks))?;
    let mut users = Vec::new();
    for service in services.iter().filter(|service| service.label(NAMESPACE_LABEL) != Some(stack)) {
        for name in service.networks().filter_map(|id| networks.get(id)) {
            users.push(NetworkUser { network: name.clone(), user: format!("service `{}`", service.name()) });
        }
    }
    users.extend(containers(api, networks, &attachments).await?);
    users.sort();
    users.dedup();
    Ok(users)
}

async fn attachments<A: Api>(api: &A, networks: &BTreeMap<String, String>) -> Result<Vec<Task>, EngineError> {
    let mut attachments = api.tasks(&TaskFilter::attachments()).await?;
    attachments.retain(|task| {
        !task.status.state.is_final()
            && task.is_wanted()
            && task.networks().any(|id| networks.contains_key(id))
    });
    Ok(attachments)
}

async fn containers<A: Api>(
    api: &A,
    networks: &BTreeMap<String, String>,
    attachments: &[Task],
) -> Result<Vec<NetworkUser>, EngineError> {
    if attachments.is_empty() {
        return Ok(Vec::new());
    }
    let nodes = api.nodes().await?;
    let mut users = Vec::new();
    for (id, name) in networks {
        let mut here: Option<Arc<Value>> = None;
        for task in attachments.iter().filter(|task| task.networks().any(|target| target == id)) {
            if here.is_none() {
                here = Some(api.network(id).await?.map(|network| network.raw).unwrap_or_default());
            }
            let container = task.attached_container().unwrap_or_default();
            let known =
                here.as_ref().and_then(|raw| raw.get("Containers")?.get(container)?.get("Name")?.as_str());
            let short = container.get(..12).unwrap_or(container);
            let node = nodes.iter().find(|node| Some(&node.id) == task.node_id.as_ref());
            let node = node.map_or("a node that is gone", |node| node.hostname());
            let user = format!("container `{}` on node `{node}`", known.unwrap_or(short));
            users.push(NetworkUser { network: name.clone(), user });
        }
    }
    Ok(users)
}
