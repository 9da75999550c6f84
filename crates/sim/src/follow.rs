//! Logs and events as they come. A feeding task sleeps until the world's next event, or until somebody does something to it.

use std::time::Duration;

use engine::{Event, EventFilter, LogLine, LogOptions, LogSource, Subscription};
use tokio::time::{Instant, sleep_until};

use crate::caller::Sim;

/// How often a feeding task looks when nothing is due: log lines are not events of the world.
const LOOK: Duration = Duration::from_millis(100);

/// The events from the one of this number on.
pub(crate) fn events(sim: &Sim, filter: &EventFilter, from: usize) -> Subscription<Event> {
    let (supply, subscription) = Subscription::new();
    let (sim, filter) = (sim.clone(), filter.clone());
    let feeder = tokio::spawn(async move {
        let mut seen = from;
        loop {
            let new: Vec<Event> = sim.world().events[seen..].to_vec();
            seen += new.len();
            for event in new.into_iter().filter(|event| passes(&filter, event)) {
                if supply.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            let changed = sim.shared.changed.notified();
            match sim.next_due() {
                Some(due) => tokio::select! { () = sleep_until(due) => {}, () = changed => {} },
                None => changed.await,
            }
        }
    });
    subscription.fed_by(feeder)
}

fn passes(filter: &EventFilter, event: &Event) -> bool {
    (filter.kinds.is_empty() || filter.kinds.contains(&event.kind))
        && filter.labels.iter().all(|(key, value)| event.attributes.get(key) == Some(value))
}

/// A log's lines, past and future. The stream ends when the service or task is gone.
pub(crate) fn log(sim: &Sim, source: LogSource<'_>, options: &LogOptions) -> Subscription<LogLine> {
    let (supply, subscription) = Subscription::new();
    let (sim, options) = (sim.clone(), options.clone());
    let (id, is_task) = match source {
        LogSource::Service(id) => (id.to_owned(), false),
        LogSource::Task(id) => (id.to_owned(), true),
    };
    let feeder = tokio::spawn(async move {
        let source = || if is_task { LogSource::Task(&id) } else { LogSource::Service(&id) };
        let all = LogOptions { tail: None, ..options.clone() };
        let Ok(mut lines) = sim.world().log(source(), &options) else { return };
        let mut seen = sim.world().log(source(), &all).map_or(0, |lines| lines.len());
        loop {
            for (_, line) in lines {
                if supply.send(Ok(line)).await.is_err() {
                    return;
                }
            }
            sleep_until(Instant::now() + LOOK).await;
            let Ok(now) = sim.world().log(source(), &all) else { return };
            lines = now.into_iter().skip(seen).collect();
            seen += lines.len();
        }
    });
    subscription.fed_by(feeder)
}
