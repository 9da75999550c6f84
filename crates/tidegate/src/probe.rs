//! Checks over the network: GET of a URL, a TCP connection. They are made from where this command runs, with the system's
//! certificate authorities (`SSL_CERT_FILE` names others), and follow no redirects and no proxies.

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use deploy::{Answer, Asking, Probe, Url};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest body that is read.
const LONGEST_BODY: usize = 1 << 20;

/// The network of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network;

impl Probe for Network {
    fn get<'a>(&'a self, url: &'a Url) -> Asking<'a, Answer> {
        Box::pin(async move {
            let bare = dial((url.host.as_str(), url.port)).await?;
            if url.tls {
                exchange(secure(&url.host, bare).await?, url).await
            } else {
                exchange(bare, url).await
            }
        })
    }

    fn connect<'a>(&'a self, address: &'a str) -> Asking<'a, ()> {
        Box::pin(async move { dial(address).await.map(drop) })
    }
}

async fn dial(address: impl tokio::net::ToSocketAddrs) -> Result<TcpStream, String> {
    TcpStream::connect(address).await.map_err(|error| format!("cannot be reached: {}", bare_words(&error)))
}

async fn secure(
    host: &str,
    bare: TcpStream,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static, String> {
    let refused = |reason: &dyn std::fmt::Display| format!("gave no secure connection: {reason}");
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&error))?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| refused(&error))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, bare)
        .await
        .map_err(|error| refused(&bare_words(&error)))
}

async fn exchange<S>(stream: S, url: &Url) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| match error.source() {
        Some(cause) => format!("gave no answer: {error}: {cause}"),
        None => format!("gave no answer: {error}"),
    };
    let request = Request::get(url.target.as_str())
        .header(HOST, url.authority.as_str())
        .header(USER_AGENT, concat!("tidegate/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("cannot be asked: {error}"))?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let ask = async {
        let (head, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
        let body = Limited::new(body, LONGEST_BODY).collect().await;
        let body = body.map_err(|error| format!("broke its answer off: {error}"))?.to_bytes();
        Ok(Answer { status: head.status.as_u16(), body: body.to_vec() })
    };
    tokio::pin!(connection);
    tokio::pin!(ask);
    // The connection does the work; it may end, cleanly or not, before the last of the answer has been taken from it.
    tokio::select! {
        answer = &mut ask => return answer,
        _ = &mut connection => {}
    }
    ask.await
}

/// The system's words without the number that Rust adds.
fn bare_words(error: &io::Error) -> String {
    let words = error.to_string();
    words.split_once(" (os error").map_or(words.clone(), |(words, _)| words.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with these bytes; returns its port and what was asked.
    async fn serve(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (port, asked)
    }

    fn url(port: u16) -> Url {
        Url::parse(&format!("http://127.0.0.1:{port}/health?deep=1")).unwrap()
    }

    #[tokio::test]
    async fn an_answer_has_its_status_and_body() {
        let (port, asked) = serve("HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy").await;
        let answer = Network.get(&url(port)).await;
        assert_eq!(answer, Ok(Answer { status: 503, body: b"busy".to_vec() }));
        let asked = asked.await.unwrap().to_lowercase();
        assert!(asked.starts_with("get /health?deep=1 http/1.1\r\n"), "{asked}");
        assert!(asked.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked}");
        // A body that ends with its connection.
        let (port, _) = serve("HTTP/1.0 200 OK\r\n\r\nall of it").await;
        assert_eq!(Network.get(&url(port)).await.unwrap().body, b"all of it");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error_in_words() {
        let (port, _) = serve("SSH-2.0-x\r\n").await;
        assert!(Network.get(&url(port)).await.unwrap_err().starts_with("gave no answer: "));
        let (port, _) = serve("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").await;
        assert!(Network.get(&url(port)).await.unwrap_err().starts_with("broke its answer off: "));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let refused = "cannot be reached: Connection refused";
        assert_eq!(Network.get(&url(closed)).await.unwrap_err(), refused);
        assert_eq!(Network.connect(&format!("127.0.0.1:{closed}")).await.unwrap_err(), refused);
        let (port, _) = serve("").await;
        assert_eq!(Network.connect(&format!("127.0.0.1:{port}")).await, Ok(()));
    }

    #[tokio::test]
    async fn a_certificate_is_verified() {
        let (port, _) = serve("HTTP/1.1 200 OK\r\n\r\n").await;
        let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
        let refused = Network.get(&url).await.unwrap_err();
        assert!(refused.starts_with("gave no secure connection: "), "{refused}");
    }
}
