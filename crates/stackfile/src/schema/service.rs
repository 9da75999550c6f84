//! The table of a service.

use super::deploy::{DEPLOY, HEALTHCHECK};
use super::kind::{
    COMMAND, Field, Keyed, Keys, Kind, LIST_OR_DICT, List, OPTIONS, Object, STRING_OR_LIST, UNIQUE_STRINGS,
    Unique, field, since,
};
use super::volumes::SERVICE_VOLUME;

pub(super) const SERVICE: Object = Object {
    what: "a service",
    fields: FIELDS,
    required: &[],
    extensions: Some(7),
    open: None,
    sensitive: false,
    hints: HINTS,
};

const FIELDS: &[Field] = &[
    field("annotations", LIST_OR_DICT),
    field("attach", Kind::Bool),
    field("build", Kind::OneOf(&[Kind::String, Kind::Object(&BUILD)])),
    field("cap_add", UNIQUE_STRINGS),
    field("cap_drop", UNIQUE_STRINGS),
    field("cgroup_parent", Kind::String),
    since(9, "cgroupns_mode", Kind::String),
    field("command", COMMAND),
    since(3, "configs", FILE_REFERENCES),
    field("container_name", Kind::String),
    since(3, "credential_spec", Kind::Object(&CREDENTIAL_SPEC)),
    field("depends_on", Kind::OneOf(&[UNIQUE_STRINGS, Kind::Map(&DEPENDS_ON)])),
    field("deploy", Kind::OneOf(&[Kind::Object(&DEPLOY), Kind::Null])),
    field("devices", Kind::List(&DEVICES)),
    field("dns", STRING_OR_LIST),
    field("dns_opt", UNIQUE_STRINGS),
    field("dns_search", STRING_OR_LIST),
    field("domainname", Kind::String),
    field("entrypoint", COMMAND),
    field("env_file", Kind::OneOf(&[Kind::String, Kind::List(&ENV_FILES)])),
    field("environment", LIST_OR_DICT),
    field(
        "expose",
        Kind::List(&List { items: Kind::OneOf(&[Kind::String, Kind::Number]), unique: Unique::Yes }),
    ),
    field("extends", Kind::OneOf(&[Kind::String, Kind::Object(&EXTENDS)])),
    field("external_links", UNIQUE_STRINGS),
    field("extra_hosts", LIST_OR_DICT),
    field(
        "group_add",
        Kind::List(&List { items: Kind::OneOf(&[Kind::String, Kind::Number]), unique: Unique::Yes }),
    ),
    field("healthcheck", Kind::Object(&HEALTHCHECK)),
    field("hostname", Kind::String),
    field("image", Kind::String),
    since(7, "init", Kind::Bool),
    field("ipc", Kind::String),
    since(5, "isolation", Kind::String),
    field("labels", LIST_OR_DICT),
    field("links", UNIQUE_STRINGS),
    field("logging", Kind::Object(&LOGGING)),
    field("mac_address", Kind::String),
    field("network_mode", Kind::String),
    field("networks", Kind::OneOf(&[UNIQUE_STRINGS, Kind::Map(&NETWORKS)])),
    since(13, "oom_score_adj", Kind::Integer),
    field("pid", Kind::OneOf(&[Kind::String, Kind::Null])),
    field("platform", Kind::String),
    field("ports", Kind::List(&PORTS)),
    field("privileged", Kind::Bool),
    field("profiles", UNIQUE_STRINGS),
    field("pull_policy", Kind::String),
    field("read_only", Kind::Bool),
    field("restart", Kind::String),
    since(1, "secrets", FILE_REFERENCES),
    field("security_opt", UNIQUE_STRINGS),
    field("shm_size", Kind::String),
    field("stdin_open", Kind::Bool),
    field("stop_grace_period", Kind::Duration),
    field("stop_signal", Kind::String),
    field("sysctls", LIST_OR_DICT),
    field("tmpfs", STRING_OR_LIST),
    field("tty", Kind::Bool),
    field("ulimits", Kind::Map(&ULIMITS)),
    field("user", Kind::String),
    field("userns_mode", Kind::String),
    field("volumes", Kind::List(&List { items: SERVICE_VOLUME, unique: Unique::Before(2) })),
    field("working_dir", Kind::String),
];

/// Keys that people write and Swarm cannot honour, with what to write instead. The first eight are the ones that
/// the official client names too (docker/cli, `types.ForbiddenProperties`, without `extends`).
const HINTS: &[(&str, &str)] = &[
    ("cpu_quota", "set `deploy.resources.limits.cpus` instead"),
    ("cpu_shares", "set `deploy.resources.reservations.cpus` instead"),
    (
        "cpuset",
        "Swarm cannot pin CPUs; set `deploy.resources.limits.cpus`, or place the service by a node label",
    ),
    ("mem_limit", "set `deploy.resources.limits.memory` instead"),
    ("memswap_limit", "Swarm cannot limit swap; set `deploy.resources.limits.memory` instead"),
    ("volume_driver", "name the driver in the top-level `volumes` entry"),
    ("volumes_from", "name the volume at top level and mount it in each service that shares it"),
    ("cpus", "set `deploy.resources.limits.cpus` instead"),
    ("mem_reservation", "set `deploy.resources.reservations.memory` instead"),
    ("pids_limit", "set `deploy.resources.limits.pids` instead"),
    ("scale", "set `deploy.replicas` instead"),
    ("gpus", "reserve `deploy.resources.reservations.generic_resources` instead"),
    ("runtime", "set the default runtime in the daemon's configuration of the nodes"),
    ("name", "a service's name is its key; for the host name inside the container write `hostname`"),
    ("update_config", "indent it below `deploy`"),
    ("replicas", "indent it below `deploy`"),
    ("resources", "indent it below `deploy`"),
    ("restart_policy", "indent it below `deploy`"),
    ("placement", "indent it below `deploy`"),
];

