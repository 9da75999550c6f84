//! A caller's whole process: how it is stopped for good, or stands still, wherever it is.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::caller::Sim;
use crate::fault::Halt;

impl Sim {
    /// Does the work of this caller's process. `None`: it was stopped for good on the way (see [`Halt`]). While the process
    /// stands still ([`Fault::Freeze`](crate::Fault::Freeze)) the work is not gone on with and its time passes all the same.
    pub async fn drive<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let end = match self.line().halt {
            Some(Halt::At(moment)) => Some(self.shared.instant(moment)),
            _ => None,
        };
        let mut end = pin!(async {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        });
        let mut thaw = pin!(sleep_until(Instant::now()));
        poll_fn(|context| {
            if end.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            loop {
                if let Some(until) = self.frozen_until() {
                    if thaw.deadline() != until {
                        thaw.as_mut().reset(until);
                    }
                    if thaw.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    self.line().frozen_until = None;
                }
                if let Poll::Ready(result) = work.as_mut().poll(context) {
                    return Poll::Ready(Some(result));
                }
                if *self.halted.borrow() {
                    return Poll::Ready(None);
                }
                if self.frozen_until().is_none() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// From now on this caller's process stands still for this time.
    pub fn freeze(&self, time: Duration) {
        let mut line = self.line();
        line.frozen_until = Some(Instant::now() + time);
        line.freezes += 1;
    }

    fn frozen_until(&self) -> Option<Instant> {
        self.line().frozen_until
    }
}
