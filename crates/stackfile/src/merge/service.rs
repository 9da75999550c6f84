//! One service over another.

use diagnostics::Diagnostic;

use super::rules::{both, environment, kept, replace, replace_even_zero, texts};
use super::{extensions, lists};
use crate::model::{
    Build, DependsOn, Deploy, Healthcheck, Keyed, Located, Logging, Service, ServiceNetwork, Strings,
    UpdateConfig,
};
use crate::report::Report;

/// Applies `replace` to some fields.
macro_rules! replace_each {
    ($base:expr, $over:expr, $report:expr, [$($field:ident),* $(,)?]) => {
        $(replace(&mut $base.$field, $over.$field, $report);)*
    };
}

/// Appends some fields.
macro_rules! append_each {
    ($base:expr, $over:expr, [$($field:ident),* $(,)?]) => {
        $(append(&mut $base.$field, $over.$field);)*
    };
}

/// Lays a service of a later file over one of an earlier file.
pub(crate) fn merge(base: &mut Service, over: Service, report: &mut Report) {
    replace_each!(
        base,
        over,
        report,
        [
            cgroupns_mode,
            cgroup_parent,
            container_name,
            domainname,
            hostname,
            image,
            init,
            ipc,
            isolation,
            mac_address,
            network_mode,
            pid,
            platform,
            privileged,
            read_only,
            restart,
            shm_size,
            stdin_open,
            stop_grace_period,
            stop_signal,
            tty,
            user,
            userns_mode,
            working_dir,
        ]
    );
    append_each!(
        base,
        over,
        [
            cap_add,
            cap_drop,
            devices,
            dns_opt,
            expose,
            external_links,
            extra_hosts,
            group_add,
            links,
            profiles,
            security_opt,
            tmpfs,
        ]
    );
    texts(&mut base.labels, over.labels);
    texts(&mut base.sysctls, over.sysctls);
    texts(&mut base.ulimits, over.ulimits);
    command(&mut base.command, over.command, report);
    command(&mut base.entrypoint, over.entrypoint, report);
    both(&mut base.dns, over.dns, append);
    both(&mut base.dns_search, over.dns_search, append);
    both(&mut base.build, over.build, |base, over| build(base, over, report));
    both(&mut base.logging, over.logging, |base, over| logging(base, over, report));
    both(&mut base.healthcheck, over.healthcheck, |base, over| healthcheck(base, over, report));
    both(&mut base.depends_on, over.depends_on, depends_on);
    replace_each!(base.credential_spec, over.credential_spec, report, [config, file, registry]);
    environment(&mut base.environment, over.environment, report);
    base.env_file.extend(over.env_file);
    networks(&mut base.networks, over.networks, report);
    lists::ports(&mut base.ports, over.ports, report);
    lists::references(&mut base.secrets, over.secrets, report);
    lists::references(&mut base.configs, over.configs, report);
    lists::mounts(&mut base.volumes, over.volumes);
    deploy(&mut base.deploy, over.deploy, report);
    extensions(&mut base.extensions, over.extensions);
    replace_even_zero(&mut base.extends, over.extends);
}

fn append(base: &mut Strings, over: Strings) {
    base.extend(over);
}

/// `command` and `entrypoint`: replaced, but not by an empty one.
fn command(base: &mut Option<Located<Vec<String>>>, over: Option<Located<Vec<String>>>, report: &mut Report) {
    let Some(over) = over else { return };
    match base {
        Some(under) if over.is_empty() && !under.is_empty() => report.warn(
            Diagnostic::warning("stack-file/merge", "an empty command does not replace the earlier one")
                .at(over.place)
                .related(under.place.clone(), "this one stays")
                .help("remove the earlier one, or write the command that is to run"),
        ),
        _ => *base = Some(over),
    }
}

fn build(base: &mut Build, over: Build, report: &mut Report) {
    replace_each!(base, over, report, [context, dockerfile, network, target]);
    append_each!(base, over, [cache_from, extra_hosts]);
    texts(&mut base.labels, over.labels);
    environment(&mut base.args, over.args, report);
}

