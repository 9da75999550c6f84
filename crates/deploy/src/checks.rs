//! Checks after convergence: what is asked, of whom, and whether the answer will do. Pure; asking is done by a [`Probe`]
//! that the front end brings, and by `rollout::checks`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

/// How much of an answer's body an error shows.
const SHOWN: usize = 200;

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name: its key under `x-tidegate.checks`, or `SERVICE.http` and the like for one from a label.
    pub name: String,
    /// What is asked.
    pub kind: CheckKind,
    /// How long it is tried.
    pub timeout: Duration,
    /// How long it waits between two tries.
    pub interval: Duration,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// GET of a URL.
    Http(HttpCheck),
    /// Whether something listens at `HOST:PORT`.
    Tcp {
        /// Where.
        address: String,
    },
    /// Whether a command ends with exit code 0, run as a one-shot beside a service.
    Command {
        /// The service, by its name in the stack file, whose image, networks, environment, secrets and configs it gets.
        service: String,
        /// The command, which replaces the image's entrypoint.
        command: Vec<String>,
    },
}

/// What the answer to a GET must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// The URL.
    pub url: Url,
    /// One of these.
    pub status: Vec<u16>,
    /// The body contains this.
    pub body: Option<String>,
    /// The body is JSON, and has these values at these JSON pointers.
    pub json: Vec<(String, Value)>,
}

/// A URL that a check can ask: `http` or `https`, a host, perhaps a port, a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether it is `https`.
    pub tls: bool,
    /// The host: a name or an address, an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The host and port as the URL writes them.
    pub authority: String,
    /// The path and the query.
    pub target: String,
}

impl Url {
    /// Reads a URL; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err("does not begin with http:// or https://"),
        };
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has a character that must be escaped with % in a URL");
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err("carries a user or a password, which everybody would see");
        }
        let (host, port) = split_port(authority).ok_or("has a port that is not a number")?;
        if host.is_empty() {
            return Err("names no host");
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            tls,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_owned(),
            target: format!("{slash}{target}"),
        })
    }
}

impl fmt::Display for Url {
    /// Without the query, which can hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let path = self.target.split('?').next().unwrap_or_default();
        let query = if path.len() < self.target.len() { "?..." } else { "" };
        write!(f, "{scheme}://{}{path}{query}", self.authority)
    }
}

/// Host and port of `HOST`, `HOST:PORT`, `[IPV6]:PORT`; `None` if the port is no number.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            port.parse().ok().filter(|port| *port > 0).map(|port| (host, Some(port)))
        }
        _ => Some((authority, None)),
    }
}

/// Whether this is `HOST:PORT`.
pub(crate) fn is_address(text: &str) -> bool {
    matches!(split_port(text), Some((host, Some(_))) if !host.is_empty())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An answer to a GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
}

impl HttpCheck {
    /// Whether the answer will do; if not, why.
    pub(crate) fn judge(&self, answer: &Answer) -> Result<(), String> {
        let text = String::from_utf8_lossy(&answer.body);
        if !self.status.contains(&answer.status) {
            let wanted: Vec<String> = self.status.iter().map(u16::to_string).collect();
            return Err(format!(
                "answered {}{} instead of {}",
                answer.status,
                shown(&text),
                wanted.join(" or ")
            ));
        }
        if let Some(wanted) = self.body.as_ref().filter(|wanted| !text.contains(*wanted)) {
            return Err(format!("answered {}{} without `{wanted}` in it", answer.status, shown(&text)));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let body: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| format!("answered {}{}, which is not JSON", answer.status, shown(&text)))?;
        for (pointer, wanted) in &self.json {
            match body.pointer(pointer) {
                Some(found) if found == wanted => {}
                Some(found) => return Err(format!("answered {found} at `{pointer}` instead of {wanted}")),
                None => return Err(format!("answered{} without anything at `{pointer}`", shown(&text))),
            }
        }
        Ok(())
    }
}

/// The beginning of a body, for an error.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let begin: String = line.chars().take(SHOWN).collect();
    if begin.is_empty() { String::new() } else { format!(" `{begin}`") }
}

/// A boxed future: a probe is chosen when the program runs.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// Asks over the network. An error is in words that continue "it".
pub trait Probe: Send + Sync + fmt::Debug {
    /// GET of a URL, redirects not followed.
    fn get<'a>(&'a self, url: &'a Url) -> Asking<'a, Answer>;

    /// Opens a TCP connection to `HOST:PORT` and closes it again.
    fn connect<'a>(&'a self, address: &'a str) -> Asking<'a, ()>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn urls_are_read_or_refused_with_a_reason() {
        let url = Url::parse("https://[::1]:8443/a?b=c#d").unwrap();
        assert_eq!((url.tls, url.host.as_str(), url.port), (true, "::1", 8443));
        assert_eq!((url.authority.as_str(), url.target.as_str()), ("[::1]:8443", "/a?b=c"));
        let url = Url::parse("http://api?x").unwrap();
        assert_eq!((url.port, url.target.as_str(), url.to_string().as_str()), (80, "/?x", "http://api/?..."));
        assert_eq!(Url::parse("https://[::1]").unwrap().port, 443);
        for wrong in [
            "api/health",
            "ftp://a",
            "http://",
            "http://a:b/",
            "http://u:p@a/",
            "http://a/b c",
            "http://:80/",
        ] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_have_a_host_and_a_port() {
        assert!(is_address("db:5432") && is_address("[::1]:80"));
        for wrong in ["db", "db:", "db:0", "db:x", ":80", "[::1]", "a b:80"] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_judged_by_status_body_and_json() {
        let check = HttpCheck {
            url: Url::parse("http://a/").unwrap(),
            status: vec![200, 204],
            body: Some("ok".into()),
            json: vec![("/state".into(), json!("ok")), ("/n".into(), json!(2))],
        };
        let judge = |status, body: &str| check.judge(&Answer { status, body: body.into() });
        assert_eq!(judge(200, r#"{"state":"ok","n":2}"#), Ok(()));
        assert_eq!(judge(503, " no \n").unwrap_err(), "answered 503 `no` instead of 200 or 204");
        assert_eq!(judge(200, "").unwrap_err(), "answered 200 without `ok` in it");
        assert_eq!(judge(204, "ok").unwrap_err(), "answered 204 `ok`, which is not JSON");
        assert_eq!(judge(200, r#"{"state":"ok","n":3}"#).unwrap_err(), "answered 3 at `/n` instead of 2");
        assert!(judge(200, r#"{"state":"ok"}"#).unwrap_err().ends_with("without anything at `/n`"));
    }
}
