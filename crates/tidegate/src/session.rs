//! What the commands with an engine share: the engine, who we are, and how a library's error becomes an exit code.

use std::collections::BTreeMap;

use deploy::{Error, Holder, Restored};
use engine::{Client, Credentials, Endpoint, Environment, Secret, Timeouts};

use crate::cli::EngineArgs;
use crate::exit::{Code, Failure};
use crate::output;

/// Connects to the engine.
pub async fn connect(args: &EngineArgs) -> Result<Client, Failure> {
    let endpoint =
        Endpoint::resolve(args.host.as_deref(), args.context.as_deref(), &Environment::of_process());
    let connected = match endpoint {
        Ok(endpoint) => Client::connect(endpoint, Timeouts::default()).await,
        Err(error) => Err(error),
    };
    connected.map_err(|error| failure(Error::Engine(error)))
}

/// The docker client's credentials for images; images of registries that it has none for are left out.
pub async fn registry_auth<'a>(
    images: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let engine = |error| failure(Error::Engine(error));
    let credentials = Credentials::load(&Environment::of_process()).map_err(engine)?;
    let mut found = BTreeMap::new();
    for image in images {
        if !found.contains_key(image)
            && let Some(secret) = credentials.for_image(image).await.map_err(engine)?
        {
            found.insert(image.to_owned(), secret);
        }
    }
    Ok(found)
}

/// Who runs this command.
pub fn holder() -> Result<Holder, Failure> {
    let nonce = deploy::nonce().map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    let variable = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user =
        ["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "SUDO_USER", "USER", "LOGNAME"].iter().find_map(variable);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.map(|name| name.trim().to_owned()).or_else(|| variable(&"HOSTNAME"));
    Ok(Holder {
        who: format!(
            "{}@{} (pid {})",
            user.or_else(user_id).as_deref().unwrap_or("somebody"),
            host.as_deref().unwrap_or("some host"),
            std::process::id()
        ),
        nonce,
        process: process_identity(std::process::id()).unwrap_or_default(),
        is_gone,
    })
}

/// The user as a number, where the environment has no name.
fn user_id() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|own| format!("uid {}", own.uid()))
}

/// A process of this machine, told apart from every other there was: boot, pid namespace, pid, start time. `None`
/// where the system does not say.
fn process_identity(pid: u32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, can hold anything; the start time is the 20th field after it.
    let started = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned();
    // Only a user's own processes are sure to be seen (`hidepid`).
    let user = user_id()?.replace(' ', "");
    Some(format!("{} {} {user} {pid} {started}", boot.trim(), namespace.display()))
}

/// Whether a process, as [`process_identity`] wrote it, is known to be gone: it was one of this machine and of this
/// pid namespace, and is not there any more.
fn is_gone(process: &str) -> bool {
    let parts: Vec<&str> = process.split(' ').collect();
    let [boot, namespace, user, pid, _] = parts[..] else { return false };
    let Some(own) = process_identity(std::process::id()) else { return false };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    own.starts_with(&format!("{boot} {namespace} {user} "))
        && process_identity(pid).as_deref() != Some(process)
}

/// The failure that a library's error is.
pub fn failure(error: Error) -> Failure {
    let hint = error.hint();
    let message = error.to_string();
    let (code, log, extra) = match &error {
        Error::Engine(_) => (Code::Engine, Vec::new(), Vec::new()),
        Error::Input(_) | Error::MissingExternal { .. } | Error::ChangedContent { .. } => {
            (Code::Input, Vec::new(), Vec::new())
        }
        Error::Foreign { foreign } => (Code::Foreign, Vec::new(), output::plan::foreign_lines(foreign)),
        Error::InUse { .. } => (Code::InUse, Vec::new(), vec!["nothing was changed".to_owned()]),
        Error::LeaseHeld { .. } | Error::LeaseLost { .. } => (Code::Lease, Vec::new(), Vec::new()),
        Error::Record(_) => (Code::Internal, Vec::new(), Vec::new()),
        Error::Gate { log, restored, .. } => (ended(restored, Code::Gate), log.clone(), left(restored)),
        Error::Rollout { log, restored, database, .. } => {
            let details = left(restored).into_iter().chain(database.clone()).collect();
            (ended(restored, Code::RolledBack), log.clone(), details)
        }
        Error::TimedOut { .. } => (Code::Timeout, Vec::new(), Vec::new()),
        Error::NoRelease { .. } | Error::NoReturn { .. } => (Code::Input, Vec::new(), Vec::new()),
        Error::Moved { .. } => (Code::Foreign, Vec::new(), Vec::new()),
        Error::Superseded { .. } => (Code::Superseded, Vec::new(), Vec::new()),
        Error::Left { .. } => (Code::Interrupted, Vec::new(), Vec::new()),
        Error::Stopped { restored, database, .. } => {
            let details = left(restored).into_iter().chain(database.clone()).collect();
            (ended(restored, Code::Interrupted), Vec::new(), details)
        }
    };
    let diagnostics = match error {
        Error::Input(diagnostics) => diagnostics,
        _ => Vec::new(),
    };
    Failure { code, message, hint, diagnostics, log, details: extra }
}

fn ended(restored: &Restored, whole: Code) -> Code {
    match restored {
        Restored::Whole => whole,
        Restored::Incomplete(_) => Code::Incomplete,
    }
}

fn left(restored: &Restored) -> Vec<String> {
    match restored {
        Restored::Whole => Vec::new(),
        Restored::Incomplete(list) => list.iter().map(|line| format!("not as it was: {line}")).collect(),
    }
}
