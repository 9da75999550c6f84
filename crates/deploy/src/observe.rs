//! Reading what is live from an engine. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Api, Error, FileKind, FileObject, Filter, LocalNodeState, Network};

use crate::live::Live;
use crate::networks::{self, NAMESPACE_LABEL};
use crate::release::{self, Records, STACK_LABEL, Stored};
use crate::seal::SealKey;
use crate::spec::{self, SEAL_LABEL};

/// Refuses an engine that is not a manager of an active swarm. Returns the manager's clock (RFC 3339).
pub(crate) async fn require_manager<A: Api>(api: &A) -> Result<String, Error> {
    let info = api.info().await?;
    let what = "deploy a stack".to_owned();
    if info.local_node_state == LocalNodeState::Active && info.control_available {
        return Ok(info.system_time);
    }
    if info.local_node_state == LocalNodeState::Active {
        return Err(Error::NotManager { what });
    }
    let mut message = format!("its state is {}", info.local_node_state);
    if !info.swarm_error.is_empty() {
        message = format!("{message}: {}", info.swarm_error);
    }
    Err(Error::SwarmInactive { what, message })
}

/// Makes sure that the engine is a manager, and reads what a plan needs: together, because what `info` takes is a good part of
/// a deploy that finds nothing to do.
pub(crate) async fn first<A: Api>(
    api: &A,
    stack: &str,
    names: &[String],
    known: &Records,
) -> Result<Live, Error> {
    let (manager, live) = tokio::join!(require_manager(api), live(api, stack, names, known));
    manager?;
    live
}

/// Reads what a plan needs; `names` are configs to look for beside those of the stack.
///
/// `known` are records that have been opened before.
pub(crate) async fn live<A: Api>(
    api: &A,
    stack: &str,
    names: &[String],
    known: &Records,
) -> Result<Live, Error> {
    let all = Filter::all();
    let stack_filter = Filter::stack(stack);
    let records_filter = Filter::label(STACK_LABEL, stack);
    let (services, all_networks, secrets, configs, records) = tokio::try_join!(
        api.services(&stack_filter),
        api.networks(&all),
        api.file_objects(FileKind::Secret, &all),
        configs(api, stack, names),
        api.file_objects(FileKind::Config, &records_filter),
    )?;
    let before = services
        .iter()
        .filter_map(|service| Some((service.name().to_owned(), service.previous_spec.clone()?)));
    let before = before.collect();
    let services: BTreeMap<_, _> =
        services.into_iter().map(|service| (service.name().to_owned(), service.spec)).collect();
    let key = services.values().find_map(|spec| spec::label(spec, SEAL_LABEL)).and_then(SealKey::from_label);
    let mut releases = release::read(&records.iter().map(stored).collect::<Vec<_>>(), key.as_ref(), known);
    let mut former_networks = networks::names(&releases);
    former_networks.retain(|id, _| !all_networks.iter().any(|network| network.id() == id));
    networks::bring_up_to_date(&mut releases, &ids_by_name(&all_networks), &|id| {
        all_networks.iter().any(|network| network.id() == id)
    });
    let own = |network: &&Network| {
        network.scope() == "swarm" && network.labels().get(NAMESPACE_LABEL).copied() == Some(stack)
    };
    Ok(Live {
        services,
        before,
        own_networks: all_networks
            .iter()
            .filter(own)
            .map(|network| (network.id().to_owned(), networks::body_of(network)))
            .collect(),
        former_networks,
        networks: all_networks
            .iter()
            .map(|network| (network.id().to_owned(), network.name().to_owned()))
            .collect(),
        secrets,
        configs,
        other_content: BTreeSet::new(),
        releases,
        key,
    })
}

/// The ids of networks by name; a network of the swarm comes before one that only a node has.
fn ids_by_name(networks: &[Network]) -> BTreeMap<&str, &str> {
    let of = |swarm: bool| {
        let some = networks.iter().filter(move |network| (network.scope() == "swarm") == swarm);
        some.map(|network| (network.name(), network.id()))
    };
    of(false).chain(of(true)).collect()
}

async fn configs<A: Api>(api: &A, stack: &str, names: &[String]) -> Result<Vec<FileObject>, Error> {
    // Those of the stack, whatever their names: one may have been renamed, or be left over.
    let mut configs = api.file_objects(FileKind::Config, &Filter::stack(stack)).await?;
    if !names.is_empty() {
        let others = api.file_objects(FileKind::Config, &Filter::names(names.iter().cloned())).await?;
        for other in others {
            if !configs.iter().any(|config| config.id == other.id) {
                configs.push(other);
            }
        }
    }
    Ok(configs)
}

/// A config of Tidegate's as the records read it.
pub(crate) fn stored(config: &FileObject) -> Stored<'_> {
    Stored { id: &config.id, spec: &config.spec }
}
