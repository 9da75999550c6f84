//! One connection to the database: opened, watched, closed. Decides nothing.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::{ChannelBinding, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::settings::{Settings, TlsMode};
use crate::tls::{self, TlsError};

/// How long one attempt to connect may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the server may leave sent data unacknowledged before the connection counts as dead.
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(15);

/// A connection and the task that drives it.
pub(crate) struct Connection {
    /// For queries.
    pub(crate) client: Client,
    /// The server's version, as it said at the start.
    pub(crate) server_version: String,
    driver: JoinHandle<Result<(), tokio_postgres::Error>>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The encryption settings cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server, or the way to it, said no.
    #[error(transparent)]
    Server(#[from] tokio_postgres::Error),
}

impl Connection {
    /// Opens a connection that shows itself under this name. `options` are server settings in libpq's form.
    pub(crate) async fn open(
        settings: &Settings,
        application_name: &str,
        options: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let config = config(settings, application_name, options);
        if settings.tls.mode == TlsMode::Disable {
            let (client, connection) = config.connect(NoTls).await?;
            let server_version = connection.parameter("server_version").unwrap_or("unknown").to_owned();
            return Ok(Self { client, server_version, driver: tokio::spawn(connection) });
        }
        let tls = MakeRustlsConnect::new(tls::config(&settings.tls)?);
        let (client, connection) = config.connect(tls).await?;
        let server_version = connection.parameter("server_version").unwrap_or("unknown").to_owned();
        Ok(Self { client, server_version, driver: tokio::spawn(connection) })
    }

    /// Returns when the connection has ended, with the reason as far as it is known.
    pub(crate) async fn closed(&mut self) -> String {
        match (&mut self.driver).await {
            Ok(Ok(())) => "the connection was closed".to_owned(),
            Ok(Err(error)) => describe(&error),
            Err(error) => error.to_string(),
        }
    }

    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.driver.is_finished()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Dropping the client alone would let the driver say goodbye later, and the session's lock live as long.
        self.driver.abort();
    }
}

fn config(settings: &Settings, application_name: &str, options: Option<&str>) -> Config {
    let mut config = Config::new();
    for host in &settings.hosts {
        config.host(&host.name).port(host.port);
    }
    config
        .user(&settings.user)
        .dbname(&settings.database)
        .application_name(application_name)
        .connect_timeout(CONNECT_LIMIT)
        .tcp_user_timeout(UNACKNOWLEDGED_LIMIT)
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(3))
        .keepalives_retries(3)
        .ssl_mode(match settings.tls.mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
    if settings.tls.require_binding {
        config.channel_binding(ChannelBinding::Require);
    }
    if settings.hosts.len() > 1 {
        // After a failover the first host may be a standby: what we want is the one that can be migrated.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if let Some(password) = &settings.password {
        config.password(password.reveal());
    }
    let merged = [settings.options.as_deref(), options].into_iter().flatten().collect::<Vec<_>>().join(" ");
    if !merged.is_empty() {
        config.options(merged);
    }
    config
}

/// An error and its causes in one line: tokio-postgres says "db error" and keeps the reason in its source.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", server.message(), server.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
