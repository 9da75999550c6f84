//! Where the database is and how to log in: from the environment, libpq's variables, secret files or the
//! Alembic configuration.
//!
//! Pure but for reading the files that a `_FILE` variable, `PGPASSFILE` or `PGSERVICEFILE` names. Opens no
//! connection.

mod libpq;
mod url;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use diagnostics::secrets;

use crate::secret::Secret;

/// The variables that may hold a whole URL, the first wins. Each also has a `_FILE` form that names a file.
pub const URL_VARIABLES: [&str; 3] = ["TIDEGATE_DATABASE_URL", "DATABASE_URL", "SQLALCHEMY_DATABASE_URI"];
/// The port where PostgreSQL listens unless told otherwise.
const DEFAULT_PORT: u16 = 5432;

/// How to reach a database. Its `Debug` form shows no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Hosts to try in order: a name, an address, or the folder of a Unix socket (starts with `/`).
    pub hosts: Vec<Host>,
    /// The role; never empty.
    pub user: String,
    /// The password, if one is set.
    pub password: Option<Secret>,
    /// The database's name; never empty.
    pub database: String,
    /// Server settings in the form of libpq's `options` (`-c search_path=app`).
    pub options: Option<String>,
    /// Encryption.
    pub tls: TlsSettings,
    /// Which variable, file or configuration these settings come from, for messages.
    pub source: String,
}

/// One place to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name, an address, or the folder of a Unix socket.
    pub name: String,
    /// The port.
    pub port: u16,
}

/// How far to trust the network, in libpq's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// `sslmode`.
    pub mode: TlsMode,
    /// `sslrootcert`: a PEM file, or `system` for the machine's own certificates.
    pub root_certificates: Option<PathBuf>,
    /// `sslcert`: the client's certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// `sslkey`: the client's key, PEM.
    pub key: Option<PathBuf>,
    /// `channel_binding=require`: a password is only sent where it is bound to the encrypted channel.
    pub require_binding: bool,
}

/// `sslmode` of libpq (PostgreSQL documentation, "SSL Mode Descriptions"); `allow` is treated as `prefer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Never encrypt.
    Disable,
    /// Encrypt where the server can.
    #[default]
    Prefer,
    /// Encrypt or fail; the certificate is checked only where root certificates are given.
    Require,
    /// The certificate's chain must be trusted.
    VerifyCa,
    /// The chain must be trusted and the name must be the host's.
    VerifyFull,
}

impl TlsMode {
    /// Its name in libpq's terms.
    fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Why no settings could be made. Nothing has been connected to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    /// No source names a database.
    #[error("nothing says where the database is")]
    Missing,
    /// A URL could not be understood.
    #[error("{source_name} is not a PostgreSQL URL: {reason}")]
    Url {
        /// The variable or file.
        source_name: String,
        /// What is wrong with it, without its text: that may hold a password.
        reason: String,
    },
    /// A single setting has a value that cannot be used.
    #[error("{name} is {value:?}, but {reason}")]
    Value {
        /// The setting.
        name: String,
        /// Its value.
        value: String,
        /// What it may be.
        reason: String,
    },
    /// A file that a variable names could not be read.
    #[error("{name} names {path}, which cannot be read: {reason}")]
    File {
        /// The variable.
        name: String,
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Both `X` and `X_FILE` are set.
    #[error("both {0} and {0}_FILE are set")]
    Both(String),
}

impl SettingsError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing => "set DATABASE_URL (or DATABASE_URL_FILE for a Docker secret), PGHOST and the other \
                              libpq variables, or sqlalchemy.url in alembic.ini"
                .to_owned(),
            Self::Url { .. } => {
                "write postgresql://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the password \
                 percent-encoded"
                    .to_owned()
            }
            Self::Value { name, .. } => format!("correct {name}"),
            Self::File { name, .. } => {
                format!("mount the secret at that path, or set {} instead", name.trim_end_matches("_FILE"))
            }
            Self::Both(name) => format!("keep one: {name}_FILE for a Docker secret, {name} otherwise"),
        }
    }
}

