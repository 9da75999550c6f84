//! Networks, and what attaches a service to them.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Diagnostic, Place};
use serde_json::Value;

use super::Converter;
use super::body::{Body, strings, texts};
use crate::model::{AddressPool, Located, Network, Service};
use crate::schema::similar;
use crate::{ExternalNetwork, NetworkBody};

/// The network of a service that names none.
const DEFAULT: &str = "default";

impl Converter<'_> {
    /// The networks that services use: those to create, and those that must exist.
    pub(super) fn networks(&self) -> (Vec<NetworkBody>, Vec<ExternalNetwork>) {
        let mut used: BTreeSet<&str> = BTreeSet::new();
        for service in self.stack.services.values() {
            used.extend(service.networks.keys().map(String::as_str));
            if service.networks.is_empty() {
                used.insert(DEFAULT);
            }
        }
        let mut owned = BTreeMap::new();
        let mut external = Vec::new();
        for key in used {
            let network = self.stack.networks.get(key);
            let name = self.network_name(key);
            match network.filter(|network| network.external.external) {
                Some(network) if is_user_defined(&name) => {
                    external.push(ExternalNetwork { key: key.into(), name, place: network.place.clone() });
                }
                Some(_) => {}
                None => {
                    let body = self.network_body(&name, network);
                    owned.insert(name.clone(), NetworkBody { key: key.into(), name, body });
                }
            }
        }
        (owned.into_values().collect(), external)
    }

    fn network_name(&self, key: &str) -> String {
        let name = self.stack.networks.get(key).and_then(|network| network.name.as_deref());
        self.scoped(key, name)
    }

    fn network_body(&self, name: &str, network: Option<&Network>) -> Value {
        let driver =
            network.and_then(|network| network.driver.as_deref()).filter(|driver| !driver.is_empty());
        let flag = |flag: fn(&Network) -> bool| network.is_some_and(flag);
        let options = network.and_then(|network| network.driver_opts.as_ref()).map(texts);
        let none = crate::model::Texts::new();
        let labels = network.map_or(&none, |network| &network.labels);
        Body::new()
            .set("Name", name)
            .set("Driver", driver.map_or("overlay", String::as_str))
            .set("Scope", "")
            .set_if_some("EnableIPv4", network.and_then(|network| network.enable_ipv4.as_deref().copied()))
            .set_if_some("EnableIPv6", network.and_then(|network| network.enable_ipv6.as_deref().copied()))
            .set("IPAM", network.map_or(Value::Null, ipam))
            .set("Internal", flag(|network| network.internal.as_ref().is_some_and(|flag| flag.value)))
            .set("Attachable", flag(|network| network.attachable.as_ref().is_some_and(|flag| flag.value)))
            .set("Ingress", false)
            .set("ConfigOnly", false)
            .set("ConfigFrom", Value::Null)
            .set("Options", options.map_or(Value::Null, Value::Object))
            .set("Labels", self.labels(labels))
            .into()
    }

    /// What attaches a service to its networks, sorted by the networks' names.
    pub(super) fn attachments(&mut self, service: &Service) -> Value {
        let default = BTreeMap::from([(DEFAULT.to_owned(), Located::new(None, service.place.clone()))]);
        let networks = if service.networks.is_empty() { &default } else { &service.networks };
        let mut attachments: Vec<(String, Value)> = Vec::new();
        for (key, settings) in networks {
            if key != DEFAULT && !self.stack.networks.contains_key(key) {
                self.undefined_network(service, key, &settings.place);
                continue;
            }
            let target = self.network_name(key);
            let mut aliases =
                settings.value.as_ref().map_or_else(Vec::new, |settings| settings.aliases.clone());
            if is_user_defined(&target) {
                // Only networks of users know aliases.
                aliases.push(Located::new(service.name.clone(), service.place.clone()));
            }
            let options =
                settings.value.as_ref().map(|settings| texts(&settings.driver_opts)).unwrap_or_default();
            let body = Body::new()
                .set_unless_empty("Target", target.as_str())
                .set_unless_empty("Aliases", strings(&aliases))
                .set_unless_empty("DriverOpts", options);
            attachments.push((target, body.into()));
        }
        attachments.sort_by(|a, b| a.0.cmp(&b.0));
        attachments.into_iter().map(|(_, body)| body).collect()
    }

    fn undefined_network(&mut self, service: &Service, key: &str, place: &Place) {
        let help = match similar(key, self.stack.networks.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("define it at top level: `networks: {{{key}: {{}}}}`"),
        };
        self.report.error(
            Diagnostic::error(
                "stack-file/undefined",
                format!("the service `{}` uses the network `{key}`, which is not defined", service.name),
            )
            .at(place.clone())
            .help(help),
        );
    }
}

fn ipam(network: &Network) -> Value {
    let ipam = &network.ipam;
    let driver = ipam.driver.as_deref().map_or("", String::as_str);
    if driver.is_empty()
        && ipam.config.is_empty()
        && ipam.options.as_ref().is_none_or(crate::model::Texts::is_empty)
    {
        return Value::Null;
    }
    let pools: Vec<Value> = ipam.config.iter().map(pool).collect();
    Body::new()
        .set("Driver", driver)
        .set("Options", ipam.options.as_ref().map_or(Value::Null, |options| Value::Object(texts(options))))
        .set("Config", if pools.is_empty() { Value::Null } else { pools.into() })
        .into()
}

fn pool(pool: &AddressPool) -> Value {
    let text = |text: &crate::model::Text| text.as_deref().cloned().unwrap_or_default();
    Body::new()
        .set_unless_empty("Subnet", text(&pool.subnet))
        .set_unless_empty("IPRange", text(&pool.ip_range))
        .set_unless_empty("Gateway", text(&pool.gateway))
        .set_unless_empty("AuxiliaryAddresses", texts(&pool.aux_addresses))
        .into()
}

/// Whether a network is not one that every node has from the start.
fn is_user_defined(name: &str) -> bool {
    !matches!(name, "default" | "bridge" | "host" | "none") && !name.starts_with("container:")
}
