//! Credential helpers: programs named `docker-credential-NAME` that keep credentials (docker/docker-credential-helpers). The
//! registry goes to their standard input, the credentials come from their standard output.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::Auth;
use crate::Error;

/// How long a helper may take; it may ask a service on the network.
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// What the helper of this name knows of a registry; `None` if nothing.
pub(super) async fn ask(name: &str, registry: &str) -> Result<Option<Auth>, Error> {
    if name.contains('/') {
        return Err(failed(name, "its name contains a slash"));
    }
    run(Command::new(format!("docker-credential-{name}")), name, registry).await
}

async fn run(mut command: Command, name: &str, registry: &str) -> Result<Option<Auth>, Error> {
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let work = async {
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A helper that does not read its input says why it ends.
            drop(input.write_all(registry.as_bytes()).await);
        }
        child.wait_with_output().await
    };
    let output = match timeout(DEADLINE, work).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(name, &error.to_string())),
        Err(_) => return Err(failed(name, &format!("no answer within {} s", DEADLINE.as_secs()))),
    };
    if !output.status.success() {
        // A helper's errors are on its standard output, and hold no credentials.
        let words = String::from_utf8_lossy(&output.stdout);
        let words = words.trim();
        if words.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(name, if words.is_empty() { "it failed without a word" } else { words }));
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed(name, "its answer is not the expected JSON"))?;
    let mut auth = Auth { username: answer.username, password: answer.secret, ..Auth::default() };
    if auth.username == "<token>" {
        auth.username.clear();
        auth.identitytoken = std::mem::take(&mut auth.password);
    }
    Ok(Some(auth))
}

fn failed(name: &str, reason: &str) -> Error {
    Error::Credentials { of: format!("the helper docker-credential-{name}"), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::{Auth, ask, run};
    use crate::Error;

    async fn helper(script: &str) -> Result<Option<Auth>, Error> {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]);
        run(command, "test", "reg.example").await
    }

    #[tokio::test]
    async fn a_helper_gets_the_registry_and_gives_credentials() {
        let script =
            r#"read registry; echo "{\"ServerURL\":\"x\",\"Username\":\"$1 $registry\",\"Secret\":\"s\"}""#;
        let auth = helper(script).await.unwrap().unwrap();
        assert_eq!((auth.username.as_str(), auth.password.as_str()), ("get reg.example", "s"));
        let token = helper(r#"echo '{"Username":"<token>","Secret":"t"}'"#).await.unwrap().unwrap();
        assert_eq!((token.username.as_str(), token.identitytoken.as_str()), ("", "t"));
    }

    #[tokio::test]
    async fn a_helper_that_knows_nothing_is_no_error_and_one_that_fails_is() {
        assert!(helper("echo 'credentials not found in native keychain'; exit 1").await.unwrap().is_none());
        for (script, words) in [
            ("echo 'the vault is sealed'; exit 1", "the vault is sealed"),
            ("exit 3", "without a word"),
            ("echo swordfish", "not the expected JSON"),
        ] {
            let Err(error) = helper(script).await else { panic!("{script}") };
            assert!(error.to_string().contains(words) && !error.to_string().contains("swordfish"), "{error}");
        }
        let Err(error) = ask("there-is-no-such-helper", "reg.example").await else { panic!("found") };
        assert!(error.to_string().contains("docker-credential-there-is-no-such-helper"), "{error}");
        assert!(ask("../../bin/sh", "reg.example").await.is_err());
    }
}
