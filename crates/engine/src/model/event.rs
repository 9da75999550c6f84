//! Something that happened, from `GET /events`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::wire::null_is_default;

/// Which events to hear of; an empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Kinds of objects: `service`, `container`, `network`, `node`, `config`, `secret`.
    pub kinds: Vec<String>,
    /// Labels of the objects. Only containers', images' and networks' events carry labels, so a stack's *services* are not
    /// found this way.
    pub labels: Vec<(String, String)>,
}

/// Something that happened to an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The kind of object: `service`, `container` ...
    pub kind: String,
    /// What happened: `update`, `create`, `die` ...
    pub action: String,
    /// The object's id.
    pub id: String,
    /// More about it: `name`, and for services `updatestate.new`.
    pub attributes: BTreeMap<String, String>,
    /// When, in nanoseconds since 1970, by the engine's clock.
    pub time_nano: i64,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Ok(Self {
            kind: wire.kind,
            action: wire.action,
            id: wire.actor.id,
            attributes: wire.actor.attributes,
            time_nano: wire.time_nano,
        })
    }
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default, rename = "Type")]
    kind: String,
    #[serde(default, rename = "Action")]
    action: String,
    #[serde(default, rename = "Actor", deserialize_with = "null_is_default")]
    actor: WireActor,
    #[serde(default, rename = "timeNano")]
    time_nano: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireActor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes", deserialize_with = "null_is_default")]
    attributes: BTreeMap<String, String>,
}
