//! TLS to an engine: its certificate verified against the given or the system's authorities, ours shown if there is one.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::endpoint::Tls;
use crate::{Endpoint, Error};

/// Reads the files and makes a connector of them.
pub(super) fn connector(endpoint: &Endpoint, files: &Tls) -> Result<TlsConnector, Error> {
    let refused = |reason: String| Error::TlsRefused { endpoint: endpoint.to_string(), reason };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?
        .with_root_certificates(authorities(files.ca.as_deref()).map_err(refused)?);
    let config = match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert).map_err(refused)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| refused(in_file(key, &error)))?;
            config.with_client_auth_cert(chain, key).map_err(|error| refused(in_file(cert, &error)))?
        }
        (None, None) => config.with_no_client_auth(),
        (Some(file), None) | (None, Some(file)) => {
            return Err(refused(format!(
                "{} needs its other half: cert.pem and key.pem go together",
                file.display()
            )));
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The TLS handshake on a bare connection.
pub(super) async fn secure(
    connector: &TlsConnector,
    host: &str,
    bare: TcpStream,
    endpoint: &Endpoint,
) -> Result<TlsStream<TcpStream>, Error> {
    let refused = |reason: String| Error::TlsRefused { endpoint: endpoint.to_string(), reason };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| refused(error.to_string()))?;
    connector.connect(name, bare).await.map_err(|source| match tls_reason(&source) {
        Some(reason) => refused(reason),
        None => Error::Unreachable { endpoint: endpoint.to_string(), source },
    })
}

/// The TLS error inside an error, if it is one: a server says that it does not accept our certificate only when we first
/// read from it.
pub(crate) fn tls_reason(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(tls) = this.downcast_ref::<rustls::Error>() {
            return Some(tls.to_string());
        }
        // An io::Error hands out the error inside its own inner error, so that one has to be looked at here.
        let inner = this.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(tls.to_string());
        }
        error = this.source();
    }
    None
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let Some(file) = file else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(store);
    };
    for certificate in certificates(file)? {
        store.add(certificate).map_err(|error| in_file(file, &error))?;
    }
    Ok(store)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| in_file(file, &error))?;
    let certificates: Vec<_> =
        certificates.collect::<Result<_, _>>().map_err(|error| in_file(file, &error))?;
    if certificates.is_empty() {
        return Err(format!("{}: there is no certificate in it", file.display()));
    }
    Ok(certificates)
}

fn in_file(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
}
