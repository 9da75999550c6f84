//! Docker contexts: named engines in the docker client's configuration folder (docker/cli, context/store).

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{DEFAULT_SOCKET, Endpoint, Environment, Tls, bad};
use crate::Error;

/// The name of the context that means "no context".
const DEFAULT: &str = "default";

#[derive(Deserialize)]
struct ClientConfig {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: DockerEndpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The current context of the docker client's configuration, if it has one.
pub(super) fn current(env: &Environment) -> Result<Option<String>, Error> {
    let path = env.config_dir().join("config.json");
    let Some(text) = read(&path)? else { return Ok(None) };
    let config: ClientConfig = parse(&path, &text)?;
    Ok(Some(config.current_context).filter(|name| !name.is_empty()))
}

/// The engine that a context names.
pub(super) fn endpoint(name: &str, env: &Environment) -> Result<Endpoint, Error> {
    if name == DEFAULT {
        return Ok(Endpoint::Unix(DEFAULT_SOCKET.into()));
    }
    let contexts = env.config_dir().join("contexts");
    let key = hex_of_name(name);
    let path = contexts.join("meta").join(&key).join("meta.json");
    let Some(text) = read(&path)? else {
        return Err(bad(name, format!("there is no such context ({} does not exist)", path.display())));
    };
    let docker = parse::<Meta>(&path, &text)?.endpoints.docker;
    let tls = Tls::in_folder(&contexts.join("tls").join(&key).join("docker"));
    if docker.skip_tls_verify {
        return Err(bad(
            name,
            "this context skips the verification of the server's certificate, which is refused",
        ));
    }
    let host = if docker.host.is_empty() { format!("unix://{DEFAULT_SOCKET}") } else { docker.host };
    Endpoint::parse(&host, Some(tls).filter(|tls| *tls != Tls::default()))
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, text: &str) -> Result<T, Error> {
    // The parser's message could quote the file, which holds credentials too, so only the place is told.
    serde_json::from_str(text).map_err(|error| {
        let place = format!("not the expected JSON in line {}, column {}", error.line(), error.column());
        unreadable(path, &place)
    })
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    let reason = format!("this file of the docker client cannot be read: {error}");
    Error::BadAddress { address: path.display().to_string(), reason }
}

/// The folder name under which a context is stored: the SHA-256 of its name.
pub(super) fn hex_of_name(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
