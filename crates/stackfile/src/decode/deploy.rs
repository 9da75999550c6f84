//! `deploy` of a service.

use super::Decoder;
use super::fields::Fields;
use crate::model::{
    Deploy, GenericResource, Limits, Placement, Reservations, Resources, RestartPolicy, Strings, UpdateConfig,
};
use crate::yaml::Node;

impl Decoder<'_> {
    pub(super) fn deploy(&mut self, service: &Fields<'_>) -> Deploy {
        let Some(fields) = service.inside("deploy") else { return Deploy::default() };
        Deploy {
            mode: self.text(&fields, "mode"),
            replicas: self.count(&fields, "replicas"),
            labels: self.texts(&fields, "labels"),
            update_config: self.update_config(&fields, "update_config"),
            rollback_config: self.update_config(&fields, "rollback_config"),
            resources: fields.inside("resources").map(|fields| self.resources(&fields)).unwrap_or_default(),
            restart_policy: fields.inside("restart_policy").map(|fields| self.restart_policy(&fields)),
            placement: fields.inside("placement").map(|fields| self.placement(&fields)).unwrap_or_default(),
            endpoint_mode: self.text(&fields, "endpoint_mode"),
        }
    }

    fn update_config(&mut self, deploy: &Fields<'_>, key: &str) -> Option<UpdateConfig> {
        let fields = &deploy.inside(key)?;
        Some(UpdateConfig {
            place: deploy.key(key)?,
            parallelism: self.count(fields, "parallelism"),
            delay: self.duration(fields, "delay"),
            failure_action: self.text(fields, "failure_action"),
            monitor: self.duration(fields, "monitor"),
            max_failure_ratio: self.ratio(fields, "max_failure_ratio"),
            order: self.text(fields, "order"),
        })
    }

    fn resources(&mut self, fields: &Fields<'_>) -> Resources {
        let limits = fields.inside("limits").map(|fields| Limits {
            cpus: self.scalar(&fields, "cpus"),
            memory: self.size(&fields, "memory"),
            pids: self.int(&fields, "pids"),
        });
        let reservations = fields.inside("reservations").map(|fields| Reservations {
            cpus: self.scalar(&fields, "cpus"),
            memory: self.size(&fields, "memory"),
            generic_resources: self.generic_resources(&fields),
        });
        Resources { limits, reservations }
    }

    fn generic_resources(&mut self, fields: &Fields<'_>) -> Vec<GenericResource> {
        let list = fields.get("generic_resources").and_then(Node::as_list).unwrap_or_default();
        list.iter()
            .map(|item| {
                let spec = Fields::of(item).inside("discrete_resource_spec");
                let discrete = spec.map(|spec| {
                    let kind = self.text(&spec, "kind").map(|text| text.value).unwrap_or_default();
                    (kind, self.int(&spec, "value").map(|value| value.value).unwrap_or_default())
                });
                GenericResource { discrete }
            })
            .collect()
    }

    fn restart_policy(&mut self, fields: &Fields<'_>) -> RestartPolicy {
        RestartPolicy {
            condition: self.text(fields, "condition"),
            delay: self.duration(fields, "delay"),
            max_attempts: self.count(fields, "max_attempts"),
            window: self.duration(fields, "window"),
        }
    }

    fn placement(&mut self, fields: &Fields<'_>) -> Placement {
        Placement {
            constraints: self.strings(fields, "constraints"),
            preferences: self.preferences(fields),
            max_replicas_per_node: self.count(fields, "max_replicas_per_node"),
        }
    }

    fn preferences(&mut self, fields: &Fields<'_>) -> Strings {
        let list = fields.get("preferences").and_then(Node::as_list).unwrap_or_default();
        list.iter()
            .map(|item| {
                let spread = self.text(&Fields::of(item), "spread");
                spread.unwrap_or_else(|| crate::model::Located::new(String::new(), item.place.clone()))
            })
            .collect()
    }
}
