//! A service, in the order of docker/cli's `types.ServiceConfig`.

use super::tree::{Fields, Tree, keyed, strings, values};
use crate::Condition;
use crate::model::{
    Build, CredentialSpec, DependsOn, Deploy, EnvFile, FileReference, Healthcheck, Limits, Logging, Mount,
    Placement, Port, Reservations, RestartPolicy, Service, ServiceNetwork, Ulimit, UpdateConfig,
};

#[allow(clippy::too_many_lines)] // One line for each key.
pub(super) fn service(service: &Service) -> Tree {
    let mut out = Fields::new();
    if let Some(build) = &service.build {
        out.set_unless_empty("build", print_build(build));
    }
    out.strings("cap_add", &service.cap_add);
    out.strings("cap_drop", &service.cap_drop);
    out.text("cgroupns_mode", &service.cgroupns_mode);
    out.text("cgroup_parent", &service.cgroup_parent);
    out.set_unless_empty("command", words(service.command.as_deref()));
    out.set_unless_empty("configs", references(&service.configs));
    out.text("container_name", &service.container_name);
    out.set_unless_empty("credential_spec", credential_spec(&service.credential_spec));
    if let Some(entries) = &service.depends_on {
        out.set_unless_empty("depends_on", depends_on(entries));
    }
    out.set_unless_empty("deploy", deploy(&service.deploy));
    out.strings("devices", &service.devices);
    out.set_unless_empty("dns", service.dns.as_ref().map_or(Tree::Null, strings));
    out.strings("dns_opt", &service.dns_opt);
    out.set_unless_empty("dns_search", service.dns_search.as_ref().map_or(Tree::Null, strings));
    out.text("domainname", &service.domainname);
    out.set_unless_empty("entrypoint", words(service.entrypoint.as_deref()));
    out.set_unless_empty("environment", values(&service.environment));
    out.set_unless_empty("env_file", Tree::List(service.env_file.iter().map(env_file).collect()));
    out.strings("expose", &service.expose);
    out.strings("external_links", &service.external_links);
    out.strings("extra_hosts", &service.extra_hosts);
    out.strings("group_add", &service.group_add);
    out.text("hostname", &service.hostname);
    out.set_if_some("healthcheck", service.healthcheck.as_ref().map(healthcheck));
    out.text("image", &service.image);
    out.set_if_some("init", service.init.as_ref().map(|init| Tree::Bool(init.value)));
    out.text("ipc", &service.ipc);
    out.text("isolation", &service.isolation);
    out.texts("labels", &service.labels);
    out.strings("links", &service.links);
    out.set_if_some("logging", service.logging.as_ref().map(logging));
    out.text("mac_address", &service.mac_address);
    out.text("network_mode", &service.network_mode);
    out.set_unless_empty(
        "networks",
        keyed(&service.networks, |settings| settings.value.as_ref().map_or(Tree::Null, network)),
    );
    out.text("pid", &service.pid);
    out.text("platform", &service.platform);
    out.set_unless_empty("ports", Tree::List(service.ports.iter().map(port).collect()));
    out.flag("privileged", &service.privileged);
    out.strings("profiles", &service.profiles);
    out.flag("read_only", &service.read_only);
    out.text("restart", &service.restart);
    out.set_unless_empty("secrets", references(&service.secrets));
    out.strings("security_opt", &service.security_opt);
    out.text("shm_size", &service.shm_size);
    out.flag("stdin_open", &service.stdin_open);
    out.duration("stop_grace_period", &service.stop_grace_period);
    out.text("stop_signal", &service.stop_signal);
    out.texts("sysctls", &service.sysctls);
    out.strings("tmpfs", &service.tmpfs);
    out.flag("tty", &service.tty);
    out.set_unless_empty("ulimits", keyed(&service.ulimits, ulimit));
    out.text("user", &service.user);
    out.text("userns_mode", &service.userns_mode);
    out.set_unless_empty("volumes", Tree::List(service.volumes.iter().map(mount).collect()));
    out.text("working_dir", &service.working_dir);
    out.extensions(&service.extensions);
    out.into_tree()
}

fn words(words: Option<&Vec<String>>) -> Tree {
    Tree::List(words.into_iter().flatten().map(|word| Tree::text(word)).collect())
}

