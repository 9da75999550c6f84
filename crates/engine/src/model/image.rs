//! What a registry says of an image, from `GET /distribution/{image}/json`.

use serde::Deserialize;

use super::wire::null_is_default;

/// An image as its registry has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The digest of the image or of its index: `sha256:...`.
    pub digest: String,
    /// What it can run on.
    pub platforms: Vec<Platform>,
}

/// What an image can run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// The processor architecture, in Go's words: `amd64`.
    pub architecture: String,
    /// The operating system: `linux`.
    pub os: String,
    /// The architecture's variant: `v8`.
    pub variant: String,
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Ok(Self { digest: wire.descriptor.digest, platforms: wire.platforms })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    descriptor: WireDescriptor,
    #[serde(default, deserialize_with = "null_is_default")]
    platforms: Vec<Platform>,
}

#[derive(Deserialize)]
struct WireDescriptor {
    digest: String,
}
