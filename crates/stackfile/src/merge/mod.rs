//! Several files as one stack, as the official client merges them (docker/cli, `loader/merge.go`), except where
//! that loses what a file says: there the data is kept, and a warning shows both places. These are all of them:
//!
//! - zero values (`false`, `""`, `0s`, a variable without a value) override like any other value;
//! - ports are told apart by protocol, and by target where none is published;
//! - one file may mount a secret or config twice;
//! - logging options survive where the base has none;
//! - `driver_opts` of a service's network survive;
//! - top-level `x-` keys of later files survive.

mod lists;
mod rules;
mod service;
pub(crate) mod tags;

pub(crate) use service::merge as merge_service;

use crate::model::{Extension, Keyed, Stack};
use crate::report::Report;
use crate::yaml::{Node, Value};

/// Lays one stack over another.
pub(crate) fn merge(base: &mut Stack, over: Stack, report: &mut Report) {
    for (name, service) in over.services {
        match base.services.remove(&name) {
            Some(mut under) => {
                service::merge(&mut under, service, report);
                base.services.insert(name, under);
            }
            None => {
                base.services.insert(name, service);
            }
        }
    }
    base.networks.extend(over.networks);
    base.volumes.extend(over.volumes);
    base.secrets.extend(over.secrets);
    base.configs.extend(over.configs);
    extensions(&mut base.extensions, over.extensions);
    base.name = over.name.or(base.name.take());
}

/// `x-` keys: mappings are merged, lists appended, everything else replaced.
fn extensions(base: &mut Keyed<Extension>, over: Keyed<Extension>) {
    for (key, extension) in over {
        match base.get_mut(&key) {
            Some(under) => merge_nodes(&mut under.node, extension.node),
            None => {
                base.insert(key, extension);
            }
        }
    }
}

fn merge_nodes(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Value::Map(base), Value::Map(over)) => {
            for (key, entry) in over {
                match base.get_mut(&key) {
                    Some(under) => merge_nodes(&mut under.node, entry.node),
                    None => {
                        base.insert(key, entry);
                    }
                }
            }
        }
        (Value::List(base), Value::List(over)) => base.extend(over),
        (_, value) => *base = Node::new(value, over.place),
    }
}
