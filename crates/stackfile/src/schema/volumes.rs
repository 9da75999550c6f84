//! The tables of volumes: of a service, and at top level with the specification of cluster volumes.

use super::kind::{Kind, LIST_OR_DICT, List, OPTIONS, Object, STRINGS, Unique, field, since};
use super::objects::EXTERNAL;

/// A volume of a service. `create_host_path` is what `docker compose config` adds.
pub(super) const SERVICE_VOLUME: Kind = Kind::OneOf(&[
    Kind::String,
    Kind::Since(
        2,
        &Kind::Object(&Object {
            what: "a service's volume",
            fields: &[
                field(
                    "bind",
                    Kind::Object(&Object::open(
                        "bind",
                        &[field("create_host_path", Kind::Bool), field("propagation", Kind::String)],
                    )),
                ),
                field("consistency", Kind::String),
                field("read_only", Kind::Bool),
                field("source", Kind::String),
                field("target", Kind::String),
                since(6, "tmpfs", Kind::Object(&TMPFS)),
                field("type", Kind::String),
                field(
                    "volume",
                    Kind::Object(&Object::open(
                        "volume",
                        &[field("nocopy", Kind::Bool), field("subpath", Kind::String)],
                    )),
                ),
            ],
            required: &["type"],
            extensions: None,
            open: None,
            sensitive: false,
            hints: &[],
        }),
    ),
]);

/// The size in quotes is what `docker compose config` prints.
const TMPFS: Object = Object::open("tmpfs", &[field("size", Kind::OneOf(&[Kind::Count, Kind::String]))]);

pub(super) const VOLUME: Object = Object {
    what: "a volume",
    fields: &[
        field("driver", Kind::String),
        field("driver_opts", OPTIONS),
        field("external", EXTERNAL),
        field("labels", LIST_OR_DICT),
        since(4, "name", Kind::String),
        since(10, "x-cluster-spec", Kind::Object(&CLUSTER_SPEC)),
    ],
    required: &[],
    extensions: Some(7),
    open: None,
    sensitive: false,
    hints: &[],
};

const CLUSTER_SPEC: Object = Object::open(
    "x-cluster-spec",
    &[
        field(
            "access_mode",
            Kind::Object(&Object::open(
                "access_mode",
                &[
                    field("block_volume", Kind::Object(&Object::open("block_volume", &[]))),
                    field(
                        "mount_volume",
                        Kind::Object(&Object::open(
                            "mount_volume",
                            &[field("fs_type", Kind::String), field("mount_flags", STRINGS)],
                        )),
                    ),
                    field("scope", Kind::String),
                    field("sharing", Kind::String),
                ],
            )),
        ),
        field(
            "accessibility_requirements",
            Kind::Object(&Object::open(
                "accessibility_requirements",
                &[field("preferred", TOPOLOGIES), field("requisite", TOPOLOGIES)],
            )),
        ),
        field("availability", Kind::String),
        field(
            "capacity_range",
            Kind::Object(&Object::open(
                "capacity_range",
                &[field("limit_bytes", Kind::String), field("required_bytes", Kind::String)],
            )),
        ),
        field("group", Kind::String),
    ],
);

const TOPOLOGIES: Kind = Kind::List(&List {
    items: Kind::Object(&Object::open("a topology", &[field("segments", LIST_OR_DICT)])),
    unique: Unique::No,
});
