//! A deploy with nothing to do: success still means that everything runs.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{Api, TaskFilter};
use tokio::time::{Instant, sleep};

use crate::converge::count;
use crate::deploy::Deployed;
use crate::error::Error;
use crate::event::{Event, ServiceEvent, ServiceState, Sink};
use crate::plan::{Action, Plan};
use crate::target::Target;

/// How long a deploy with nothing to do waits for a service that is not up.
const STEADY_WAIT: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(250);

/// Nothing is to be written; but success still means that everything runs.
pub(crate) async fn steady<A: Api>(
    api: &A,
    target: &Target,
    plan: &Plan,
    sink: Sink<'_>,
) -> Result<Deployed, Error> {
    let begun = Instant::now();
    let mut told: BTreeMap<String, ServiceEvent> = BTreeMap::new();
    let waiting = loop {
        let (of_tasks, of_services) =
            (TaskFilter::stack(&target.stack), engine::Filter::stack(&target.stack));
        let (tasks, services) = tokio::try_join!(api.tasks(&of_tasks), api.services(&of_services))?;
        let mut waiting = Vec::new();
        for planned in plan.waves.iter().flat_map(|wave| &wave.services) {
            if planned.action == Action::Skip {
                continue;
            }
            let Some(service) = services.iter().find(|service| service.name() == planned.name) else {
                continue;
            };
            let own: Vec<_> = tasks.iter().filter(|task| task.service_id == service.id).cloned().collect();
            let count = count(&service.spec, &own);
            let up = count.running >= count.wanted && count.outdated == 0;
            let event = ServiceEvent {
                service: planned.key.clone(),
                state: if up { ServiceState::Unchanged } else { ServiceState::Converging },
                running: count.running,
                wanted: count.wanted,
                note: None,
            };
            if told.insert(planned.key.clone(), event.clone()).as_ref() != Some(&event) {
                sink(Event::Service(event));
            }
            if !up {
                waiting.push(format!("{} ({}/{})", planned.key, count.running, count.wanted));
            }
        }
        if waiting.is_empty() || begun.elapsed() >= STEADY_WAIT {
            break waiting;
        }
        sleep(LOOK).await;
    };
    if !waiting.is_empty() {
        return Err(Error::TimedOut {
            what: format!("the services of the release that already runs to be up: {}", waiting.join(", ")),
            seconds: STEADY_WAIT.as_secs(),
        });
    }
    // An empty plan means that a release of this content is in force.
    let release = plan.in_force.unwrap_or_default();
    let message =
        format!("stack {} already runs this as release {release}; nothing was changed", target.stack);
    sink(Event::Finished { outcome: "unchanged", release: Some(release), message });
    Ok(Deployed { release, changed: false })
}
