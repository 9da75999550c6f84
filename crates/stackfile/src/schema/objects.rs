//! The tables of the file itself and of networks, secrets and configs.

use super::kind::{
    Keyed, Keys, Kind, LIST_OR_DICT, List, OPTIONS, Object, STRING_OR_LIST, Unique, field, since,
};
use super::service::SERVICE;
use super::volumes::VOLUME;

pub(super) const FILE: Object = Object {
    what: "a stack file",
    fields: &[
        since(
            3,
            "configs",
            Kind::Map(&Keyed { values: Kind::Object(&CONFIG), keys: Keys::Names, open: false }),
        ),
        field("include", Kind::List(&INCLUDES)),
        field("name", Kind::String),
        field("networks", Kind::Map(&Keyed { values: NETWORK_OR_NULL, keys: Keys::Names, open: true })),
        since(
            1,
            "secrets",
            Kind::Map(&Keyed { values: Kind::Object(&SECRET), keys: Keys::Names, open: false }),
        ),
        field(
            "services",
            Kind::Map(&Keyed { values: Kind::Object(&SERVICE), keys: Keys::Names, open: false }),
        ),
        field("version", Kind::String),
        field("volumes", Kind::Map(&Keyed { values: VOLUME_OR_NULL, keys: Keys::Names, open: false })),
    ],
    required: &[],
    extensions: Some(4),
    open: None,
    sensitive: false,
    hints: &[
        ("models", "Swarm knows no models"),
        ("service", "write `services`"),
        ("deploy", "indent it below a service"),
    ],
};

/// Entries that may be left empty.
const NETWORK_OR_NULL: Kind = Kind::OneOf(&[Kind::Object(&NETWORK), Kind::Null]);
const VOLUME_OR_NULL: Kind = Kind::OneOf(&[Kind::Object(&VOLUME), Kind::Null]);

/// `external: true`, and the older `external: {name: ...}`.
pub(super) const EXTERNAL: Kind =
    Kind::OneOf(&[Kind::Bool, Kind::Object(&Object::closed("external", &[field("name", Kind::String)]))]);

/// The same for secrets and configs, where more keys were always let through.
const OPEN_EXTERNAL: Kind =
    Kind::OneOf(&[Kind::Bool, Kind::Object(&Object::open("external", &[field("name", Kind::String)]))]);

const INCLUDES: List = List {
    items: Kind::OneOf(&[
        Kind::String,
        Kind::Object(&Object {
            what: "an include",
            fields: &[
                field("env_file", STRING_OR_LIST),
                field("path", STRING_OR_LIST),
                field("project_directory", Kind::String),
            ],
            required: &["path"],
            extensions: None,
            open: None,
            sensitive: false,
            hints: &[],
        }),
    ]),
    unique: Unique::No,
};

const NETWORK: Object = Object {
    what: "a network",
    fields: &[
        since(2, "attachable", Kind::Bool),
        field("driver", Kind::String),
        field("driver_opts", OPTIONS),
        field("enable_ipv4", Kind::Bool),
        field("enable_ipv6", Kind::Bool),
        field("external", EXTERNAL),
        field("internal", Kind::Bool),
        field("ipam", Kind::Object(&IPAM)),
        field("labels", LIST_OR_DICT),
        since(5, "name", Kind::String),
    ],
    required: &[],
    extensions: Some(7),
    open: None,
    sensitive: false,
    hints: &[],
};

/// Gateways, ranges and auxiliary addresses are a newer form.
const IPAM: Object = Object::closed(
    "ipam",
    &[
        field(
            "config",
            Kind::List(&List {
                items: Kind::Object(&Object::closed(
                    "an address pool",
                    &[
                        field("aux_addresses", OPTIONS),
                        field("gateway", Kind::String),
                        field("ip_range", Kind::String),
                        field("subnet", Kind::String),
                    ],
                )),
                unique: Unique::No,
            }),
        ),
        field("driver", Kind::String),
        field("options", OPTIONS),
    ],
);

const SECRET: Object = Object {
    what: "a secret",
    fields: &[
        since(8, "driver", Kind::String),
        since(8, "driver_opts", OPTIONS),
        field("environment", Kind::String),
        field("external", OPEN_EXTERNAL),
        field("file", Kind::String),
        field("labels", LIST_OR_DICT),
        since(5, "name", Kind::String),
        since(8, "template_driver", Kind::String),
    ],
    required: &[],
    extensions: Some(7),
    open: None,
    sensitive: true,
    hints: &[("content", "a secret's value must not stand in the file: write `environment` or `file`")],
};

const CONFIG: Object = Object {
    what: "a config",
    fields: &[
        field("content", Kind::String),
        field("environment", Kind::String),
        field("external", OPEN_EXTERNAL),
        field("file", Kind::String),
        field("labels", LIST_OR_DICT),
        since(5, "name", Kind::String),
        since(8, "template_driver", Kind::String),
    ],
    required: &[],
    extensions: Some(7),
    open: None,
    sensitive: false,
    hints: &[],
};
