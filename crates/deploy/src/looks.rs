//! One look at the engine, and one ear for its events, for all who wait for services at the same time. If each of fifty waits
//! asked for its own service and tasks, the managers would be busier with answering than with the rollout. Decides nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex as Plain, PoisonError};
use std::time::Duration;

use engine::{Api, Error as EngineError, Event, EventFilter, Filter, Service, Task, TaskFilter};
use tokio::sync::{Mutex, Notify};
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
    /// Who is woken by an event about a service, by its id.
    waiting: Plain<BTreeMap<String, Arc<Notify>>>,
}

/// One look.
struct Look {
    begun: Instant,
    ended: Instant,
    /// Nothing where the engine did not answer.
    answer: Option<Answer>,
}

/// What the engine answered, by the services' ids.
struct Answer {
    services: BTreeMap<String, Arc<Service>>,
    /// When the tasks were asked for.
    asked: Instant,
    tasks: BTreeMap<String, Arc<[Task]>>,
}

impl Answer {
    fn of(&self, id: &str) -> Seen {
        let tasks = self.tasks.get(id).cloned().unwrap_or_default();
        (self.services.get(id).cloned(), tasks, self.asked)
    }
}

/// A service, its tasks, and when these were asked for.
pub(crate) type Seen = (Option<Arc<Service>>, Arc<[Task]>, Instant);

impl<'a, A: Api> Looks<'a, A> {
    pub(crate) fn new(api: &'a A, stack: &'a str) -> Self {
        Self { api, stack, last: Mutex::default(), waiting: Plain::default() }
    }

    /// The engine itself.
    pub(crate) fn api(&self) -> &'a A {
        self.api
    }

    /// Does work during which whoever waits for a service is woken by the engine's events about it. They say when to look, and
    /// not what there is to see: without them it is only looked a little later.
    pub(crate) async fn listening<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            // In some fixed order, so that a simulated run replays exactly.
            biased;
            result = work => result,
            never = self.listen() => match never {},
        }
    }

    /// What is woken by events about a service.
    pub(crate) fn bell(&self, id: &str) -> Arc<Notify> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(waiting.entry(id.to_owned()).or_default())
    }

    /// Never returns: without events there is nothing to hear.
    async fn listen(&self) -> Infallible {
        let kinds = vec!["service".to_owned(), "container".to_owned()];
        if let Ok(mut events) = self.api.events(&EventFilter { kinds, labels: Vec::new() }).await {
            while let Some(Ok(event)) = events.next().await {
                self.ring(&event);
            }
        }
        pending().await
    }

    fn ring(&self, event: &Event) {
        // Every run of a healthcheck is three events of this kind.
        if event.action.starts_with("exec_") {
            return;
        }
        let id = event.attributes.get("com.docker.swarm.service.id").unwrap_or(&event.id);
        if let Some(bell) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            bell.notify_one();
        }
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
            let tasks = self.api.tasks(&TaskFilter::service(id)).await?;
            return Ok((service.map(Arc::new), tasks.into(), asked));
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
        let mut by_service: BTreeMap<String, Vec<Task>> = BTreeMap::new();
        for task in tasks {
            by_service.entry(task.service_id.clone()).or_default().push(task);
        }
        Ok(Answer {
            services: services.into_iter().map(|service| (service.id.clone(), Arc::new(service))).collect(),
            asked,
            tasks: by_service.into_iter().map(|(id, tasks)| (id, tasks.into())).collect(),
        })
    }
}
