//! [`Client`]: the [`Api`] over HTTP. One file per kind of object would be a folder of five-line files, so the calls are all
//! in `calls.rs`; this file connects, negotiates the API's version, and turns answers into values or errors.

mod calls;
mod logs;
mod stream;
mod target;

use std::time::Duration;

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::{Answer, Http, Outgoing};
use crate::transport::Connector;
use crate::{Call, Endpoint, Error, Secret};
use target::Target;

/// The API versions this client speaks, oldest and newest, as minor numbers of API 1. 1.41 is engine 20.10, 1.51 is 28.
const OLDEST: u32 = 41;
const NEWEST: u32 = 51;

/// How long to wait for answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the first contact, connecting included.
    pub connect: Duration,
    /// For any one call, connecting included.
    pub call: Duration,
    /// For a call that makes the engine ask a registry.
    pub registry: Duration,
    /// For reading a log. What has come by then is the answer.
    pub logs: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            call: Duration::from_secs(30),
            registry: Duration::from_mins(1),
            logs: Duration::from_secs(10),
        }
    }
}

/// A Docker Engine, over unix socket, TCP, TLS or ssh.
pub struct Client {
    http: Http,
    api_version: String,
    timeouts: Timeouts,
}

impl Client {
    /// Connects, and agrees with the engine on a version of its API between 1.41 and 1.51.
    pub async fn connect(endpoint: Endpoint, timeouts: Timeouts) -> Result<Self, Error> {
        let http = Http::new(Connector::new(endpoint)?);
        let call = Call::read("greet the engine");
        let ping = Outgoing { method: Method::GET, target: "/_ping".into(), body: None, registry_auth: None };
        let answer = http.exchange(&call, &ping, timeouts.connect).await.map_err(|error| match error {
            // Nothing was asked of it yet, and through ssh a connection that cannot be made looks like this.
            Error::Interrupted { reason, .. } => {
                let source = std::io::Error::new(std::io::ErrorKind::ConnectionReset, reason);
                Error::Unreachable { endpoint: http.endpoint().to_string(), source }
            }
            other => other,
        })?;
        let spoken = answer.headers.get("api-version").and_then(|value| value.to_str().ok());
        let Some(spoken) = spoken else {
            checked(&call, answer)?;
            let reason = "it does not name a version of the Docker Engine API".to_owned();
            return Err(Error::Protocol { what: call.what, reason });
        };
        let api_version = negotiate(spoken).ok_or_else(|| Error::ApiVersion {
            endpoint: http.endpoint().to_string(),
            found: spoken.to_owned(),
            spoken: format!("1.{OLDEST} to 1.{NEWEST}"),
        })?;
        Ok(Self { http, api_version, timeouts })
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        self.http.endpoint()
    }

    /// The version of the API agreed on, such as `1.41`.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    async fn get<T: DeserializeOwned>(&self, call: &Call, target: Target) -> Result<T, Error> {
        parsed(call, &self.send(call, Method::GET, target, None, None, self.timeouts.call).await?)
    }

    /// The object a target names, `None` if there is none.
    async fn find<T: DeserializeOwned>(&self, call: &Call, target: Target) -> Result<Option<T>, Error> {
        absent_is_none(self.get(call, target).await)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        call: &Call,
        target: Target,
        body: &Value,
        registry_auth: Option<&Secret>,
    ) -> Result<T, Error> {
        // The engine may ask a registry during the creation or update of a service.
        let deadline = self.timeouts.registry;
        parsed(call, &self.send(call, Method::POST, target, Some(body), registry_auth, deadline).await?)
    }

    /// Removes what a target names; `false` if there was nothing.
    async fn delete(&self, call: &Call, target: Target) -> Result<bool, Error> {
        let answer = self.send(call, Method::DELETE, target, None, None, self.timeouts.call).await;
        Ok(absent_is_none(answer)?.is_some())
    }

    async fn send(
        &self,
        call: &Call,
        method: Method,
        target: Target,
        body: Option<&Value>,
        registry_auth: Option<&Secret>,
        deadline: Duration,
    ) -> Result<Answer, Error> {
        let request = self.outgoing(method, target, body, registry_auth);
        checked(call, self.http.exchange(call, &request, deadline).await?)
    }

    fn outgoing(
        &self,
        method: Method,
        target: Target,
        body: Option<&Value>,
        auth: Option<&Secret>,
    ) -> Outgoing {
        Outgoing {
            method,
            target: format!("/v{}{}", self.api_version, target.into_string()),
            body: body.map(|body| body.to_string().into()),
            registry_auth: auth.cloned(),
        }
    }
}

/// The newest version both sides speak, from the newest that the engine speaks; `None` if it is too old or no version.
fn negotiate(engine: &str) -> Option<String> {
    let minor: u32 = engine.trim().strip_prefix("1.")?.parse().ok()?;
    (minor >= OLDEST).then(|| format!("1.{}", minor.min(NEWEST)))
}

/// The answer, unless it reports an error.
fn checked(call: &Call, answer: Answer) -> Result<Answer, Error> {
    if answer.status < 400 {
        return Ok(answer);
    }
    Err(refusal(call, answer.status, &answer.body))
}

/// The error that an answer's body reports.
fn refusal(call: &Call, status: u16, body: &[u8]) -> Error {
    let message = serde_json::from_slice::<Value>(body).ok();
    let message = message.as_ref().and_then(|value| value.get("message")).and_then(Value::as_str);
    let text = match message {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned(),
    };
    if text.trim().is_empty() {
        return Error::from_answer(call, status, &format!("HTTP status {status}, without a word"));
    }
    Error::from_answer(call, status, &text)
}

fn parsed<T: DeserializeOwned>(call: &Call, answer: &Answer) -> Result<T, Error> {
    // Some calls answer with an empty body where others send JSON.
    let body: &[u8] = if answer.body.is_empty() { b"null" } else { &answer.body };
    serde_json::from_slice(body).map_err(|error| Error::Protocol {
        what: call.what.clone(),
        reason: format!("not the expected JSON: {error}"),
    })
}

fn absent_is_none<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::negotiate;

    #[test]
    fn the_newest_version_that_both_speak_is_taken() {
        for (engine, expected) in [
            ("1.40", None),
            ("1.41", Some("1.41")),
            ("1.47", Some("1.47")),
            ("1.51", Some("1.51")),
            ("1.99", Some("1.51")),
            ("2.0", None),
            ("", None),
            ("1.4x", None),
            ("1.", None),
        ] {
            assert_eq!(negotiate(engine).as_deref(), expected, "{engine}");
        }
    }
}