const BUILD: Object = Object {
    what: "a build",
    fields: &[
        field("args", LIST_OR_DICT),
        since(2, "cache_from", UNIQUE_STRINGS),
        field("context", Kind::String),
        field("dockerfile", Kind::String),
        since(9, "extra_hosts", LIST_OR_DICT),
        since(3, "labels", LIST_OR_DICT),
        since(4, "network", Kind::String),
        since(5, "shm_size", Kind::OneOf(&[Kind::Integer, Kind::String])),
        since(4, "target", Kind::String),
    ],
    required: &[],
    extensions: None,
    open: Some(11),
    sensitive: false,
    hints: &[],
};

const CREDENTIAL_SPEC: Object = Object::closed(
    "a credential_spec",
    &[since(8, "config", Kind::String), field("file", Kind::String), field("registry", Kind::String)],
);

/// Ignored, so the long form is as good as the short one.
const DEVICES: List = List {
    items: Kind::OneOf(&[Kind::String, Kind::Object(&Object::open("a device", &[]))]),
    unique: Unique::Yes,
};

const DEPENDS_ON: Keyed = Keyed {
    values: Kind::OneOf(&[
        Kind::Object(&Object::closed(
            "an entry of depends_on",
            &[
                field(
                    "condition",
                    Kind::Choice(&["service_started", "service_healthy", "service_completed_successfully"]),
                ),
                field("required", Kind::Bool),
                field("restart", Kind::Bool),
            ],
        )),
        Kind::Null,
    ]),
    keys: Keys::Names,
    open: false,
};

const ENV_FILES: List = List {
    items: Kind::OneOf(&[
        Kind::String,
        Kind::Object(&Object {
            what: "an env_file",
            fields: &[
                field("format", Kind::Choice(&["raw"])),
                field("path", Kind::String),
                field("required", Kind::Bool),
            ],
            required: &["path"],
            extensions: None,
            open: None,
            sensitive: false,
            hints: &[],
        }),
    ]),
    unique: Unique::Yes,
};

const EXTENDS: Object = Object {
    what: "extends",
    fields: &[field("file", Kind::String), field("service", Kind::String)],
    required: &["service"],
    extensions: None,
    open: None,
    sensitive: false,
    hints: &[],
};

/// `configs` and `secrets` of a service. Their long form lets unknown keys through.
const FILE_REFERENCES: Kind = Kind::List(&List {
    items: Kind::OneOf(&[
        Kind::String,
        Kind::Object(&Object::open(
            "a reference to a secret or config",
            &[
                field("gid", Kind::String),
                field("mode", Kind::OneOf(&[Kind::Number, Kind::String])),
                field("source", Kind::String),
                field("target", Kind::String),
                field("uid", Kind::String),
            ],
        )),
    ]),
    unique: Unique::No,
});

const LOGGING: Object = Object::closed(
    "logging",
    &[
        field("driver", Kind::String),
        field(
            "options",
            Kind::Map(&Keyed {
                values: Kind::OneOf(&[Kind::String, Kind::Number, Kind::Null]),
                keys: Keys::NotEmpty,
                open: true,
            }),
        ),
    ],
);

const NETWORKS: Keyed = Keyed {
    values: Kind::OneOf(&[
        Kind::Object(&Object::closed(
            "a service's network",
            &[
                field("aliases", UNIQUE_STRINGS),
                since(13, "driver_opts", OPTIONS),
                field("ipv4_address", Kind::String),
                field("ipv6_address", Kind::String),
            ],
        )),
        Kind::Null,
    ]),
    keys: Keys::Names,
    open: false,
};

const PORTS: List = List {
    items: Kind::OneOf(&[
        Kind::PortNumber,
        Kind::PortText,
        Kind::Since(
            2,
            &Kind::Object(&Object::closed(
                "a port",
                &[
                    field("app_protocol", Kind::String),
                    field("host_ip", Kind::String),
                    field("mode", Kind::String),
                    field("name", Kind::String),
                    field("protocol", Kind::String),
                    field("published", Kind::OneOf(&[Kind::Integer, Kind::String])),
                    field("target", Kind::Integer),
                ],
            )),
        ),
    ]),
    unique: Unique::Yes,
};

const ULIMITS: Keyed = Keyed {
    values: Kind::OneOf(&[
        Kind::Integer,
        Kind::Object(&Object {
            what: "a ulimit",
            fields: &[field("hard", Kind::Integer), field("soft", Kind::Integer)],
            required: &["soft", "hard"],
            extensions: None,
            open: None,
            sensitive: false,
            hints: &[],
        }),
    ]),
    keys: Keys::Letters,
    open: true,
};
