//! Resolving images to digests, as the official client does (docker/cli, `swarm/deploy_composefile.go`; moby,
//! `client/service_create.go`): concurrently, and once per image.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Api, Platform, Secret};
use futures_util::future::join_all;
use serde_json::Value;
use stackfile::Desired;

use crate::event::{Event, Sink};
use crate::live::Live;
use crate::spec;
use crate::target::ResolvedImage;

/// Label of the stock client: the image as the stack file writes it.
const IMAGE_LABEL: &str = "com.docker.stack.image";

/// When to ask the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResolveImage {
    /// For every image.
    #[default]
    Always,
    /// For images that the stack file writes differently than before.
    Changed,
    /// For none.
    Never,
}

/// Resolves a stack's images. What cannot be resolved is used as it is, with a warning.
pub(crate) async fn resolve<A: Api>(
    api: &A,
    desired: &Desired,
    live: &Live,
    mode: ResolveImage,
    auth: &BTreeMap<String, Secret>,
    sink: Sink<'_>,
) -> BTreeMap<String, ResolvedImage> {
    let images: BTreeSet<&str> = desired.services.iter().map(|service| service.image.as_str()).collect();
    let one = async |image: &str| {
        let before = carried(live, image);
        let resolved = match (mode, before) {
            (ResolveImage::Never, before) => before,
            (ResolveImage::Changed, Some(before)) => Some(before),
            (ResolveImage::Changed | ResolveImage::Always, before) => {
                Some(ask(api, image, auth.get(image), before, sink).await)
            }
        };
        resolved.map(|resolved| (image.to_owned(), resolved))
    };
    join_all(images.into_iter().map(one)).await.into_iter().flatten().collect()
}

/// What the live services run for an image that the stack file writes in the same way.
fn carried(live: &Live, image: &str) -> Option<ResolvedImage> {
    let spec = live.services.values().find(|spec| spec::label(spec, IMAGE_LABEL) == Some(image))?;
    let platforms = spec.pointer("/TaskTemplate/Placement/Platforms").and_then(Value::as_array);
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(ResolvedImage {
        image: spec::image(spec)?.to_owned(),
        platforms: platforms
            .into_iter()
            .flatten()
            .map(|platform| Platform {
                architecture: text(platform, "Architecture"),
                os: text(platform, "OS"),
                ..Platform::default()
            })
            .collect(),
    })
}

async fn ask<A: Api>(
    api: &A,
    image: &str,
    auth: Option<&Secret>,
    before: Option<ResolvedImage>,
    sink: Sink<'_>,
) -> ResolvedImage {
    let tagged = with_tag(image);
    let reason = match api.distribution(&tagged, auth).await {
        Ok(Some(found)) => {
            let digested = if tagged.contains('@') { tagged } else { format!("{tagged}@{}", found.digest) };
            return ResolvedImage { image: digested, platforms: placeable(found.platforms) };
        }
        Ok(None) => "its registry does not have it".to_owned(),
        Err(error) => error.to_string(),
    };
    let (resolved, then) = match before {
        Some(before) => (before, "the digest of the last deploy is kept"),
        None => (
            ResolvedImage { image: tagged, platforms: Vec::new() },
            "it is used as written, so nodes may run different versions of it",
        ),
    };
    sink(Event::Warning {
        message: format!("image `{image}` could not be resolved to a digest ({reason}); {then}"),
    });
    resolved
}

/// The platforms that a placement can name: unknown ones are left out, and `arm` without its architecture's variant,
/// as the official client does.
fn placeable(platforms: Vec<Platform>) -> Vec<Platform> {
    let mut seen = Vec::new();
    for mut platform in platforms {
        if platform.architecture.eq_ignore_ascii_case("unknown")
            || platform.os.eq_ignore_ascii_case("unknown")
        {
            continue;
        }
        if platform.architecture.eq_ignore_ascii_case("arm") {
            platform.architecture.clear();
        }
        let same = |other: &Platform| other.os == platform.os && other.architecture == platform.architecture;
        if !seen.iter().any(same) {
            seen.push(platform);
        }
    }
    seen
}

/// An image with the tag that its absence means: what the registry is asked about.
pub fn with_tag(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains(':') || name.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}
