//! Mounts of a service (docker/cli, `convert/volume.go`).

use diagnostics::Diagnostic;
use serde_json::Value;

use super::Converter;
use super::body::{Body, texts};
use crate::model::{Mount, MountKind, Service, Volume};
use crate::schema::similar;

impl<'a> Converter<'a> {
    pub(super) fn mounts(&mut self, service: &Service) -> Value {
        service.volumes.iter().filter_map(|mount| self.mount(service, mount)).collect()
    }

    fn mount(&mut self, service: &Service, mount: &Mount) -> Option<Value> {
        if mount.kind == MountKind::Unknown {
            let message = format!("`{}` is no type of volume", mount.kind_text);
            self.refuse(mount, message, "write volume, bind, tmpfs, npipe, cluster or image");
            return None;
        }
        if !self.has_right_options(mount) {
            return None;
        }
        match mount.kind {
            MountKind::Volume if mount.source.is_empty() => Some(base(mount, "").into()),
            MountKind::Volume => self.volume(service, mount),
            MountKind::Cluster => self.cluster(service, mount),
            MountKind::Tmpfs => {
                let options = mount.tmpfs.map(|size| Body::new().set_unless_empty("SizeBytes", size));
                Some(base(mount, "").set_if_some("TmpfsOptions", options).into())
            }
            MountKind::Bind | MountKind::Npipe => {
                let options = mount.bind.as_ref();
                let options = options.map(|bind| Body::new().set_unless_empty("Propagation", bind.as_str()));
                Some(base(mount, &mount.source).set_if_some("BindOptions", options).into())
            }
            MountKind::Image | MountKind::Unknown => Some(base(mount, &mount.source).into()),
        }
    }

    /// Each type knows its own options, and all but volumes and tmpfs need a source.
    fn has_right_options(&mut self, mount: &Mount) -> bool {
        let kind = mount.kind;
        let options = [
            ("bind", mount.bind.is_some(), matches!(kind, MountKind::Bind | MountKind::Npipe)),
            ("volume", mount.volume.is_some(), kind == MountKind::Volume),
            ("tmpfs", mount.tmpfs.is_some(), kind == MountKind::Tmpfs),
        ];
        if let Some((name, ..)) = options.into_iter().find(|(_, given, right)| *given && !right) {
            let message = format!("a volume of type `{}` has no `{name}` options", mount.kind_text);
            self.refuse(mount, message, &format!("remove `{name}`, or change the type"));
            return false;
        }
        match kind {
            MountKind::Tmpfs if !mount.source.is_empty() => {
                self.refuse(mount, "a tmpfs has no source".into(), "remove `source`");
                false
            }
            MountKind::Volume | MountKind::Tmpfs => true,
            _ if mount.source.is_empty() => {
                let message = format!("a volume of type `{}` needs a source", mount.kind_text);
                self.refuse(mount, message, "add `source`");
                false
            }
            _ => true,
        }
    }

    fn volume(&mut self, service: &Service, mount: &Mount) -> Option<Value> {
        let volume = self.find_volume(service, mount)?;
        let (nocopy, subpath) = mount.volume.clone().unwrap_or_default();
        let mut options = Body::new().set_unless_empty("NoCopy", nocopy).set_unless_empty("Subpath", subpath);
        if !volume.external.external {
            let driver = volume.driver.as_deref().filter(|driver| !driver.is_empty());
            let config = (driver.is_some() || volume.driver_opts.is_some()).then(|| {
                let opts = volume.driver_opts.as_ref().map(texts).unwrap_or_default();
                Body::new()
                    .set_unless_empty("Name", driver.map_or("", String::as_str))
                    .set_unless_empty("Options", opts)
            });
            options = options.set("Labels", self.labels(&volume.labels)).set_if_some("DriverConfig", config);
        }
        let source = self.scoped(&mount.source, volume.name.as_deref());
        Some(base(mount, &source).set("VolumeOptions", options).into())
    }

    fn cluster(&mut self, service: &Service, mount: &Mount) -> Option<Value> {
        let source = if mount.source.starts_with("group:") {
            mount.source.clone()
        } else {
            let volume = self.find_volume(service, mount)?;
            self.scoped(&mount.source, volume.name.as_deref())
        };
        Some(base(mount, &source).set("ClusterOptions", Body::new()).into())
    }

    fn find_volume(&mut self, service: &Service, mount: &Mount) -> Option<&'a Volume> {
        let stack = self.stack;
        let found = stack.volumes.get(&mount.source);
        if found.is_none() {
            let source = &mount.source;
            let message =
                format!("the service `{}` uses the volume `{source}`, which is not defined", service.name);
            let help = match similar(source, stack.volumes.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    format!("define it at top level: `volumes: {{{source}: {{}}}}`; a path starts with `./`")
                }
            };
            self.report
                .error(Diagnostic::error("stack-file/undefined", message).at(mount.place.clone()).help(help));
        }
        found
    }

    fn refuse(&mut self, mount: &Mount, message: String, help: &str) {
        self.report.error(Diagnostic::error("stack-file/volume", message).at(mount.place.clone()).help(help));
    }
}

fn base(mount: &Mount, source: &str) -> Body {
    Body::new()
        .set_unless_empty("Type", mount.kind_text.as_str())
        .set_unless_empty("Source", source)
        .set_unless_empty("Target", mount.target.as_str())
        .set_unless_empty("ReadOnly", mount.read_only)
        .set_unless_empty("Consistency", mount.consistency.as_str())
}
