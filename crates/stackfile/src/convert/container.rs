//! The container of a service's tasks.

use std::collections::BTreeSet;

use diagnostics::Diagnostic;
use serde_json::Value;

use super::Converter;
use super::body::{Body, strings, texts};
use crate::model::{Healthcheck, Located, Service, Strings, Text};

impl Converter<'_> {
    /// `ContainerSpec`, with the image as the engine gets it.
    pub(super) fn container(&mut self, service: &Service, image: &str) -> Value {
        let text = |text: &Text| text.as_deref().cloned().unwrap_or_default();
        let words = |words: &Option<Located<Vec<String>>>| words.as_deref().cloned().unwrap_or_default();
        let flag = |flag: &Option<Located<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let (cap_add, cap_drop) = capabilities(&service.cap_add, &service.cap_drop);
        Body::new()
            .set_unless_empty("Image", image)
            .set("Labels", self.labels(&service.labels))
            .set_unless_empty("Command", words(&service.entrypoint))
            .set_unless_empty("Args", words(&service.command))
            .set_unless_empty("Hostname", text(&service.hostname))
            .set_unless_empty("Env", environment(service))
            .set_unless_empty("Dir", text(&service.working_dir))
            .set_unless_empty("User", text(&service.user))
            .set_unless_empty("Groups", strings(&service.group_add))
            .set("Privileges", self.privileges(service))
            .set_if_some("Init", service.init.as_deref().copied())
            .set_unless_empty("StopSignal", text(&service.stop_signal))
            .set_unless_empty("TTY", flag(&service.tty))
            .set_unless_empty("OpenStdin", flag(&service.stdin_open))
            .set_unless_empty("ReadOnly", flag(&service.read_only))
            .set_unless_empty("Mounts", self.mounts(service))
            .set_if_some("StopGracePeriod", service.stop_grace_period.as_deref().copied())
            .set_if_some(
                "Healthcheck",
                service.healthcheck.as_ref().and_then(|check| self.healthcheck(check)),
            )
            .set_unless_empty("Hosts", hosts(&service.extra_hosts))
            .set_if_some("DNSConfig", dns(service))
            .set_unless_empty("Secrets", self.secret_references(service))
            .set_unless_empty("Configs", self.config_references(service))
            .set_unless_empty("Isolation", text(&service.isolation))
            .set_unless_empty("Sysctls", texts(&service.sysctls))
            .set_unless_empty("CapabilityAdd", cap_add)
            .set_unless_empty("CapabilityDrop", cap_drop)
            .set_unless_empty("Ulimits", ulimits(service))
            .into()
    }

    fn healthcheck(&mut self, check: &Healthcheck) -> Option<Value> {
        if check.disable.as_ref().is_some_and(|disable| disable.value) {
            if let Some(test) = check.test.first() {
                self.report.error(
                    Diagnostic::error("stack-file/conflict", "a healthcheck with a test cannot be disabled")
                        .at(test.place.clone())
                        .help("remove `test`, or remove `disable`"),
                );
                return None;
            }
            return Some(Body::new().set("Test", vec!["NONE"]).into());
        }
        let duration = |duration: &Option<Located<i64>>| duration.as_deref().copied().unwrap_or_default();
        let body = Body::new()
            .set_unless_empty("Test", strings(&check.test))
            .set_unless_empty("Interval", duration(&check.interval))
            .set_unless_empty("Timeout", duration(&check.timeout))
            .set_unless_empty("StartPeriod", duration(&check.start_period))
            .set_unless_empty("StartInterval", duration(&check.start_interval))
            .set_unless_empty("Retries", check.retries.as_deref().copied().unwrap_or_default());
        Some(body.into())
    }
}

/// `NAME=value`, sorted; a name without a value stands alone.
fn environment(service: &Service) -> Value {
    let mut list: Vec<String> = service
        .environment
        .iter()
        .map(|(name, value)| match &value.value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        })
        .collect();
    list.sort();
    list.into()
}

/// `host:address` as Swarm wants it: `address host`.
fn hosts(hosts: &Strings) -> Value {
    let entries = hosts.iter().filter_map(|entry| entry.split_once(':'));
    entries.map(|(host, address)| format!("{address} {host}")).collect()
}

fn dns(service: &Service) -> Option<Value> {
    if service.dns.is_none() && service.dns_search.is_none() && service.dns_opt.is_empty() {
        return None;
    }
    let list = |list: &Option<Strings>| list.as_ref().map(strings).unwrap_or_default();
    let body = Body::new()
        .set_unless_empty("Nameservers", list(&service.dns))
        .set_unless_empty("Search", list(&service.dns_search))
        .set_unless_empty("Options", strings(&service.dns_opt));
    Some(body.into())
}

/// Capabilities in upper case with `CAP_`, sorted; `ALL` stands for every other, and what is added is not
/// dropped (docker/cli, `opts.EffectiveCapAddCapDrop`).
fn capabilities(add: &Strings, drop: &Strings) -> (Vec<String>, Vec<String>) {
    let normalise = |list: &Strings| -> BTreeSet<String> {
        let all: BTreeSet<String> = list.iter().map(|name| capability(name)).collect();
        if all.contains("ALL") { BTreeSet::from(["ALL".to_owned()]) } else { all }
    };
    let (add, drop) = (normalise(add), normalise(drop));
    let effective = |name: &&String| *name != "RESET";
    let dropped = drop.iter().filter(|name| !add.contains(*name)).filter(effective).cloned().collect();
    (add.iter().filter(effective).cloned().collect(), dropped)
}

fn capability(name: &str) -> String {
    let name = name.trim().to_uppercase();
    if name == "ALL" || name == "RESET" || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
}

fn ulimits(service: &Service) -> Value {
    let body = |(name, ulimit): (&String, &crate::model::Ulimit)| {
        let (hard, soft) = match ulimit.single {
            0 => (ulimit.hard, ulimit.soft),
            single => (single, single),
        };
        Value::from(Body::new().set("Name", name.as_str()).set("Hard", hard).set("Soft", soft))
    };
    service.ulimits.iter().map(body).collect()
}
