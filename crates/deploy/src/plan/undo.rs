//! What becomes of a release that fails, and what cannot be taken back, in sentences for the plan. Pure.

use super::{Action, Plan};
use crate::history::in_force;
use crate::live::Live;
use crate::target::Target;

/// The sentences.
pub(super) fn undo(target: &Target, plan: &Plan, live: &Live) -> Vec<String> {
    if plan.empty {
        return Vec::new();
    }
    let mut lines = vec![back_to(target, plan, live)];
    if plan
        .waves
        .iter()
        .filter(|wave| wave.gate)
        .flat_map(|wave| &wave.services)
        .any(|s| s.action == Action::Run)
    {
        lines.push(
            "what the gate has committed to the database stays there if the release fails after it"
                .to_owned(),
        );
    }
    if plan.recreate.is_some() {
        lines.push(
            "if it fails after the removal, networks are made again with the addresses they had, and services from their \
             specs: they are down until then"
                .to_owned(),
        );
    }
    let removed = |name: &String| plan.previous.get(name).is_some_and(Option::is_some);
    if plan.removes.iter().any(removed) {
        lines.push("services that are removed are made again if it fails, with new tasks".to_owned());
    }
    if live.releases.iter().any(|release| !release.opened) {
        lines.push(
            "releases whose records were sealed with a key that is gone cannot be gone back to".to_owned(),
        );
    }
    lines
}

fn back_to(target: &Target, plan: &Plan, live: &Live) -> String {
    if plan.previous.values().all(Option::is_none) {
        return "if it fails, all that it made is removed again; volumes stay".to_owned();
    }
    if let Some(number) = plan.supersedes {
        return format!(
            "if it fails, every service goes back to what it was before the interrupted release {number}"
        );
    }
    match in_force(&live.releases) {
        Some(release) if plan.in_force == Some(release.intent.number) => {
            format!("if it fails, every service goes back to release {}", release.intent.number)
        }
        Some(_) => "if it fails, every service goes back to what it is now".to_owned(),
        None => format!(
            "if it fails, every service goes back to what it is now; stack {} was not deployed by Tidegate",
            target.stack
        ),
    }
}