/// A view of the process environment, so that resolving settings can be tested. `Debug` shows no values: some are
/// secrets.
#[derive(Clone, Default)]
pub struct Variables(HashMap<OsString, OsString>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// An environment of these variables only.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The same with one more variable, or another value of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// A variable that is set, not empty and UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name)).and_then(|value| value.to_str()).filter(|value| !value.is_empty())
    }

    /// The values of those that are named like a secret, and the passwords in addresses.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = Secret> {
        let texts = self.0.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        texts.flat_map(|(name, value)| {
            let whole = secrets::is_name(name) && !secrets::is_harmless(value);
            let password = secrets::url_password(value)
                .map(|range| Secret::new(secrets::percent_decoded(&value[range])));
            whole.then(|| Secret::new(value)).into_iter().chain(password)
        })
    }

    /// All of them, for a child.
    pub fn all(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }

    /// The value of `NAME`, or of the file that `NAME_FILE` names without its last line end, and where it is from.
    fn value(&self, name: &str) -> Result<Option<(String, String)>, SettingsError> {
        let file_variable = format!("{name}_FILE");
        match (self.get(name), self.get(&file_variable)) {
            (Some(_), Some(_)) => Err(SettingsError::Both(name.to_owned())),
            (Some(value), None) => Ok(Some((value.to_owned(), name.to_owned()))),
            (None, Some(path)) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(Some((text.trim_end_matches(['\n', '\r']).to_owned(), file_variable))),
                Err(error) => Err(SettingsError::File {
                    name: file_variable,
                    path: path.to_owned(),
                    reason: error.to_string(),
                }),
            },
            (None, None) => Ok(None),
        }
    }
}

/// Settings as far as one source gives them; what is missing comes from the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Partial {
    hosts: Vec<(String, Option<u16>)>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<Secret>,
    database: Option<String>,
    options: Option<String>,
    tls_mode: Option<TlsMode>,
    root_certificates: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    channel_binding: Option<String>,
    service: Option<String>,
}

impl Partial {
    /// These settings, and where they say nothing, `other`'s.
    fn or(self, other: Self) -> Self {
        Self {
            hosts: if self.hosts.is_empty() { other.hosts } else { self.hosts },
            port: self.port.or(other.port),
            user: self.user.or(other.user),
            password: self.password.or(other.password),
            database: self.database.or(other.database),
            options: self.options.or(other.options),
            tls_mode: self.tls_mode.or(other.tls_mode),
            root_certificates: self.root_certificates.or(other.root_certificates),
            certificate: self.certificate.or(other.certificate),
            key: self.key.or(other.key),
            channel_binding: self.channel_binding.or(other.channel_binding),
            service: self.service.or(other.service),
        }
    }
}

/// The settings that the environment and the configuration give.
///
/// A URL variable wins over libpq's variables, those over `sqlalchemy.url` of the Alembic configuration. What the
/// chosen URL leaves open comes from libpq's variables, the service file and the password file, as for every client.
pub fn resolve(variables: &Variables, configured_url: Option<&str>) -> Result<Settings, SettingsError> {
    let mut chosen = None;
    for variable in URL_VARIABLES {
        if let Some((text, source)) = variables.value(variable)? {
            chosen = Some((url::parse(&text, &source)?, source));
            break;
        }
    }
    let from_libpq = libpq::variables(variables)?;
    let (partial, source) = match (chosen, configured_url) {
        (Some((partial, source)), _) => (partial.or(from_libpq), source),
        (None, _) if libpq::names_a_database(&from_libpq) => (from_libpq, "the PG* variables".to_owned()),
        (None, Some(text)) => {
            let source = "sqlalchemy.url of the Alembic configuration".to_owned();
            (url::parse(text, &source)?.or(from_libpq), source)
        }
        (None, None) => return Err(SettingsError::Missing),
    };
    complete(partial, source, variables)
}

