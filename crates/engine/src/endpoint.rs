//! Which engine to talk to: a flag, the environment, a docker context or the default, in the stock client's order.
//! Reads files; connects to nothing.

mod context;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// Where the engine is when nobody says otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// The parts of the process's environment that choose an engine.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
}

impl Environment {
    /// An environment made by hand, for tests.
    pub fn new<K: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
        home: Option<PathBuf>,
    ) -> Self {
        let variables = variables.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { variables, home }
    }

    /// This process's environment.
    pub fn of_process() -> Self {
        let variables = [
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CONFIG",
            "DOCKER_TLS_VERIFY",
            "DOCKER_TLS",
            "DOCKER_CERT_PATH",
        ];
        Self::new(
            variables.into_iter().filter_map(|key| Some((key, std::env::var(key).ok()?))),
            std::env::home_dir(),
        )
    }

    /// A variable; an empty one counts as not set.
    fn get(&self, key: &str) -> Option<&str> {
        self.variables.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The folder of the docker client's configuration.
    pub fn config_dir(&self) -> PathBuf {
        match (self.get("DOCKER_CONFIG"), &self.home) {
            (Some(folder), _) => PathBuf::from(folder),
            (None, Some(home)) => home.join(".docker"),
            (None, None) => PathBuf::from(".docker"),
        }
    }
}

/// An engine's address and how to get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// A TCP port, with TLS or bare.
    Tcp {
        /// Host name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
        /// How to secure the connection.
        tls: Option<Tls>,
    },
    /// A machine that the system's `ssh` reaches and that has the `docker` command.
    Ssh {
        /// Host name, or a name from the ssh configuration.
        host: String,
        /// User; the ssh configuration's if none.
        user: Option<String>,
        /// Port; the ssh configuration's if none.
        port: Option<u16>,
        /// The engine's socket over there, if not the default.
        socket: Option<String>,
    },
}

/// PEM files for a TLS connection. The server's certificate is always verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates that the server's must descend from; the system's if none.
    pub ca: Option<PathBuf>,
    /// This client's certificate.
    pub cert: Option<PathBuf>,
    /// The key of this client's certificate.
    pub key: Option<PathBuf>,
}

impl Endpoint {
    /// The engine to talk to: `--context`, `--host`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of the docker
    /// client's configuration, `unix:///var/run/docker.sock`; the first that is there (docker/cli, command/cli.go,
    /// resolveContextName).
    pub fn resolve(host: Option<&str>, context: Option<&str>, env: &Environment) -> Result<Self, Error> {
        if let (Some(host), Some(context)) = (host, context) {
            let reason = format!("it contradicts the context {context}: give one of the two");
            return Err(bad(host, reason));
        }
        if let Some(context) = context {
            return context::endpoint(context, env);
        }
        if let Some(host) = host.or_else(|| env.get("DOCKER_HOST")) {
            return Self::parse(host, env_tls(env));
        }
        let current = match env.get("DOCKER_CONTEXT") {
            Some(context) => Some(context.to_owned()),
            None => context::current(env)?,
        };
        match current {
            Some(context) => context::endpoint(&context, env),
            None => Ok(Self::Unix(DEFAULT_SOCKET.into())),
        }
    }

    /// An address as it stands in `DOCKER_HOST`; `tls` applies to `tcp://` only.
    fn parse(address: &str, tls: Option<Tls>) -> Result<Self, Error> {
        let address = address.trim();
        match split_scheme(address) {
            Some(("unix", "")) => Ok(Self::Unix(DEFAULT_SOCKET.into())),
            Some(("unix", path)) => Ok(Self::Unix(path.into())),
            Some(("tcp" | "http", rest)) => Self::parse_tcp(address, rest, tls),
            Some(("https", rest)) => Self::parse_tcp(address, rest, Some(tls.unwrap_or_default())),
            Some(("ssh", rest)) => Self::parse_ssh(address, rest),
            Some((scheme, _)) => Err(bad(address, format!("{scheme}:// is not supported"))),
            None => Self::parse_tcp(address, address, tls),
        }
    }

    fn parse_tcp(address: &str, rest: &str, tls: Option<Tls>) -> Result<Self, Error> {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            let reason = "it holds a user or a password, which an engine does not ask for: it knows a client by its certificate";
            return Err(bad(address, reason));
        }
        if rest.contains('/') {
            return Err(bad(address, "a path after the port is not supported"));
        }
        let (host, port) =
            split_port(rest).ok_or_else(|| bad(address, "the port is not a number up to 65535"))?;
        let port = port.unwrap_or(if tls.is_some() { 2376 } else { 2375 });
        let host = if host.is_empty() { "localhost" } else { host };
        Ok(Self::Tcp { host: host.to_owned(), port, tls })
    }

    fn parse_ssh(address: &str, rest: &str) -> Result<Self, Error> {
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) if !path.is_empty() => (authority, Some(format!("/{path}"))),
            Some((authority, _)) => (authority, None),
            None => (rest, None),
        };
        let (user, rest) = match authority.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, authority),
        };
        if user.as_ref().is_some_and(|user| user.contains(':')) {
            return Err(bad(address, "it holds a password: use a key or the ssh agent"));
        }
        let (host, port) =
            split_port(rest).ok_or_else(|| bad(address, "the port is not a number up to 65535"))?;
        if host.is_empty() || host.starts_with('-') {
            return Err(bad(address, "there is no host in it"));
        }
        Ok(Self::Ssh { host: host.to_owned(), user, port, socket: path })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, .. } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
            Self::Ssh { host, user, port, .. } => {
                f.write_str("ssh://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                f.write_str(host)?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

fn bad(address: &str, reason: impl Into<String>) -> Error {
    Error::BadAddress { address: without_login(address), reason: reason.into() }
}

/// The scheme and what follows it; `None` if there is none. What has other characters than a scheme's before the first `://` may
/// be a login.
fn split_scheme(address: &str) -> Option<(&str, &str)> {
    let is_scheme =
        |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    address.split_once("://").filter(|(scheme, _)| is_scheme(scheme))
}

/// An address as it may be shown: without a user and a password, and without what is behind a `?`. The user of an ssh address
/// is no secret.
fn without_login(address: &str) -> String {
    let (scheme, rest) = match split_scheme(address) {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?..."));
    match rest.rsplit_once('@') {
        Some((login, _)) if scheme == "ssh://" && !login.contains(':') => format!("{scheme}{rest}{query}"),
        Some((_, rest)) => format!("{scheme}***@{rest}{query}"),
        None => format!("{scheme}{rest}{query}"),
    }
}

/// `host`, `host:port`, `[::1]:port`; `None` if the port is none.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match text.rsplit_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((text, None)),
    }
}

/// TLS as `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and `DOCKER_CERT_PATH` ask for it. Of the usual three files those are used that
/// are there.
fn env_tls(env: &Environment) -> Option<Tls> {
    env.get("DOCKER_TLS_VERIFY").or_else(|| env.get("DOCKER_TLS"))?;
    let folder = env.get("DOCKER_CERT_PATH").map_or_else(|| env.config_dir(), PathBuf::from);
    Some(Tls::in_folder(&folder))
}

impl Tls {
    /// The usual file names in a folder, as far as they are there.
    fn in_folder(folder: &std::path::Path) -> Self {
        let file = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        Self { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") }
    }
}

#[cfg(test)]
mod tests;
