//! From an [`Endpoint`] to a byte stream: unix socket, TCP, TLS, ssh. Knows nothing of HTTP.

mod ssh;
pub(crate) mod tls;

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::{Endpoint, Error};

/// A two-way byte stream.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What the far side's helper (ssh) has said about itself; empty where there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remarks(Arc<Mutex<String>>);

impl Remarks {
    /// What has been said so far, on one line.
    pub(crate) fn text(&self) -> String {
        let said = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }

    fn add(&self, line: &str) {
        const LIMIT: usize = 4096;
        let mut said = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if said.len() + line.len() < LIMIT {
            said.push_str(line);
            said.push('\n');
        }
    }
}

/// Makes connections to one endpoint.
pub(crate) struct Connector {
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
}

impl Connector {
    /// Reads the certificates, if there are any to read.
    pub(crate) fn new(endpoint: Endpoint) -> Result<Self, Error> {
        let tls = match &endpoint {
            Endpoint::Tcp { tls: Some(files), .. } => Some(tls::connector(&endpoint, files)?),
            _ => None,
        };
        Ok(Self { endpoint, tls })
    }

    /// Where the connections go.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether a connection costs more than a few microseconds, so that it pays to keep it.
    pub(crate) fn is_costly(&self) -> bool {
        !matches!(self.endpoint, Endpoint::Unix(_))
    }

    /// A new connection. The caller bounds its time.
    pub(crate) async fn connect(&self) -> Result<(Box<dyn Stream>, Remarks), Error> {
        let remarks = Remarks::default();
        let unreachable = |source| Error::Unreachable { endpoint: self.endpoint.to_string(), source };
        let stream: Box<dyn Stream> = match &self.endpoint {
            Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(unreachable)?),
            Endpoint::Tcp { host, port, .. } => {
                let bare = TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
                bare.set_nodelay(true).map_err(unreachable)?;
                match &self.tls {
                    Some(connector) => Box::new(tls::secure(connector, host, bare, &self.endpoint).await?),
                    None => Box::new(bare),
                }
            }
            Endpoint::Ssh { host, user, port, socket } => {
                let command = ssh::command(host, user.as_deref(), *port, socket.as_deref());
                Box::new(ssh::Pipe::start(command, &remarks).map_err(unreachable)?)
            }
        };
        Ok((stream, remarks))
    }
}

/// An error for a stream that ended where it should not.
pub(crate) fn ended(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, reason.to_owned())
}