/// Options are merged if the driver is the same or one side does not name it.
fn logging(base: &mut Logging, over: Logging, report: &mut Report) {
    let driver = |logging: &Logging| logging.driver.as_deref().cloned().unwrap_or_default();
    let (under, above) = (driver(base), driver(&over));
    if under != above && !under.is_empty() && !above.is_empty() {
        *base = over;
        return;
    }
    if under.is_empty() {
        base.driver = over.driver;
    }
    if base.options.is_empty()
        && let Some(option) = over.options.values().next()
        && let Some(driver) = &base.driver
    {
        kept(
            report,
            "these logging options are used, docker stack deploy loses them",
            &option.place,
            &driver.place,
        );
    }
    texts(&mut base.options, over.options);
}

fn healthcheck(base: &mut Healthcheck, over: Healthcheck, report: &mut Report) {
    if let (Some(under), Some(above)) = (base.test.first(), over.test.first()) {
        report.warn(
            Diagnostic::warning("stack-file/merge", "this healthcheck test is appended to the earlier one")
                .at(above.place.clone())
                .related(under.place.clone(), "the earlier one")
                .help("give the test in one file only"),
        );
    }
    append(&mut base.test, over.test);
    replace_even_zero(&mut base.retries, over.retries);
    replace_each!(base, over, report, [timeout, interval, start_period, start_interval, disable]);
}

/// `depends_on`: appended; of two entries for one service, converting takes the later one.
fn depends_on(base: &mut DependsOn, over: DependsOn) {
    base.entries.extend(over.entries);
}

/// Networks: an entry with settings replaces the aliases; one without changes nothing.
fn networks(
    base: &mut Keyed<Located<Option<ServiceNetwork>>>,
    over: Keyed<Located<Option<ServiceNetwork>>>,
    report: &mut Report,
) {
    for (name, network) in over {
        let Some(under) = base.get_mut(&name) else {
            base.insert(name, network);
            continue;
        };
        let place = under.place.clone();
        both(&mut under.value, network.value, |base, over| {
            base.aliases = over.aliases;
            if let Some(option) = over.driver_opts.values().next() {
                kept(
                    report,
                    "these driver_opts are used, docker stack deploy loses them",
                    &option.place,
                    &place,
                );
            }
            texts(&mut base.driver_opts, over.driver_opts);
            replace_each!(base, over, report, [ipv4_address, ipv6_address]);
        });
    }
}

fn deploy(base: &mut Deploy, over: Deploy, report: &mut Report) {
    replace_each!(base, over, report, [mode, endpoint_mode]);
    replace_even_zero(&mut base.replicas, over.replicas);
    texts(&mut base.labels, over.labels);
    both(&mut base.update_config, over.update_config, |base, over| update_config(base, over, report));
    both(&mut base.rollback_config, over.rollback_config, |base, over| update_config(base, over, report));
    both(&mut base.resources.limits, over.resources.limits, |base, over| {
        replace_each!(base, over, report, [cpus, memory, pids]);
    });
    both(&mut base.resources.reservations, over.resources.reservations, |base, over| {
        replace_each!(base, over, report, [cpus, memory]);
        base.generic_resources.extend(over.generic_resources);
    });
    both(&mut base.restart_policy, over.restart_policy, |base, over| {
        replace_each!(base, over, report, [condition, delay, window]);
        replace_even_zero(&mut base.max_attempts, over.max_attempts);
    });
    append_each!(base.placement, over.placement, [constraints, preferences]);
    replace(&mut base.placement.max_replicas_per_node, over.placement.max_replicas_per_node, report);
}

fn update_config(base: &mut UpdateConfig, over: UpdateConfig, report: &mut Report) {
    replace_even_zero(&mut base.parallelism, over.parallelism);
    replace_each!(base, over, report, [delay, failure_action, monitor, max_failure_ratio, order]);
}