fn print_build(build: &Build) -> Tree {
    let mut out = Fields::new();
    out.text("context", &build.context);
    out.text("dockerfile", &build.dockerfile);
    out.set_unless_empty("args", values(&build.args));
    out.texts("labels", &build.labels);
    out.strings("cache_from", &build.cache_from);
    out.strings("extra_hosts", &build.extra_hosts);
    out.text("network", &build.network);
    out.text("target", &build.target);
    out.into_tree()
}

/// A path; the long form if the file may be missing.
fn env_file(file: &EnvFile) -> Tree {
    if file.required {
        return Tree::text(&file.path);
    }
    let mut out = Fields::new();
    out.set("path", Tree::text(&file.path));
    out.set("required", Tree::Bool(false));
    out.into_tree()
}

fn references(references: &[FileReference]) -> Tree {
    let reference = |reference: &FileReference| {
        let mut out = Fields::new();
        out.set_unless_empty("source", Tree::text(&reference.source));
        out.text("target", &reference.target);
        out.text("uid", &reference.uid);
        out.text("gid", &reference.gid);
        out.set_if_some("mode", reference.mode.as_ref().map(|mode| Tree::Uint(mode.value.into())));
        out.into_tree()
    };
    Tree::List(references.iter().map(reference).collect())
}

fn credential_spec(spec: &CredentialSpec) -> Tree {
    let mut out = Fields::new();
    out.text("config", &spec.config);
    out.text("file", &spec.file);
    out.text("registry", &spec.registry);
    out.into_tree()
}

/// The short form, unless a condition says more.
fn depends_on(depends_on: &DependsOn) -> Tree {
    if depends_on.entries.iter().all(|entry| entry.condition == Condition::ServiceStarted) {
        return Tree::List(depends_on.entries.iter().map(|entry| Tree::text(&entry.service)).collect());
    }
    let mut map: Vec<(String, Tree)> = Vec::new();
    for entry in &depends_on.entries {
        let mut fields = Fields::new();
        fields.set("condition", Tree::text(entry.condition.as_str()));
        // Of two entries for one service the later one counts.
        map.retain(|(service, _)| *service != entry.service);
        map.push((entry.service.clone(), fields.into_tree()));
    }
    Tree::Map(map)
}

fn deploy(deploy: &Deploy) -> Tree {
    let mut out = Fields::new();
    out.text("mode", &deploy.mode);
    out.count("replicas", deploy.replicas.as_ref());
    out.texts("labels", &deploy.labels);
    out.set_if_some("update_config", deploy.update_config.as_ref().map(update_config));
    out.set_if_some("rollback_config", deploy.rollback_config.as_ref().map(update_config));
    let mut resources = Fields::new();
    resources.set_if_some("limits", deploy.resources.limits.as_ref().map(limits));
    resources.set_if_some("reservations", deploy.resources.reservations.as_ref().map(reservations));
    out.set_unless_empty("resources", resources.into_tree());
    out.set_if_some("restart_policy", deploy.restart_policy.as_ref().map(restart_policy));
    out.set_unless_empty("placement", placement(&deploy.placement));
    out.text("endpoint_mode", &deploy.endpoint_mode);
    out.into_tree()
}

fn update_config(config: &UpdateConfig) -> Tree {
    let mut out = Fields::new();
    out.count("parallelism", config.parallelism.as_ref());
    out.duration_unless_zero("delay", &config.delay);
    out.text("failure_action", &config.failure_action);
    out.duration_unless_zero("monitor", &config.monitor);
    let ratio = config.max_failure_ratio.as_ref();
    out.set_unless_empty("max_failure_ratio", ratio.map_or(Tree::Null, |ratio| Tree::Ratio(ratio.value)));
    out.text("order", &config.order);
    out.into_tree()
}

fn limits(limits: &Limits) -> Tree {
    let mut out = Fields::new();
    out.text("cpus", &limits.cpus);
    out.size("memory", limits.memory.as_deref().copied().unwrap_or_default());
    out.set_unless_empty("pids", Tree::Int(limits.pids.as_deref().copied().unwrap_or_default()));
    out.into_tree()
}

