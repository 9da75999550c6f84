//! Lists whose entries have an identity: ports, mounts, secrets and configs.

use std::collections::BTreeMap;

use super::rules::kept;
use crate::model::{FileReference, Mount, Port};
use crate::report::Report;

/// Ports: an entry replaces those with the same published port and protocol, or, if none is published, with the
/// same target and protocol. Sorted by published port.
pub(super) fn ports(base: &mut Vec<Port>, over: Vec<Port>, report: &mut Report) {
    if base.is_empty() {
        *base = over;
        return;
    }
    let identity = |port: &Port| {
        let target = if port.published == 0 { port.target } else { 0 };
        (port.published, target, port.protocol.to_lowercase())
    };
    base.retain(|port| over.iter().all(|other| identity(other) != identity(port)));
    base.extend(over);
    base.sort_by_key(|port| port.published);
    for pair in base.windows(2) {
        if pair[0].published == pair[1].published {
            kept(
                report,
                "both of these ports are published, docker stack deploy loses one",
                &pair[1].place,
                &pair[0].place,
            );
        }
    }
}

/// Secrets or configs: the entries of a later file replace those with the same source. Sorted by source.
pub(super) fn references(base: &mut Vec<FileReference>, over: Vec<FileReference>, report: &mut Report) {
    if base.is_empty() {
        *base = over;
        return;
    }
    base.retain(|entry| over.iter().all(|other| other.source.value != entry.source.value));
    base.extend(over);
    base.sort_by(|a, b| a.source.value.cmp(&b.source.value));
    for pair in base.windows(2) {
        if pair[0].source.value == pair[1].source.value {
            kept(
                report,
                "both of these are mounted, docker stack deploy loses one",
                &pair[1].source.place,
                &pair[0].source.place,
            );
        }
    }
}

/// Mounts: the last entry for a target wins. Sorted by target.
pub(super) fn mounts(base: &mut Vec<Mount>, over: Vec<Mount>) {
    if base.is_empty() {
        *base = over;
        return;
    }
    let mut by_target = BTreeMap::new();
    for mount in base.drain(..).chain(over) {
        by_target.insert(mount.target.clone(), mount);
    }
    base.extend(by_target.into_values());
}
