//! A service.

use super::fields::{Fields, scalars};
use super::{Decoder, extensions};
use crate::model::{Build, CredentialSpec, Healthcheck, Keyed, Located, Logging, Service, Strings, Ulimit};
use crate::notation::shell;
use crate::yaml::{Entry, Node, Value};

impl Decoder<'_> {
    #[allow(clippy::too_many_lines)] // One line for each key.
    pub(super) fn service(&mut self, name: &str, entry: &Entry) -> Service {
        let fields = &Fields::of(&entry.node);
        let env_file = self.env_files(fields);
        Service {
            name: name.to_owned(),
            place: entry.key.clone(),
            build: fields.get("build").map(|node| self.build(node)),
            cap_add: self.strings(fields, "cap_add"),
            cap_drop: self.strings(fields, "cap_drop"),
            cgroupns_mode: self.text(fields, "cgroupns_mode"),
            cgroup_parent: self.text(fields, "cgroup_parent"),
            command: self.command(fields, "command"),
            configs: self.file_references(fields, "configs"),
            container_name: self.text(fields, "container_name"),
            credential_spec: self.credential_spec(fields),
            depends_on: self.depends_on(fields),
            deploy: self.deploy(fields),
            devices: scalars(fields, "devices"),
            dns: self.strings_if_given(fields, "dns"),
            dns_opt: self.strings(fields, "dns_opt"),
            dns_search: self.strings_if_given(fields, "dns_search"),
            domainname: self.text(fields, "domainname"),
            entrypoint: self.command(fields, "entrypoint"),
            environment: self.environment(fields, &env_file),
            env_file,
            expose: scalars(fields, "expose"),
            extends: self.extends(fields),
            external_links: self.strings(fields, "external_links"),
            extra_hosts: extra_hosts(fields),
            group_add: scalars(fields, "group_add"),
            hostname: self.text(fields, "hostname"),
            healthcheck: fields.get("healthcheck").map(|node| self.healthcheck(node)),
            image: self.text(fields, "image"),
            init: self.flag(fields, "init"),
            ipc: self.text(fields, "ipc"),
            isolation: self.text(fields, "isolation"),
            labels: self.texts(fields, "labels"),
            links: self.strings(fields, "links"),
            logging: fields.inside("logging").map(|fields| Logging {
                driver: self.text(&fields, "driver"),
                options: self.texts(&fields, "options"),
            }),
            mac_address: self.text(fields, "mac_address"),
            network_mode: self.text(fields, "network_mode"),
            networks: self.service_networks(fields),
            pid: self.text(fields, "pid"),
            platform: self.text(fields, "platform"),
            ports: self.ports(fields),
            privileged: self.flag(fields, "privileged"),
            profiles: self.strings(fields, "profiles"),
            read_only: self.flag(fields, "read_only"),
            restart: self.text(fields, "restart"),
            secrets: self.file_references(fields, "secrets"),
            security_opt: self.strings(fields, "security_opt"),
            shm_size: self.text(fields, "shm_size"),
            stdin_open: self.flag(fields, "stdin_open"),
            stop_grace_period: self.duration(fields, "stop_grace_period"),
            stop_signal: self.text(fields, "stop_signal"),
            sysctls: self.texts(fields, "sysctls"),
            tmpfs: self.strings(fields, "tmpfs"),
            tty: self.flag(fields, "tty"),
            ulimits: self.ulimits(fields),
            user: self.text(fields, "user"),
            userns_mode: self.text(fields, "userns_mode"),
            volumes: self.mounts(fields),
            working_dir: self.text(fields, "working_dir"),
            extensions: extensions(entry.node.as_map()),
        }
    }

    /// `command` or `entrypoint`: one string is split into words as a shell would.
    fn command(&mut self, fields: &Fields<'_>, key: &str) -> Option<Located<Vec<String>>> {
        let node = fields.get(key)?;
        let words = match node.as_str() {
            Some(text) => match shell::split(text) {
                Ok(words) => words,
                Err(message) => {
                    self.refuse(node, message, "close it, or write the command as a list");
                    return None;
                }
            },
            None => self.strings(fields, key).into_iter().map(|word| word.value).collect(),
        };
        Some(Located::new(words, node.place.clone()))
    }

    fn build(&mut self, node: &Node) -> Build {
        if node.as_str().is_some() {
            return Build { context: self.string(node), ..Build::default() };
        }
        let fields = &Fields::of(node);
        Build {
            context: self.text(fields, "context"),
            dockerfile: self.text(fields, "dockerfile"),
            args: self.values(fields, "args"),
            labels: self.texts(fields, "labels"),
            cache_from: self.strings(fields, "cache_from"),
            extra_hosts: extra_hosts(fields),
            network: self.text(fields, "network"),
            target: self.text(fields, "target"),
        }
    }

    fn credential_spec(&mut self, fields: &Fields<'_>) -> CredentialSpec {
        let Some(fields) = fields.inside("credential_spec") else { return CredentialSpec::default() };
        CredentialSpec {
            config: self.text(&fields, "config"),
            file: self.text(&fields, "file"),
            registry: self.text(&fields, "registry"),
        }
    }

    fn healthcheck(&mut self, node: &Node) -> Healthcheck {
        let fields = &Fields::of(node);
        let mut test = self.strings(fields, "test");
        if let Some(command) = fields.get("test").filter(|test| test.as_str().is_some()) {
            test.insert(0, Located::new("CMD-SHELL".into(), command.place.clone()));
        }
        Healthcheck {
            place: node.place.clone(),
            test,
            timeout: self.duration(fields, "timeout"),
            interval: self.duration(fields, "interval"),
            retries: self.count(fields, "retries"),
            start_period: self.duration(fields, "start_period"),
            start_interval: self.duration(fields, "start_interval"),
            disable: self.flag(fields, "disable"),
        }
    }

    fn ulimits(&mut self, fields: &Fields<'_>) -> Keyed<Ulimit> {
        let Some(map) = fields.get("ulimits").and_then(Node::as_map) else { return Keyed::new() };
        let mut out = Keyed::new();
        for (name, entry) in map {
            let place = entry.key.clone();
            let ulimit = match &entry.node.value {
                Value::Int(single) => Ulimit { place, single: *single, soft: 0, hard: 0 },
                Value::Map(_) => {
                    let fields = Fields::of(&entry.node);
                    let (soft, hard) = (self.int(&fields, "soft"), self.int(&fields, "hard"));
                    let number =
                        |value: Option<Located<i64>>| value.map(|value| value.value).unwrap_or_default();
                    Ulimit { place, single: 0, soft: number(soft), hard: number(hard) }
                }
                _ => {
                    self.wrong(&entry.node, "a whole number, or `soft` and `hard`");
                    continue;
                }
            };
            out.insert(name.clone(), ulimit);
        }
        out
    }
}