fn reservations(reservations: &Reservations) -> Tree {
    let mut out = Fields::new();
    out.text("cpus", &reservations.cpus);
    out.size("memory", reservations.memory.as_deref().copied().unwrap_or_default());
    let generic = reservations.generic_resources.iter().map(|resource| {
        let mut out = Fields::new();
        out.set_if_some(
            "discrete_resource_spec",
            resource.discrete.as_ref().map(|(kind, value)| {
                let mut spec = Fields::new();
                spec.set("kind", Tree::text(kind));
                spec.set("value", Tree::Int(*value));
                spec.into_tree()
            }),
        );
        out.into_tree()
    });
    out.set_unless_empty("generic_resources", Tree::List(generic.collect()));
    out.into_tree()
}

fn restart_policy(policy: &RestartPolicy) -> Tree {
    let mut out = Fields::new();
    out.text("condition", &policy.condition);
    out.duration("delay", &policy.delay);
    out.count("max_attempts", policy.max_attempts.as_ref());
    out.duration("window", &policy.window);
    out.into_tree()
}

fn placement(placement: &Placement) -> Tree {
    let mut out = Fields::new();
    out.strings("constraints", &placement.constraints);
    let preferences = placement.preferences.iter().map(|spread| {
        let mut out = Fields::new();
        out.set_unless_empty("spread", Tree::text(spread));
        out.into_tree()
    });
    out.set_unless_empty("preferences", Tree::List(preferences.collect()));
    let most = placement.max_replicas_per_node.as_deref().copied().unwrap_or_default();
    out.set_unless_empty("max_replicas_per_node", Tree::Uint(most));
    out.into_tree()
}

fn healthcheck(check: &Healthcheck) -> Tree {
    let mut out = Fields::new();
    out.strings("test", &check.test);
    out.duration("timeout", &check.timeout);
    out.duration("interval", &check.interval);
    out.count("retries", check.retries.as_ref());
    out.duration("start_period", &check.start_period);
    out.duration("start_interval", &check.start_interval);
    out.flag("disable", &check.disable);
    out.into_tree()
}

fn logging(logging: &Logging) -> Tree {
    let mut out = Fields::new();
    out.text("driver", &logging.driver);
    out.texts("options", &logging.options);
    out.into_tree()
}

fn network(network: &ServiceNetwork) -> Tree {
    let mut out = Fields::new();
    out.strings("aliases", &network.aliases);
    out.texts("driver_opts", &network.driver_opts);
    out.text("ipv4_address", &network.ipv4_address);
    out.text("ipv6_address", &network.ipv6_address);
    out.into_tree()
}

fn port(port: &Port) -> Tree {
    let mut out = Fields::new();
    out.set_unless_empty("mode", Tree::text(&port.mode));
    out.set_unless_empty("target", Tree::Uint(port.target.into()));
    out.set_unless_empty("published", Tree::Uint(port.published.into()));
    out.set_unless_empty("protocol", Tree::text(&port.protocol));
    out.into_tree()
}

fn ulimit(ulimit: &Ulimit) -> Tree {
    if ulimit.single != 0 {
        return Tree::Int(ulimit.single);
    }
    let mut out = Fields::new();
    out.set_unless_empty("soft", Tree::Int(ulimit.soft));
    out.set_unless_empty("hard", Tree::Int(ulimit.hard));
    out.into_tree()
}

fn mount(mount: &Mount) -> Tree {
    let mut out = Fields::new();
    out.set_unless_empty("type", Tree::text(&mount.kind_text));
    out.set_unless_empty("source", Tree::text(&mount.source));
    out.set_unless_empty("target", Tree::text(&mount.target));
    out.set_unless_empty("read_only", Tree::Bool(mount.read_only));
    out.set_unless_empty("consistency", Tree::text(&mount.consistency));
    let inside = |fill: &dyn Fn(&mut Fields)| {
        let mut out = Fields::new();
        fill(&mut out);
        out.into_tree()
    };
    out.set_if_some(
        "bind",
        mount
            .bind
            .as_ref()
            .map(|propagation| inside(&|out| out.set_unless_empty("propagation", Tree::text(propagation)))),
    );
    out.set_if_some(
        "volume",
        mount.volume.as_ref().map(|(nocopy, subpath)| {
            inside(&|out| {
                out.set_unless_empty("nocopy", Tree::Bool(*nocopy));
                out.set_unless_empty("subpath", Tree::text(subpath));
            })
        }),
    );
    out.set_if_some(
        "tmpfs",
        mount.tmpfs.map(|size| inside(&|out| out.set_unless_empty("size", Tree::Int(size)))),
    );
    out.into_tree()
}
