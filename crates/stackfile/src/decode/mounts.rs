//! Volumes and ports of a service, in short and long form.

use diagnostics::Diagnostic;

use super::Decoder;
use super::fields::Fields;
use crate::model::{Located, Mount, MountKind, Port};
use crate::notation::{mount, port};
use crate::paths;
use crate::yaml::{Node, Value};

impl Decoder<'_> {
    pub(super) fn mounts(&mut self, fields: &Fields<'_>) -> Vec<Mount> {
        let list = fields.get("volumes").and_then(Node::as_list).unwrap_or_default();
        list.iter().filter_map(|node| self.mount(node)).collect()
    }

    fn mount(&mut self, node: &Node) -> Option<Mount> {
        let mut mount = match node.as_str() {
            Some(text) => self.short_mount(node, text)?,
            None => self.long_mount(node),
        };
        if mount.kind == MountKind::Bind {
            if mount.source.is_empty() {
                self.refuse(
                    node,
                    "a bind mount needs a `source`".into(),
                    "name the path on the node: `source: /path`",
                );
                return None;
            }
            mount.source = self.bind_source(node, &mount.source);
        }
        Some(mount)
    }

    fn short_mount(&mut self, node: &Node, text: &str) -> Option<Mount> {
        let short = match mount::parse(text) {
            Ok(short) => short,
            Err(message) => {
                self.refuse(node, message, mount::HELP);
                return None;
            }
        };
        if !short.ignored.is_empty() {
            let ignored = short.ignored.join(", ");
            self.report.warn(
                Diagnostic::warning("stack-file/ignored", format!("the mount option `{ignored}` is ignored"))
                    .at(node.place.clone())
                    .help("Swarm knows ro, rw, nocopy and the bind propagations"),
            );
        }
        Some(Mount {
            place: node.place.clone(),
            kind: if short.bind { MountKind::Bind } else { MountKind::Volume },
            kind_text: if short.bind { "bind" } else { "volume" }.into(),
            source: short.source,
            target: short.target,
            read_only: short.read_only,
            consistency: String::new(),
            bind: short.propagation,
            volume: short.nocopy.then(|| (true, String::new())),
            tmpfs: None,
        })
    }

    fn long_mount(&mut self, node: &Node) -> Mount {
        let fields = Fields::of(node);
        let mut word = |key: &str| self.text(&fields, key).map(|text| text.value).unwrap_or_default();
        let (kind_text, source, target) = (word("type"), word("source"), word("target"));
        let consistency = word("consistency");
        let bind = fields
            .inside("bind")
            .map(|bind| self.text(&bind, "propagation").map(|text| text.value).unwrap_or_default());
        let volume = fields.inside("volume").map(|volume| {
            let nocopy = self.flag(&volume, "nocopy").is_some_and(|flag| flag.value);
            (nocopy, self.text(&volume, "subpath").map(|text| text.value).unwrap_or_default())
        });
        let tmpfs = fields.inside("tmpfs").map(|tmpfs| self.tmpfs_size(&tmpfs));
        Mount {
            place: node.place.clone(),
            kind: match kind_text.as_str() {
                "volume" | "" => MountKind::Volume,
                "bind" => MountKind::Bind,
                "tmpfs" => MountKind::Tmpfs,
                "npipe" => MountKind::Npipe,
                "cluster" => MountKind::Cluster,
                "image" => MountKind::Image,
                _ => MountKind::Unknown,
            },
            kind_text,
            source,
            target,
            read_only: self.flag(&fields, "read_only").is_some_and(|flag| flag.value),
            consistency,
            bind,
            volume,
            tmpfs,
        }
    }

    /// Bytes, as a number or with a unit.
    fn tmpfs_size(&mut self, tmpfs: &Fields<'_>) -> i64 {
        let size = match tmpfs.get("size").and_then(Node::as_str) {
            Some(_) => self.size(tmpfs, "size"),
            None => self.int(tmpfs, "size"),
        };
        size.map(|size| size.value).unwrap_or_default()
    }

    /// The absolute path of a bind mount: `~` is the home folder, a Windows path stays.
    fn bind_source(&mut self, node: &Node, source: &str) -> String {
        let mut source = source.to_owned();
        if source.starts_with('~') {
            match self.context.environment.get("HOME") {
                Some(home) => source = source.replacen('~', home, 1),
                None => self.report.warn(
                    Diagnostic::warning("stack-file/home", "`~` cannot be replaced: HOME is not set")
                        .at(node.place.clone())
                        .help("set HOME, or write the whole path"),
                ),
            }
        }
        if source.starts_with('/') || paths::is_windows_absolute(&source) {
            return source;
        }
        paths::absolute(self.context.folder, &source).to_string_lossy().into_owned()
    }

    pub(super) fn ports(&mut self, fields: &Fields<'_>) -> Vec<Port> {
        let list = fields.get("ports").and_then(Node::as_list).unwrap_or_default();
        list.iter().flat_map(|node| self.port(node)).collect()
    }

    fn port(&mut self, node: &Node) -> Vec<Port> {
        let short = match &node.value {
            Value::Map(_) => return self.long_port(node).into_iter().collect(),
            Value::Float(_) => None,
            _ => node.scalar_text(),
        };
        let parsed = short.map_or_else(|| Err("this is no port".into()), |text| port::parse(&text));
        match parsed {
            Err(message) => {
                self.refuse(node, message, port::HELP);
                Vec::new()
            }
            Ok(parsed) => {
                if let Some(address) = parsed.ignored_address {
                    self.ignored_address(node, &address);
                }
                let port = |port: port::Port| Port {
                    place: node.place.clone(),
                    mode: "ingress".into(),
                    target: port.target,
                    published: port.published,
                    protocol: port.protocol,
                };
                parsed.ports.into_iter().map(port).collect()
            }
        }
    }

    fn long_port(&mut self, node: &Node) -> Option<Port> {
        let fields = Fields::of(node);
        if let Some(address) =
            self.text(&fields, "host_ip").filter(|ip| !matches!(ip.as_str(), "" | "0.0.0.0" | "::"))
        {
            self.ignored_address(node, &address);
        }
        let mut word = |key: &str| self.text(&fields, key).map(|text| text.value).unwrap_or_default();
        let (mode, protocol) = (word("mode"), word("protocol"));
        let target = self.port_number(&fields, "target")?;
        let published = self.port_number(&fields, "published")?;
        Some(Port { place: node.place.clone(), mode, target, published, protocol })
    }

    /// A port as a number, or as a number in quotes; 0 if the key is absent.
    fn port_number(&mut self, fields: &Fields<'_>, key: &str) -> Option<u32> {
        let Some(node) = fields.get(key) else { return Some(0) };
        let number = match node.as_str() {
            Some("") => Some(0),
            Some(text) => text.parse::<u16>().ok().map(u32::from),
            None => self
                .int(fields, key)
                .and_then(|number: Located<i64>| u16::try_from(number.value).ok())
                .map(u32::from),
        };
        if number.is_none() {
            let help = "write one number from 1 to 65535; Swarm publishes no ranges in the long form";
            self.refuse(node, format!("this is no port for `{key}`"), help);
        }
        number
    }

    fn ignored_address(&mut self, node: &Node, address: &str) {
        self.report.warn(
            Diagnostic::warning("stack-file/ignored", format!("the address {address} is ignored"))
                .at(node.place.clone())
                .label("Swarm publishes this port on every address of the nodes")
                .help("remove the address; to keep the port private, do not publish it"),
        );
    }
}
