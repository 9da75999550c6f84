//! Logs of services and tasks.

mod decode;

use tokio::time::timeout;

use super::stream::{open, piece};
use super::target::Target;
use super::{Client, absent_is_none};
use crate::{Call, Error, LogLine, LogOptions, LogSource, Subscription};
use decode::Decoder;

fn request(source: LogSource<'_>, options: &LogOptions, follow: bool) -> (Call, Target) {
    let (what, segments) = match source {
        LogSource::Service(id) => (format!("read the log of the service {id}"), ["services", id, "logs"]),
        LogSource::Task(id) => (format!("read the log of the task {id}"), ["tasks", id, "logs"]),
    };
    let mut target = Target::new(&segments).with("stdout", true).with("stderr", true);
    target = target.with("timestamps", true).with("details", true).with("follow", follow);
    if let Some(tail) = options.tail {
        target = target.with("tail", tail);
    }
    if let Some(since) = options.since {
        target = target.with("since", since);
    }
    (Call::read(what), target)
}

/// What there is. An engine that waits for a node which does not answer would keep the stream open: then what has come
/// when the deadline passes is the answer. The log of a service or task that is gone is empty.
pub(super) async fn read(
    client: &Client,
    source: LogSource<'_>,
    options: &LogOptions,
) -> Result<Vec<LogLine>, Error> {
    let (call, target) = request(source, options, false);
    let Some(mut body) = absent_is_none(open(client, &call, target).await)? else { return Ok(Vec::new()) };
    let mut decoder = Decoder::default();
    let mut lines = Vec::new();
    let whole = async {
        while let Some(piece) = piece(&call, &mut body).await {
            lines.extend(decoder.feed(&call, &piece?)?);
        }
        Ok(())
    };
    if let Ok(result) = timeout(client.timeouts.logs, whole).await {
        result?;
    }
    lines.extend(decoder.finish());
    Ok(lines)
}

/// What there is and what comes.
pub(super) async fn follow(
    client: &Client,
    source: LogSource<'_>,
    options: &LogOptions,
) -> Result<Subscription<LogLine>, Error> {
    let (call, target) = request(source, options, true);
    let mut body = open(client, &call, target).await?;
    let (supply, subscription) = Subscription::new();
    let feeder = tokio::spawn(async move {
        let mut decoder = Decoder::default();
        while let Some(piece) = piece(&call, &mut body).await {
            let lines = match piece.and_then(|piece| decoder.feed(&call, &piece)) {
                Ok(lines) => lines,
                Err(error) => {
                    // Nobody may be listening any more; then nobody misses the error.
                    drop(supply.send(Err(error)).await);
                    return;
                }
            };
            for line in lines {
                if supply.send(Ok(line)).await.is_err() {
                    return;
                }
            }
        }
        for line in decoder.finish() {
            if supply.send(Ok(line)).await.is_err() {
                return;
            }
        }
    });
    Ok(subscription.fed_by(feeder))
}
