//! A stream of values from the engine, as a bounded channel with a task behind it that dies with it.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::Error;

/// How many values wait at most for their reader before the feeding side waits in turn.
const CAPACITY: usize = 256;

/// Values that arrive over time. Dropping it ends the connection behind it.
#[derive(Debug)]
pub struct Subscription<T> {
    values: mpsc::Receiver<Result<T, Error>>,
    feeder: Option<JoinHandle<()>>,
}

/// The feeding side of a [`Subscription`].
pub type Supply<T> = mpsc::Sender<Result<T, Error>>;

impl<T> Subscription<T> {
    /// A subscription and the side that feeds it. It ends when every copy of that side is dropped.
    pub fn new() -> (Supply<T>, Self) {
        let (supply, values) = mpsc::channel(CAPACITY);
        (supply, Self { values, feeder: None })
    }

    /// The same, which stops `feeder` when it is dropped.
    #[must_use]
    pub fn fed_by(mut self, feeder: JoinHandle<()>) -> Self {
        self.feeder = Some(feeder);
        self
    }

    /// The next value; `None` when the engine has ended the stream. After an error comes nothing more. Safe to cancel:
    /// a value is never lost by dropping this future.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        self.values.recv().await
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        if let Some(feeder) = &self.feeder {
            feeder.abort();
        }
    }
}
