//! The credentials that `docker login` keeps: in the docker client's configuration, or with a helper that it names. They go to
//! the engine as the content of an `X-Registry-Auth` header, and nowhere else.

mod helper;

use std::collections::BTreeMap;
use std::fs;
use std::io;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde::Deserialize;
use serde_json::json;

use crate::{Environment, Error, Secret};

/// The name under which Docker Hub's credentials are kept.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Credentials for registries.
#[derive(Debug, Default)]
pub struct Credentials {
    config: Config,
}

/// The parts of `config.json` that matter here (docker/cli, cli/config/configfile).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    auths: BTreeMap<String, Auth>,
    #[serde(rename = "credsStore")]
    store: String,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("registries", &self.auths.keys()).finish_non_exhaustive()
    }
}

/// One registry's entry.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    /// `user:password` in base64.
    #[serde(rename = "auth")]
    pair: String,
    username: String,
    password: String,
    identitytoken: String,
}

impl Credentials {
    /// Reads the docker client's configuration; without one there are no credentials.
    pub fn load(env: &Environment) -> Result<Self, Error> {
        let path = env.config_dir().join("config.json");
        let unusable = |reason: String| Error::Credentials { of: path.display().to_string(), reason };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unusable(error.to_string())),
        };
        // The parser's message could quote the file, so only the place is told.
        let config = serde_json::from_str(&text).map_err(|error| {
            unusable(format!("not the expected JSON in line {}, column {}", error.line(), error.column()))
        })?;
        Ok(Self { config })
    }

    /// The credentials for an image's registry, as the content of the header; `None` if there are none.
    pub async fn for_image(&self, image: &str) -> Result<Option<Secret>, Error> {
        let registry = registry_of(image);
        let helper = self.config.helpers.get(registry).map(String::as_str);
        let store = Some(self.config.store.as_str()).filter(|store| !store.is_empty());
        if let Some(helper) = helper.or(store) {
            return Ok(helper::ask(helper, registry).await?.map(|auth| header(&auth, registry)));
        }
        let auths = &self.config.auths;
        let entry = auths.get(registry).or_else(|| {
            auths.iter().find(|(key, _)| host_of(key) == host_of(registry)).map(|(_, auth)| auth)
        });
        entry.map_or(Ok(None), |auth| auth.decoded(registry))
    }
}

impl Auth {
    fn decoded(&self, registry: &str) -> Result<Option<Secret>, Error> {
        let mut auth = Self {
            pair: String::new(),
            username: self.username.clone(),
            password: self.password.clone(),
            identitytoken: self.identitytoken.clone(),
        };
        if !self.pair.is_empty() {
            let decoded =
                BASE64_STANDARD.decode(&self.pair).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = decoded.as_deref().and_then(|pair| pair.split_once(':'));
            let Some((username, password)) = pair else {
                let reason = "its entry in config.json is not user:password in base64".to_owned();
                return Err(Error::Credentials { of: registry.to_owned(), reason });
            };
            username.clone_into(&mut auth.username);
            password.trim_end_matches('\0').clone_into(&mut auth.password);
        }
        let empty = auth.username.is_empty() && auth.identitytoken.is_empty();
        Ok((!empty).then(|| header(&auth, registry)))
    }
}

/// The header's content (docker/cli, registry/auth: JSON in URL-safe base64, padded).
fn header(auth: &Auth, registry: &str) -> Secret {
    let mut body = json!({ "username": auth.username, "password": auth.password, "serveraddress": registry });
    if !auth.identitytoken.is_empty() {
        body["identitytoken"] = json!(auth.identitytoken);
    }
    Secret::new(BASE64_URL_SAFE.encode(body.to_string()))
}

/// The registry of an image, as `docker login` names it (distribution/reference: the first part of a name is a registry if it
/// has a dot or a colon, or is `localhost`).
fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some(("docker.io" | "index.docker.io", _)) | None => DOCKER_HUB,
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        Some(_) => DOCKER_HUB,
    }
}

/// A key of `auths` without scheme and path: old entries have both.
fn host_of(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE;
    use serde_json::{Value, json};

    use super::{Credentials, registry_of};
    use crate::{Environment, Error};

    async fn header(config: &str, image: &str) -> Result<Option<Value>, Error> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        let env = Environment::new([("DOCKER_CONFIG", folder.path().to_str().unwrap())], None);
        let secret = Credentials::load(&env)?.for_image(image).await?;
        Ok(secret
            .map(|secret| serde_json::from_slice(&BASE64_URL_SAFE.decode(secret.expose()).unwrap()).unwrap()))
    }

    #[test]
    fn an_images_registry_is_its_first_part_if_that_looks_like_a_host() {
        let hub = "https://index.docker.io/v1/";
        for (image, registry) in [
            ("redis:7", hub),
            ("team/app:1", hub),
            ("docker.io/library/redis", hub),
            ("reg.example/app", "reg.example"),
            ("reg:5000/app@sha256:0", "reg:5000"),
            ("localhost/app", "localhost"),
        ] {
            assert_eq!(registry_of(image), registry, "{image}");
        }
    }

    #[tokio::test]
    async fn an_entry_of_the_configuration_becomes_the_header() {
        // "ada:sword:fish": only the first colon separates.
        let config = r#"{"auths": {"reg.example": {"auth": "YWRhOnN3b3JkOmZpc2g="}, "https://old.example/v1/": {"auth": "YTpi"},
                          "token.example": {"auth": "YTpi", "identitytoken": "t"}, "empty.example": {}}}"#;
        let sent = header(config, "reg.example/app:1").await.unwrap();
        assert_eq!(
            sent,
            Some(json!({"username": "ada", "password": "sword:fish", "serveraddress": "reg.example"}))
        );
        let sent = header(config, "old.example/app:1").await.unwrap().unwrap();
        assert_eq!(sent["username"], "a");
        assert_eq!(header(config, "token.example/x").await.unwrap().unwrap()["identitytoken"], "t");
        for image in ["empty.example/x", "other.example/x", "redis"] {
            assert_eq!(header(config, image).await.unwrap(), None, "{image}");
        }
    }

    #[tokio::test]
    async fn what_is_broken_is_told_without_showing_it() {
        for config in [
            r#"{"auths": {"reg.example": {"auth": "!!swordfish"}}}"#,
            r#"{"auths": {"reg.example": swordfish"#,
        ] {
            let error = header(config, "reg.example/app").await.unwrap_err();
            assert!(!format!("{error} {error:?} {}", error.hint()).contains("swordfish"), "{error:?}");
        }
        assert_eq!(header("{}", "reg.example/app").await.unwrap(), None);
    }
}