fn complete(partial: Partial, source: String, variables: &Variables) -> Result<Settings, SettingsError> {
    let partial = match &partial.service {
        Some(service) => {
            let from_service = libpq::service(service, variables)?;
            partial.or(from_service)
        }
        None => partial,
    };
    let port = partial.port.unwrap_or(DEFAULT_PORT);
    let mut hosts: Vec<Host> =
        partial.hosts.into_iter().map(|(name, own)| Host { name, port: own.unwrap_or(port) }).collect();
    if hosts.is_empty() {
        hosts = vec![Host { name: libpq::default_host(), port }];
    }
    let user = partial.user.or_else(|| variables.get("USER").map(str::to_owned));
    let user = user.unwrap_or_else(|| "root".to_owned());
    let database = partial.database.unwrap_or_else(|| user.clone());
    let password = partial.password.or_else(|| libpq::password_file(variables, &hosts, &user, &database));
    let tls = TlsSettings {
        mode: partial.tls_mode.unwrap_or_default(),
        root_certificates: partial.root_certificates,
        certificate: partial.certificate,
        key: partial.key,
        require_binding: partial.channel_binding.as_deref() == Some("require"),
    };
    Ok(Settings { hosts, user, password, database, options: partial.options, tls, source })
}

impl Settings {
    /// `user@host:port/database`, for messages.
    pub fn place(&self) -> String {
        let hosts: Vec<String> =
            self.hosts.iter().map(|host| format!("{}:{}", host.name, host.port)).collect();
        format!("{}@{}/{}", self.user, hosts.join(","), self.database)
    }

    /// Tells a program that uses libpq where the database is and how to log in, through its environment: a password must
    /// not be among its arguments. What the process's own variables say of another database is taken away.
    pub fn give_to(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        let list = |part: fn(&Host) -> String| self.hosts.iter().map(part).collect::<Vec<_>>().join(",");
        command.env("PGHOST", list(|host| host.name.clone()));
        command.env("PGPORT", list(|host| host.port.to_string()));
        command.env("PGUSER", &self.user).env("PGDATABASE", &self.database);
        command.env("PGSSLMODE", self.tls.mode.as_str());
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password.reveal());
        }
        let files = [
            ("PGSSLROOTCERT", &self.tls.root_certificates),
            ("PGSSLCERT", &self.tls.certificate),
            ("PGSSLKEY", &self.tls.key),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                command.env(name, file);
            }
        }
    }

    /// The text without this database's password.
    pub fn redact(&self, text: &str) -> String {
        self.password.as_ref().map_or_else(|| text.to_owned(), |password| password.redact(text))
    }
}

/// `sslmode` by its libpq name, or one of asyncpg's spellings.
fn tls_mode(name: &str, value: &str) -> Result<TlsMode, SettingsError> {
    match value {
        "disable" | "false" => Ok(TlsMode::Disable),
        "allow" | "prefer" => Ok(TlsMode::Prefer),
        "require" | "true" => Ok(TlsMode::Require),
        "verify-ca" => Ok(TlsMode::VerifyCa),
        "verify-full" => Ok(TlsMode::VerifyFull),
        _ => Err(SettingsError::Value {
            name: name.to_owned(),
            value: value.to_owned(),
            reason: "it must be disable, allow, prefer, require, verify-ca or verify-full".to_owned(),
        }),
    }
}

fn port(name: &str, value: &str) -> Result<u16, SettingsError> {
    value.trim().parse().ok().filter(|port| *port != 0).ok_or_else(|| SettingsError::Value {
        name: name.to_owned(),
        value: value.to_owned(),
        reason: "a port is a number from 1 to 65535".to_owned(),
    })
}

#[cfg(test)]
mod tests;
