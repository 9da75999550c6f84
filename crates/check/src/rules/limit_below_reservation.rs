//! A limit that is less than what is set aside.

use diagnostics::{Place, Severity};
use stackfile::model::Service;

use crate::context::Context;
use crate::rule::{Draft, Example, Rule};

pub(crate) static RULE: Rule = Rule {
    name: "limit-below-reservation",
    level: Severity::Warning,
    summary: "a limit of memory or CPU is below the reservation",
    what: "A reservation keeps room on a node, a limit is where the container is stopped. With a limit below the reservation \
           room is kept that can never be used, and the container is killed for memory that was promised to it. The engine \
           takes and runs such a service (measured), so nothing else says so.",
    instead: "Make the limit at least as large as the reservation.",
    example: Example {
        wrong: &["\
services:
  api:
    image: registry.example/app:1.4
    deploy:
      resources:
        limits: { memory: 256M }
        reservations: { memory: 512M }
"],
        right: &["\
services:
  api:
    image: registry.example/app:1.4
    deploy:
      resources:
        limits: { memory: 512M }
        reservations: { memory: 256M }
"],
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Draft> {
    context.services().flat_map(|service| [memory(service), cpus(service)]).flatten().collect()
}

fn memory(service: &Service) -> Option<Draft> {
    let resources = &service.deploy.resources;
    let limit = resources.limits.as_ref()?.memory.as_ref()?;
    let reservation = resources.reservations.as_ref()?.memory.as_ref()?;
    // 0 is no limit.
    (limit.value > 0 && limit.value < reservation.value)
        .then(|| draft(service, "memory", &limit.place, &reservation.place))
}

fn cpus(service: &Service) -> Option<Draft> {
    let resources = &service.deploy.resources;
    let limit = resources.limits.as_ref()?.cpus.as_ref()?;
    let reservation = resources.reservations.as_ref()?.cpus.as_ref()?;
    // What is no plain number is for the conversion to judge.
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| *number > 0.0);
    (number(limit)? < number(reservation)?).then(|| draft(service, "CPU", &limit.place, &reservation.place))
}

fn draft(service: &Service, what: &str, limit: &Place, reservation: &Place) -> Draft {
    let message = format!("the {what} limit of `{}` is below its reservation", service.name);
    let draft = Draft::at(limit, message, "make the limit at least as large as the reservation").of(service);
    draft
        .related(reservation, "the reservation")
        .no_fix("which of the two numbers is meant is for a person to say")
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::places;

    #[test]
    fn limits_and_reservations_are_compared() {
        let with = |limit: &str, reservation: &str| {
            places(
                &RULE,
                &format!(
                    "services:\n  a:\n    image: x\n    deploy:\n      resources:\n        limits:\n          {limit}\n        reservations:\n          {reservation}\n"
                ),
            )
        };
        assert_eq!(with("memory: 256M", "memory: 1G"), ["7:19 256M"]);
        assert_eq!(with("cpus: \"0.5\"", "cpus: \"1\""), ["7:17 \"0.5\""]);
        assert!(with("memory: 1G", "memory: 1024M").is_empty());
        assert!(with("cpus: \"1\"", "memory: 1G").is_empty());
    }
}
