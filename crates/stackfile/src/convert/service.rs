//! A service's body, put together from its parts.

use diagnostics::Diagnostic;

use super::body::Body;
use super::task::{endpoint, placement, update_config};
use super::{Converter, IMAGE_LABEL};
use crate::ServiceBody;
use crate::model::Service;
use crate::notation::image;

/// The engine refuses longer names of services (moby, `daemon/cluster`).
const NAME_LIMIT: usize = 63;

impl Converter<'_> {
    /// The body of `POST /services/create`; `None` if the service has no image that can be used.
    pub(super) fn service(&mut self, service: &Service) -> Option<ServiceBody> {
        let name = self.scoped(&service.name, None);
        if name.len() > NAME_LIMIT {
            let message =
                format!("the name `{name}` is longer than the {NAME_LIMIT} characters that the engine takes");
            self.report.error(
                Diagnostic::error("stack-file/name", message)
                    .at(service.place.clone())
                    .help("shorten the service's key or the stack's name"),
            );
        }
        let (written, image) = self.image(service)?;
        let mut labels = self.labels(&service.deploy.labels);
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(IMAGE_LABEL.into(), written.as_str().into());
        }
        let logging = service.logging.as_ref().map(|logging| {
            let options = super::body::texts(&logging.options);
            let driver = logging.driver.as_deref().cloned().unwrap_or_default();
            Body::new().set_unless_empty("Name", driver).set_unless_empty("Options", options)
        });
        let task = Body::new()
            .set("ContainerSpec", self.container(service, &image))
            .set("Resources", self.resources(service))
            .set_if_some("RestartPolicy", self.restart_policy(service))
            .set("Placement", placement(service))
            .set_unless_empty("Networks", self.attachments(service))
            .set_if_some("LogDriver", logging)
            .set("ForceUpdate", 0);
        let body = Body::new()
            .set_unless_empty("Name", name.as_str())
            .set("Labels", labels)
            .set("TaskTemplate", task)
            .set("Mode", self.mode(service))
            .set_if_some("UpdateConfig", service.deploy.update_config.as_ref().map(update_config))
            .set_if_some("RollbackConfig", service.deploy.rollback_config.as_ref().map(update_config))
            .set("EndpointSpec", endpoint(service));
        Some(ServiceBody {
            key: service.name.clone(),
            name,
            body: body.into(),
            image: written,
            depends_on: self.dependencies(service),
            depends_on_declared: service.depends_on.is_some(),
            place: service.place.clone(),
        })
    }

    /// The image as written and as the engine gets it.
    fn image(&mut self, service: &Service) -> Option<(String, String)> {
        let Some(written) = service.image.as_ref().filter(|image| !image.is_empty()) else {
            self.report.error(
                Diagnostic::error("stack-file/image", format!("the service `{}` has no image", service.name))
                    .at(service.place.clone())
                    .help("add `image: name:tag`; Swarm pulls images and never builds them"),
            );
            return None;
        };
        match image::normalise(written) {
            Ok(image) => Some((written.value.clone(), image)),
            Err(message) => {
                self.report.error(
                    Diagnostic::error("stack-file/image", message)
                        .at(written.place.clone())
                        .help(image::HELP),
                );
                None
            }
        }
    }
}
