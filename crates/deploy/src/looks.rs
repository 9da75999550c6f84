//! One look at the engine for all who wait for services at the same time. If each of fifty waits asked for its own service
//! and tasks, the managers would be busier with answering than with the rollout. Decides nothing.

use std::time::Duration;

use engine::{Api, Error as EngineError, Filter, Service, Task, TaskFilter};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// How long after a look the next one is at the earliest.
const LULL: Duration = Duration::from_millis(50);
/// And so many times as long as the look took: a busy manager is asked less often.
const REST: u32 = 1;

/// What an engine says of a stack's services, to all who wait for one.
pub(crate) struct Looks<'a, A> {
    api: &'a A,
    stack: &'a str,
    last: Mutex<Option<Look>>,
}

/// One look.
struct Look {
    begun: Instant,
    ended: Instant,
    /// Nothing where the engine did not answer.
    answer: Option<(Vec<Service>, Vec<Task>)>,
}

impl<'a, A: Api> Looks<'a, A> {
    pub(crate) fn new(api: &'a A, stack: &'a str) -> Self {
        Self { api, stack, last: Mutex::default() }
    }

    /// The engine itself.
    pub(crate) fn api(&self) -> &'a A {
        self.api
    }

    /// A service and its tasks, as they were no earlier than now. The tasks are read last, so that what made Swarm step in is
    /// among them.
    pub(crate) async fn look(&self, id: &str) -> Result<(Option<Service>, Vec<Task>), EngineError> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        // What another one has read since will do.
        if let Some(look) = last.as_ref().filter(|look| look.begun >= asked) {
            if let Some((services, tasks)) = &look.answer {
                return Ok(of(id, services, tasks));
            }
            drop(last);
            // It got no answer; then each asks, to hear why.
            let service = self.api.service(id).await?;
            return Ok((service, self.api.tasks(&TaskFilter::service(id)).await?));
        }
        if let Some(look) = last.as_ref() {
            let took = look.ended.saturating_duration_since(look.begun);
            sleep_until(look.ended + (took * REST).max(LULL)).await;
        }
        let begun = Instant::now();
        let answer = self.all().await;
        let ended = Instant::now();
        let (own, answer) = match answer {
            Ok((services, tasks)) => (Ok(of(id, &services, &tasks)), Some((services, tasks))),
            Err(error) => (Err(error), None),
        };
        *last = Some(Look { begun, ended, answer });
        own
    }

    async fn all(&self) -> Result<(Vec<Service>, Vec<Task>), EngineError> {
        let services = self.api.services(&Filter::stack(self.stack)).await?;
        // By their label: a filter by ids would find nothing at all once one of them is gone.
        Ok((services, self.api.tasks(&TaskFilter::stack(self.stack)).await?))
    }
}

fn of(id: &str, services: &[Service], tasks: &[Task]) -> (Option<Service>, Vec<Task>) {
    let service = services.iter().find(|service| service.id == id).cloned();
    (service, tasks.iter().filter(|task| task.service_id == id).cloned().collect())
}
