//! The tables of `deploy` and `healthcheck`.

use super::kind::{Kind, LIST_OR_DICT, List, Object, STRINGS, Unique, field, since};

pub(super) const HEALTHCHECK: Object = Object::closed(
    "a healthcheck",
    &[
        field("disable", Kind::Bool),
        field("interval", Kind::Duration),
        field("retries", Kind::Number),
        since(12, "start_interval", Kind::Duration),
        since(4, "start_period", Kind::Duration),
        field("test", Kind::OneOf(&[Kind::String, STRINGS])),
        field("timeout", Kind::Duration),
    ],
);

pub(super) const DEPLOY: Object = Object::closed(
    "deploy",
    &[
        since(2, "endpoint_mode", Kind::String),
        field("labels", LIST_OR_DICT),
        field("mode", Kind::String),
        field("placement", Kind::Object(&PLACEMENT)),
        field("replicas", Kind::Integer),
        field("resources", Kind::Object(&RESOURCES)),
        field("restart_policy", Kind::Object(&RESTART_POLICY)),
        since(7, "rollback_config", Kind::Object(&UPDATE_CONFIG)),
        field("update_config", Kind::Object(&UPDATE_CONFIG)),
    ],
);

const UPDATE_CONFIG: Object = Object::closed(
    "an update_config or rollback_config",
    &[
        field("delay", Kind::Duration),
        field("failure_action", Kind::String),
        field("max_failure_ratio", Kind::Number),
        field("monitor", Kind::Duration),
        since(4, "order", Kind::Choice(&["start-first", "stop-first"])),
        field("parallelism", Kind::Integer),
    ],
);

const RESTART_POLICY: Object = Object::closed(
    "a restart_policy",
    &[
        field("condition", Kind::String),
        field("delay", Kind::Duration),
        field("max_attempts", Kind::Integer),
        field("window", Kind::Duration),
    ],
);

const PLACEMENT: Object = Object::closed(
    "placement",
    &[
        field("constraints", STRINGS),
        since(8, "max_replicas_per_node", Kind::Integer),
        since(3, "preferences", Kind::List(&PREFERENCES)),
    ],
);

const PREFERENCES: List = List {
    items: Kind::Object(&Object::closed("a preference", &[field("spread", Kind::String)])),
    unique: Unique::No,
};

/// CPUs as a number are a newer form.
const CPUS: Kind = Kind::OneOf(&[Kind::String, Kind::Number]);

const RESOURCES: Object = Object::closed(
    "resources",
    &[
        field(
            "limits",
            Kind::Object(&Object::closed(
                "limits",
                &[field("cpus", CPUS), field("memory", Kind::String), since(9, "pids", Kind::Integer)],
            )),
        ),
        field(
            "reservations",
            Kind::Object(&Object::closed(
                "reservations",
                &[
                    field("cpus", CPUS),
                    since(5, "generic_resources", Kind::List(&GENERIC_RESOURCES)),
                    field("memory", Kind::String),
                ],
            )),
        ),
    ],
);

const GENERIC_RESOURCES: List = List {
    items: Kind::Object(&Object::closed(
        "a generic resource",
        &[field(
            "discrete_resource_spec",
            Kind::Object(&Object::closed(
                "a discrete_resource_spec",
                &[field("kind", Kind::String), field("value", Kind::Number)],
            )),
        )],
    )),
    unique: Unique::No,
};
