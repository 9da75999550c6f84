//! Profiles: a service that names some is deployed only if one of them is enabled.

use crate::model::{Located, Service, Stack};

/// Removes the services whose profiles are not enabled, and remembers their names.
pub(crate) fn apply(stack: &mut Stack, enabled: &[String]) {
    let disabled = stack.services.extract_if(.., |_, service| !is_enabled(service, enabled));
    stack.disabled = disabled.map(|(name, _)| name).collect();
}

fn is_enabled(service: &Service, enabled: &[String]) -> bool {
    let wanted = |profile: &Located<String>| enabled.iter().any(|name| name == "*" || *name == profile.value);
    service.profiles.is_empty() || service.profiles.iter().any(wanted)
}
