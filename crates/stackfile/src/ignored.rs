//! Keys that Swarm cannot honour and that a deploy leaves aside, each with a warning.

use diagnostics::Diagnostic;

use crate::report::Report;
use crate::yaml::Node;

/// Keys of a service, with the reason. The first sixteen and the two after them are those that the official
/// client warns about (docker/cli, `types.UnsupportedProperties` and `types.DeprecatedProperties`); it drops
/// the rest, or refuses it, without a word.
const IGNORED: &[(&str, &str)] = &[
    ("build", "build and push the image before the deploy"),
    ("cgroupns_mode", "Swarm has no such setting"),
    ("cgroup_parent", "Swarm has no such setting"),
    ("devices", "Swarm cannot pass devices on"),
    ("domainname", "Swarm has no such setting"),
    ("external_links", "put both services into one network"),
    ("ipc", "Swarm has no such setting"),
    ("links", "services of one network reach each other by name"),
    ("mac_address", "Swarm has no such setting"),
    ("network_mode", "write `networks` with the external network `host`"),
    ("pid", "Swarm has no such setting"),
    ("privileged", "name what is needed in `cap_add`"),
    ("security_opt", "Swarm has no such setting"),
    ("shm_size", "mount a tmpfs at /dev/shm"),
    ("userns_mode", "Swarm has no such setting"),
    ("container_name", "Swarm names the tasks itself"),
    ("expose", "services of one network reach each other on every port"),
    ("annotations", "Swarm has no such setting"),
    ("attach", "a deploy shows no logs"),
    ("oom_score_adj", "the official client drops it as well"),
    ("pull_policy", "Swarm pulls an image that a node does not have"),
    ("tmpfs", "write it as a volume of `type: tmpfs`"),
];

/// Warns about them.
pub(crate) fn warn(root: &Node, report: &mut Report) {
    let services = root.get("services").and_then(Node::as_map).into_iter().flatten();
    for (name, service) in services {
        for (key, reason) in IGNORED {
            let Some(entry) = service.node.as_map().and_then(|map| map.get(*key)) else { continue };
            report.warn(
                Diagnostic::warning(
                    "stack-file/ignored",
                    format!("`{key}` of the service `{name}` is ignored"),
                )
                .at(entry.key.clone())
                .help(*reason),
            );
        }
        restart(name, &service.node, report);
    }
}

/// `restart` is honoured where `deploy.restart_policy` is absent.
fn restart(name: &str, service: &Node, report: &mut Report) {
    let Some(entry) = service.as_map().and_then(|map| map.get("restart")) else { return };
    let policy = service.get("deploy").and_then(|deploy| deploy.get("restart_policy")).is_some();
    let message = if policy {
        format!("`restart` of the service `{name}` is ignored: it has a `deploy.restart_policy`")
    } else {
        format!("`restart` of the service `{name}` stands in for `deploy.restart_policy`")
    };
    report.warn(
        Diagnostic::warning("stack-file/ignored", message)
            .at(entry.key.clone())
            .help("write `deploy.restart_policy` with `condition: any`, `on-failure` or `none`"),
    );
}
