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
    answer: Option<Answer>,
}

/// What the engine answered.
struct Answer {
    services: Vec<Service>,
    /// When the tasks were asked for.
    asked: Instant,
    tasks: Vec<Task>,
}

impl Answer {
    fn of(&self, id: &str) -> Seen {
        let service = self.services.iter().find(|service| service.id == id).cloned();
        (service, self.tasks.iter().filter(|task| task.service_id == id).cloned().collect(), self.asked)
    }
}

/// A service, its tasks, and when these were asked for.
pub(crate) type Seen = (Option<Service>, Vec<Task>, Instant);

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
    pub(crate) async fn look(&self, id: &str) -> Result<Seen, EngineError> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        // What another one has read since will do.
        if let Some(look) = last.as_ref().filter(|look| look.begun >= asked) {
            if let Some(answer) = &look.answer {
                return Ok(answer.of(id));
            }
            drop(last);
            // It got no answer; then each asks, to hear why.
            let service = self.api.service(id).await?;
            let asked = Instant::now();
            return Ok((service, self.api.tasks(&TaskFilter::service(id)).await?, asked));
        }
        if let Some(look) = last.as_ref() {
            let took = look.ended.saturating_duration_since(look.begun);
            sleep_until(look.ended + (took * REST).max(LULL)).await;
        }
        let begun = Instant::now();
        let answer = self.all().await;
        let ended = Instant::now();
        let (own, answer) = match answer {
            Ok(answer) => (Ok(answer.of(id)), Some(answer)),
            Err(error) => (Err(error), None),
        };
        *last = Some(Look { begun, ended, answer });
        own
    }

    async fn all(&self) -> Result<Answer, EngineError> {
        let services = self.api.services(&Filter::stack(self.stack)).await?;
        let asked = Instant::now();
        // By their label: a filter by ids would find nothing at all once one of them is gone.
        let tasks = self.api.tasks(&TaskFilter::stack(self.stack)).await?;
        Ok(Answer { services, asked, tasks })
    }
}
