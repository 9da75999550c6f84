//! Answers that come piece by piece, for as long as somebody listens.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;

use super::target::Target;
use super::{Client, refusal};
use crate::http::read_whole;
use crate::{Call, Error, Event, Subscription};

/// The longest event that is read.
const LONGEST_EVENT: usize = 4 << 20;

/// Opens a stream and returns its body, or the error that the engine answered instead.
pub(super) async fn open(client: &Client, call: &Call, target: Target) -> Result<Incoming, Error> {
    let request = client.outgoing(Method::GET, target, None, None);
    let response = client.http.open(call, &request, client.timeouts.call).await?;
    let status = response.status().as_u16();
    if status < 400 {
        return Ok(response.into_body());
    }
    let body = tokio::time::timeout(client.timeouts.call, read_whole(response.into_body())).await;
    Err(refusal(call, status, &body.ok().and_then(Result::ok).unwrap_or_default()))
}

/// The next piece of a body; `None` at its end.
pub(super) async fn piece(call: &Call, body: &mut Incoming) -> Option<Result<Bytes, Error>> {
    loop {
        match body.frame().await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Some(Ok(data)),
                Err(_trailers) => {}
            },
            Err(error) => {
                return Some(Err(Error::Interrupted { what: call.what.clone(), reason: error.to_string() }));
            }
        }
    }
}

/// Events as they come: one JSON object a line.
pub(super) async fn events(client: &Client, target: Target) -> Result<Subscription<Event>, Error> {
    let call = Call::read("listen to the engine's events");
    let mut body = open(client, &call, target).await?;
    let (supply, subscription) = Subscription::new();
    let feeder = tokio::spawn(async move {
        let mut lines = Lines::default();
        while let Some(piece) = piece(&call, &mut body).await {
            let events = match piece {
                Ok(piece) => lines.feed(&call, &piece),
                Err(error) => vec![Err(error)],
            };
            for event in events {
                let last = event.is_err();
                if supply.send(event).await.is_err() || last {
                    return;
                }
            }
        }
    });
    Ok(subscription.fed_by(feeder))
}

/// Cuts a byte stream into lines of JSON.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, call: &Call, bytes: &[u8]) -> Vec<Result<Event, Error>> {
        let garbled = |reason: String| Error::Protocol { what: call.what.clone(), reason };
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            if !line.trim_ascii().is_empty() {
                events.push(
                    serde_json::from_slice(&line).map_err(|error| garbled(format!("not an event: {error}"))),
                );
            }
        }
        if self.rest.len() > LONGEST_EVENT {
            events.push(Err(garbled(format!("an event longer than {LONGEST_EVENT} bytes"))));
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use crate::Call;

    #[test]
    fn events_are_cut_at_line_ends_wherever_the_pieces_end() {
        let text = "{\"Type\":\"service\",\"Action\":\"update\",\"Actor\":{\"ID\":\"s1\",\"Attributes\":{\"updatestate.new\":\"paused\"}}}\n\n{\"Type\":\"node\",\"Actor\":null}\nnoise\n";
        for size in [1, 7, text.len()] {
            let (mut lines, call) = (Lines::default(), Call::read("x"));
            let events: Vec<_> =
                text.as_bytes().chunks(size).flat_map(|piece| lines.feed(&call, piece)).collect();
            assert_eq!(events.len(), 3, "{size}");
            let first = events[0].as_ref().unwrap();
            assert_eq!((first.id.as_str(), first.attributes["updatestate.new"].as_str()), ("s1", "paused"));
            assert_eq!(events[1].as_ref().unwrap().kind, "node");
            assert!(events[2].is_err());
        }
    }
}
