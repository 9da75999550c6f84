//! One HTTP exchange with the engine, with a deadline, and an error that says how far it got. Knows nothing of Docker's objects.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::transport::tls::tls_reason;
use crate::transport::{Connector, Remarks, ended};
use crate::{Call, Endpoint, Error, Secret};

/// The longest answer that is read. A service takes about 5 KB, a config at most 1 MB.
const LONGEST_ANSWER: usize = 256 << 20;

/// How long an unused connection is kept: less than proxies and load balancers keep theirs.
const KEEP_IDLE: Duration = Duration::from_secs(15);

/// What to send.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// Path and query, encoded.
    pub(crate) target: String,
    pub(crate) body: Option<Bytes>,
    pub(crate) registry_auth: Option<Secret>,
}

/// What came back, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Exchanges requests and answers with one engine.
pub(crate) struct Http {
    connector: Connector,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

/// An HTTP connection.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    remarks: Remarks,
}

/// How far a call has got, known even when its deadline cuts it off.
#[derive(Default)]
struct Progress {
    connected: AtomicBool,
    sent: AtomicBool,
}

impl Http {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, idle: Mutex::default() }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.connector.endpoint()
    }

    /// Sends a request and reads its whole answer within `deadline`.
    pub(crate) async fn exchange(
        &self,
        call: &Call,
        request: &Outgoing,
        deadline: Duration,
    ) -> Result<Answer, Error> {
        let progress = Progress::default();
        let work = async {
            let (response, connection) = self.send(call, request, &progress).await?;
            let (head, body) = response.into_parts();
            let body = read_whole(body).await.map_err(|error| lost(call, &error, &connection.remarks))?;
            self.keep(connection);
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        timeout(deadline, work).await.unwrap_or_else(|_| Err(self.cut_off(call, &progress, deadline)))
    }

    /// Sends a request and returns its answer's body as it comes. `deadline` covers the answer's head only. The connection
    /// ends with the body.
    pub(crate) async fn open(
        &self,
        call: &Call,
        request: &Outgoing,
        deadline: Duration,
    ) -> Result<Response<Incoming>, Error> {
        let progress = Progress::default();
        let work = async { Ok(self.send(call, request, &progress).await?.0) };
        timeout(deadline, work).await.unwrap_or_else(|_| Err(self.cut_off(call, &progress, deadline)))
    }

    async fn send(
        &self,
        call: &Call,
        request: &Outgoing,
        progress: &Progress,
    ) -> Result<(Response<Incoming>, Connection), Error> {
        let mut request = self.request(call, request)?;
        // A kept connection may have ended unnoticed. If hyper hands the request back, nothing of it was sent, and a new
        // connection takes it; in every other case it counts as sent.
        if let Some(mut kept) = self.take_idle() {
            progress.connected.store(true, Ordering::Relaxed);
            progress.sent.store(true, Ordering::Relaxed);
            match kept.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, kept)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(self.failed(call, error.error(), &kept.remarks)),
                },
            }
            progress.sent.store(false, Ordering::Relaxed);
        }
        let mut fresh = self.connect().await?;
        progress.connected.store(true, Ordering::Relaxed);
        progress.sent.store(true, Ordering::Relaxed);
        match fresh.sender.try_send_request(request).await {
            Ok(response) => Ok((response, fresh)),
            Err(mut error) => match error.take_message() {
                Some(_unsent) => {
                    let source = ended("it closed the connection at once");
                    Err(Error::Unreachable { endpoint: self.endpoint().to_string(), source })
                }
                None => Err(self.failed(call, error.error(), &fresh.remarks)),
            },
        }
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let (stream, remarks) = self.connector.connect().await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| {
            Error::Unreachable { endpoint: self.endpoint().to_string(), source: std::io::Error::other(error) }
        })?;
        tokio::spawn(async move {
            // How the connection ends is seen by whoever waits for an answer on it.
            drop(connection.await);
        });
        Ok(Connection { sender, remarks })
    }

    fn request(&self, call: &Call, outgoing: &Outgoing) -> Result<Request<Full<Bytes>>, Error> {
        let host = match self.endpoint() {
            Endpoint::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Endpoint::Tcp { host, port, .. } => format!("{host}:{port}"),
            Endpoint::Unix(_) | Endpoint::Ssh { .. } => "docker".to_owned(),
        };
        let mut request =
            Request::builder().method(&outgoing.method).uri(&outgoing.target).header(HOST, host);
        if outgoing.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(auth) = &outgoing.registry_auth {
            request = request.header("X-Registry-Auth", auth.expose());
        }
        let body = Full::new(outgoing.body.clone().unwrap_or_default());
        // The reason is left out: it could show the credentials.
        request.body(body).map_err(|_| Error::Protocol {
            what: call.what.clone(),
            reason:
                "the request cannot be written as HTTP (a control character in a name or in the credentials)"
                    .into(),
        })
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.retain(|(connection, since)| connection.sender.is_ready() && since.elapsed() < KEEP_IDLE);
        idle.pop().map(|(connection, _)| connection)
    }

    fn keep(&self, connection: Connection) {
        if self.connector.is_costly() && !connection.sender.is_closed() {
            let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            idle.push((connection, Instant::now()));
        }
    }

    fn failed(&self, call: &Call, error: &hyper::Error, remarks: &Remarks) -> Error {
        match tls_reason(error) {
            Some(reason) => Error::TlsRefused { endpoint: self.endpoint().to_string(), reason },
            None if error.is_parse() => {
                Error::Protocol { what: call.what.clone(), reason: error.to_string() }
            }
            None => lost(call, error, remarks),
        }
    }

    fn cut_off(&self, call: &Call, progress: &Progress, deadline: Duration) -> Error {
        let seconds = deadline.as_secs();
        if !progress.connected.load(Ordering::Relaxed) {
            let source = std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no connection within {seconds} s"),
            );
            return Error::Unreachable { endpoint: self.endpoint().to_string(), source };
        }
        if call.writes && progress.sent.load(Ordering::Relaxed) {
            return Error::Ambiguous {
                what: call.what.clone(),
                reason: format!("no answer within {seconds} s"),
            };
        }
        Error::Timeout { what: call.what.clone(), seconds }
    }
}

/// The error of a call whose connection was lost after it was sent.
fn lost(call: &Call, error: &dyn std::error::Error, remarks: &Remarks) -> Error {
    let mut reason = error.to_string();
    if let Some(source) = error.source() {
        reason = format!("{reason}: {source}");
    }
    let remarks = remarks.text();
    if !remarks.is_empty() {
        reason = format!("{reason}: {remarks}");
    }
    let what = call.what.clone();
    if call.writes { Error::Ambiguous { what, reason } } else { Error::Interrupted { what, reason } }
}

/// Reads a body to its end, up to the limit.
pub(crate) async fn read_whole<B>(mut body: B) -> Result<Bytes, std::io::Error>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(std::io::Error::other)?.into_data() {
            if whole.len() + data.len() > LONGEST_ANSWER {
                return Err(std::io::Error::other(format!(
                    "the answer is longer than {LONGEST_ANSWER} bytes"
                )));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}
