//! TCP and TLS: certificates that fit and that do not, and connections that are kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::{Api, Client, Endpoint, Error, Timeouts, Tls};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An authority, and the certificates of a server at `localhost` and of a client. A second authority that signed nothing.
fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        let output = command.args(arguments.split(' ')).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";
    for name in ["ca", "other-ca"] {
        openssl(&format!("req -x509 {key} -keyout {name}-key.pem -out {name}.pem -subj /CN={name}"));
    }
    for (name, extension) in
        [("server", "subjectAltName=DNS:localhost"), ("cert", "extendedKeyUsage=clientAuth")]
    {
        openssl(&format!(
            "req -x509 {key} -keyout {name}-key.pem -out {name}.pem -subj /CN={name} -CA ca.pem -CAkey ca-key.pem \
             -addext basicConstraints=critical,CA:FALSE -addext {extension}"
        ));
    }
    folder
}

fn acceptor(folder: &Path) -> TlsAcceptor {
    let certificate = |name: &str| CertificateDer::from_pem_file(folder.join(name)).unwrap();
    let mut clients = RootCertStore::empty();
    clients.add(certificate("ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider))
        .build()
        .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate("server.pem")],
            PrivateKeyDer::from_pem_file(folder.join("server-key.pem")).unwrap(),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// An engine that answers every request alike and counts its connections; each is closed after `requests` of them.
async fn listen(tls: Option<TlsAcceptor>, requests: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, requests).await;
                        }
                    }
                    None => serve(stream, requests).await,
                }
            });
        }
    });
    (port, connections)
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, requests: usize) {
    let mut buffer = [0; 8192];
    for _ in 0..requests {
        // Every request of these tests fits into one read.
        if !matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {
            return;
        }
        let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\n{}";
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn connect(host: &str, port: u16, tls: Option<Tls>) -> Result<Client, Error> {
    let short = Duration::from_secs(5);
    let timeouts = Timeouts { connect: short, call: short, registry: short, logs: short };
    Client::connect(Endpoint::Tcp { host: host.into(), port, tls }, timeouts).await
}

fn files(folder: &Path, ca: &str, cert: Option<&str>) -> Tls {
    let file = |name: String| -> PathBuf { folder.join(name) };
    Tls {
        ca: Some(file(ca.into())),
        cert: cert.map(|cert| file(format!("{cert}.pem"))),
        key: cert.map(|cert| file(format!("{cert}-key.pem"))),
    }
}

#[tokio::test]
async fn both_sides_must_accept_the_others_certificate() {
    let folder = certificates();
    let (port, _) = listen(Some(acceptor(folder.path())), 10).await;
    let client =
        connect("localhost", port, Some(files(folder.path(), "ca.pem", Some("cert")))).await.unwrap();
    client.info().await.unwrap();

    let half = Some(Tls { cert: Some(folder.path().join("cert.pem")), ..Tls::default() });
    let refused = [
        (
            "no client certificate",
            connect("localhost", port, Some(files(folder.path(), "ca.pem", None))).await,
            "CertificateRequired",
        ),
        (
            "a client of another authority",
            connect("localhost", port, Some(files(folder.path(), "ca.pem", Some("other-ca")))).await,
            "alert",
        ),
        (
            "a server of another authority",
            connect("localhost", port, Some(files(folder.path(), "other-ca.pem", Some("cert")))).await,
            "UnknownIssuer",
        ),
        (
            "a server of another name",
            connect("127.0.0.1", port, Some(files(folder.path(), "ca.pem", Some("cert")))).await,
            "not valid for name",
        ),
        (
            "a missing file",
            connect("localhost", port, Some(files(folder.path(), "gone.pem", None))).await,
            "gone.pem",
        ),
        ("a certificate without its key", connect("localhost", port, half).await, "go together"),
        (
            "a key that is none",
            connect("localhost", port, Some(files(folder.path(), "ca-key.pem", None))).await,
            "no certificate",
        ),
    ];
    for (what, result, words) in refused {
        let Err(error) = result else { panic!("{what} was accepted") };
        assert!(matches!(error, Error::TlsRefused { .. }), "{what}: {error:?}");
        assert!(error.to_string().contains(words), "{what}: {error}");
        assert!(!error.may_have_been_applied());
    }
}

#[tokio::test]
async fn tls_and_bare_tcp_do_not_meet_in_silence() {
    let folder = certificates();
    let (secured, _) = listen(Some(acceptor(folder.path())), 10).await;
    let (bare, _) = listen(None, 10).await;
    assert!(connect("localhost", secured, None).await.is_err());
    let Err(error) = connect("localhost", bare, Some(files(folder.path(), "ca.pem", None))).await else {
        panic!("accepted")
    };
    assert!(matches!(error, Error::TlsRefused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_is_kept_and_one_that_has_ended_is_replaced() {
    let (port, connections) = listen(None, 3).await;
    let client = connect("localhost", port, None).await.unwrap();
    for _ in 0..8 {
        client.info().await.unwrap();
        // Time to notice that the other side has closed.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(connections.load(Ordering::Relaxed), 3, "nine requests, three to a connection");
}
