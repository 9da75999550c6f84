//! A service whose updates are left to Swarm's defaults.

use diagnostics::Severity;
use stackfile::model::{MountKind, Service};

use crate::context::{Context, config, has_healthcheck, is_job, migration, serves_too};
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "no-update-config",
    level: Severity::Warning,
    summary: "nothing says how the service is updated",
    what: "Without `update_config` Swarm stops each old task before it starts the new one, watches it for 5 s, and \
           pauses the update when it fails: the service then stays with some tasks old, some new or none, and nothing \
           puts it back.",
    instead: "Write `deploy.update_config`: `parallelism: 1`, `failure_action: rollback`, a `monitor` longer than the \
              service needs to fail, and `order: start-first` where two tasks may run side by side (a healthcheck, no \
              volume that it writes, no port of the host), else `stop-first`. `--fix` chooses by the same words.",
    example: Example {
        wrong: &["\
services:
  api:
    image: registry.example/app:1.4
    healthcheck: { test: [CMD, check] }
"],
        right: &["\
services:
  api:
    image: registry.example/app:1.4
    healthcheck: { test: [CMD, check] }
    deploy:
      update_config: { parallelism: 1, order: start-first, failure_action: rollback, monitor: 60s }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    // A service that runs once has a rule of its own.
    let services =
        context.services().filter(|service| !is_job(service) && context.runs_once(service).is_none());
    services.filter(|service| config(service).is_none()).map(draft).collect()
}

fn draft(service: &Service) -> Draft {
    let message = format!("`{}` has no `deploy.update_config`: a failed update stops half way", service.name);
    let draft = Draft::at(&service.place, message, "add one, with `failure_action: rollback` and an `order`")
        .of(service);
    draft.update_config(if migration(service).is_some() && !serves_too(service) {
        // Whatever its restart policy says, putting its old image back would migrate with old files.
        &[("parallelism", "1"), ("order", "stop-first"), ("failure_action", "continue")]
    } else if side_by_side(service) {
        &[("parallelism", "1"), ("order", "start-first"), ("failure_action", "rollback"), ("monitor", "60s")]
    } else {
        &[("parallelism", "1"), ("order", "stop-first"), ("failure_action", "rollback"), ("monitor", "60s")]
    })
}

/// Whether the old and the new task may run at the same time.
fn side_by_side(service: &Service) -> bool {
    let holds_port = service.ports.iter().any(|port| port.mode == "host");
    let writes = |kind| matches!(kind, MountKind::Volume | MountKind::Bind | MountKind::Cluster);
    let holds_data = service.volumes.iter().any(|mount| writes(mount.kind) && !mount.read_only);
    has_healthcheck(service) && migration(service).is_none() && !holds_port && !holds_data
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rule::Proposal;
    use crate::testing::{drafts, places};

    fn order(service: &str) -> &'static str {
        let found = drafts(
            &RULE,
            &[&format!("services:\n  a: {{ image: x, {service} }}\nvolumes: {{ data: {{}} }}\n")],
        );
        match found[0].proposal {
            Proposal::UpdateConfig(set) => set[1].1,
            Proposal::None(reason) => reason,
        }
    }

    #[test]
    fn it_is_found_where_it_is_missing() {
        assert_eq!(places(&RULE, "services:\n  a:\n    image: x\n"), ["2:3 a"]);
        assert!(
            places(&RULE, "services:\n  a: { image: x, deploy: { update_config: { order: stop-first } } }\n")
                .is_empty()
        );
        assert!(
            places(&RULE, "services:\n  a: { image: x, deploy: { restart_policy: { condition: none } } }\n")
                .is_empty()
        );
    }

    #[test]
    fn the_order_depends_on_what_may_run_side_by_side() {
        let healthy = "healthcheck: { test: ok }";
        assert_eq!(order(healthy), "start-first");
        assert_eq!(order("init: true"), "stop-first");
        assert_eq!(order(&format!("{healthy}, volumes: [\"data:/v\"]")), "stop-first");
        assert_eq!(order(&format!("{healthy}, volumes: [\"data:/v:ro\"]")), "start-first");
        assert_eq!(
            order(&format!("{healthy}, ports: [{{ target: 1, published: 1, mode: host }}]")),
            "stop-first"
        );
    }
}