/// `extra_hosts` as `host:address`: a mapping is sorted, a list keeps its order and may use `=`; an entry of
/// neither form is dropped, as is one without an address in a mapping.
fn extra_hosts(fields: &Fields<'_>) -> Strings {
    let Some(node) = fields.get("extra_hosts") else { return Strings::new() };
    let mut hosts: Strings = match &node.value {
        Value::Map(map) => {
            let host = |(host, entry): (&String, &Entry)| {
                let address = entry.node.scalar_text()?;
                Some(Located::new(format!("{host}:{address}"), entry.node.place.clone()))
            };
            let mut hosts: Strings = map.iter().filter_map(host).collect();
            hosts.sort_by(|a, b| a.value.cmp(&b.value));
            hosts
        }
        Value::List(list) => list
            .iter()
            .filter_map(|item| {
                let text = item.scalar_text()?;
                let (host, address) = text.split_once('=').or_else(|| text.split_once(':'))?;
                Some(Located::new(format!("{host}:{address}"), item.place.clone()))
            })
            .collect(),
        _ => Strings::new(),
    };
    for entry in &mut hosts {
        let (host, address) = entry.value.split_once(':').unwrap_or((&entry.value, ""));
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        entry.value = format!("{host}:{}", bare.filter(|bare| !bare.is_empty()).unwrap_or(address));
    }
    hosts
}
