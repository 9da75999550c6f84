//! Checks once all waves have converged: all at the same time, each tried until it passes or its time is up. Those over the
//! network go through the front end's [`Probe`](crate::checks::Probe); a command runs as a one-shot service of the stack, as
//! a gate does, so that what an interrupted deploy leaves of it is tidied up like a gate's run.

use std::time::Duration;

use engine::Api;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::{Rollout, Stop};
use crate::checks::{Asking, Check, CheckKind};
use crate::error::Error;
use crate::event::{CheckState, Event};
use crate::gate::{self, End};
use crate::gate_run::GateRun;
use crate::spec::{self, GATE_LABEL, RELEASE_LABEL, SEAL_LABEL};
use crate::target::Wanted;

/// The longest that one try may take, so that a server that never answers is asked again.
const LONGEST_TRY: Duration = Duration::from_secs(10);

const HINT: &str = "look at what the check asks and at the log of the service that answers; a check that only needs more time \
                    gets it by its `timeout`";

/// Why a try was in vain.
struct Missed {
    reason: String,
    /// The last lines of a command's log.
    log: Vec<String>,
    /// The try was cut off because its time was up.
    cut_off: bool,
}

impl From<String> for Missed {
    fn from(reason: String) -> Self {
        Self { reason, log: Vec::new(), cut_off: false }
    }
}

impl Missed {
    fn about(self, what: &str) -> Self {
        Self { reason: format!("{what} {}", self.reason), ..self }
    }
}

/// An answer over the network, or why there is none.
async fn in_time<T>(asking: Asking<'_, T>, left: Duration) -> Result<T, Missed> {
    let limit = left.min(LONGEST_TRY);
    match timeout(limit, asking).await {
        Ok(answer) => answer.map_err(Missed::from),
        Err(_) => Err(Missed { cut_off: true, ..Missed::from(format!("did not answer within {limit:?}")) }),
    }
}

impl<A: Api> Rollout<'_, A> {
    /// Runs the checks. All that fail are named; of commands, the log of the first in the order of the stack file is shown.
    pub(super) async fn checks(&self) -> Result<(), Stop> {
        let checks = &self.target.settings.checks;
        let running = checks.iter().enumerate().map(|(number, check)| self.check(number, check));
        let (mut reasons, mut logs) = (Vec::new(), Vec::new());
        for (check, ended) in checks.iter().zip(join_all(running).await) {
            if let Some(missed) = ended? {
                reasons.push(format!(
                    "check `{}` did not pass within {:?}: {}",
                    check.name, check.timeout, missed.reason
                ));
                logs.push(missed.log);
            }
        }
        if reasons.is_empty() {
            return Ok(());
        }
        let log = logs.into_iter().find(|log| !log.is_empty()).unwrap_or_default();
        Err(Stop::Service { reason: reasons.join("; "), hint: Some(HINT.to_owned()), log })
    }

    /// Tries one check until it passes, or its time is up.
    async fn check(&self, number: usize, check: &Check) -> Result<Option<Missed>, Error> {
        let begun = Instant::now();
        self.tell_check(check, CheckState::Running, None);
        let mut last: Option<Missed> = None;
        loop {
            let left = check.timeout.saturating_sub(begun.elapsed());
            let Err(missed) = self.attempt(number, check, left).await? else {
                self.tell_check(check, CheckState::Passed, None);
                return Ok(None);
            };
            // A try that the end of the check's time cut off says less than one that was answered.
            if last.is_none() || !missed.cut_off {
                last = Some(missed);
            }
            if begun.elapsed() + check.interval >= check.timeout {
                break;
            }
            sleep(check.interval).await;
        }
        self.tell_check(check, CheckState::Failed, last.as_ref().map(|missed| missed.reason.clone()));
        Ok(last)
    }

    /// One try. The outer error is the engine's.
    async fn attempt(
        &self,
        number: usize,
        check: &Check,
        left: Duration,
    ) -> Result<Result<(), Missed>, Error> {
        let probe = &self.options.probe;
        Ok(match &check.kind {
            CheckKind::Http(http) => {
                let answer = in_time(probe.get(&http.url), left).await;
                answer
                    .and_then(|answer| http.judge(&answer).map_err(Missed::from))
                    .map_err(|missed| missed.about(&http.url.to_string()))
            }
            CheckKind::Tcp { address } => {
                in_time(probe.connect(address), left).await.map_err(|missed| missed.about(address))
            }
            CheckKind::Command { service, command } => match self.target.by_key(service) {
                Some(wanted) => {
                    let name = run_name(&self.target.stack, number, self.plan.number);
                    self.command(&name, wanted, command, left).await?
                }
                None => Err(Missed::from(format!("the stack has no service `{service}`"))),
            },
        })
    }

    /// Runs a command beside a service, and takes its service away again.
    async fn command(
        &self,
        name: &str,
        wanted: &Wanted,
        command: &[String],
        left: Duration,
    ) -> Result<Result<(), Missed>, Error> {
        let run = format!("{}-{}", self.plan.number, self.options.holder.nonce);
        let mut body = body(&self.live.resolve(&wanted.body), name, command, &run);
        spec::set_label(&mut body, RELEASE_LABEL, &self.plan.number.to_string());
        spec::set_label(&mut body, SEAL_LABEL, &self.key.to_label());
        // Its time is the check's, not its service's.
        let wanted = Wanted { timeout: left, ..wanted.clone() };
        let run = GateRun { api: self.api, sink: &|_| {}, wanted: &wanted, name, body: &body };
        run.remove().await?;
        let ended = run.to_its_end().await;
        // Also after an error: it is not the stack's.
        let removed = run.remove().await;
        let (end, log) = ended?;
        removed?;
        // Its words are not repeated: a variable in them can hold a secret.
        Ok(match end {
            End::Exited(0) => Ok(()),
            End::Exited(code) => {
                let reason = format!("its command ended with exit code {code}");
                Err(Missed { log, ..Missed::from(reason) })
            }
            End::Lost(reason) => {
                let reason = format!("its command did not run to its end: {reason}");
                Err(Missed { reason, log, cut_off: true })
            }
        })
    }

    fn tell_check(&self, check: &Check, state: CheckState, note: Option<String>) {
        (self.sink)(Event::Check { check: check.name.clone(), state, note });
    }
}

/// The name of the service that runs a check's command. The number keeps apart what a cut to Swarm's length makes alike.
fn run_name(stack: &str, number: usize, release: u64) -> String {
    gate::service_name(&format!("{stack}_check-{}", number + 1), release)
}

/// The body of the service that runs a check's command: the service's own, without what would make others take it for
/// the service: its ports, its aliases, its labels, its healthcheck.
fn body(wanted: &Value, name: &str, command: &[String], run: &str) -> Value {
    let mut body = wanted.clone();
    body["Name"] = json!(name);
    body["Mode"] = json!({ "Replicated": { "Replicas": 1 } });
    keep_namespace(&mut body);
    if let Some(map) = body.as_object_mut() {
        map.remove("UpdateConfig");
        map.remove("RollbackConfig");
        // Nobody calls it, so it takes no virtual address from a network that may be small.
        map.insert("EndpointSpec".to_owned(), json!({ "Mode": "dnsrr" }));
    }
    if let Some(task) = spec::object_at(&mut body, "TaskTemplate") {
        task.insert("RestartPolicy".to_owned(), json!({ "Condition": "none" }));
        for network in task.get_mut("Networks").and_then(Value::as_array_mut).into_iter().flatten() {
            network.as_object_mut().map(|network| network.remove("Aliases"));
        }
    }
    if let Some(container) = body.pointer_mut("/TaskTemplate/ContainerSpec") {
        keep_namespace(container);
        container["Command"] = json!(command);
        container["Healthcheck"] = json!({ "Test": ["NONE"] });
        container.as_object_mut().map(|container| container.remove("Args"));
    }
    gate::set_run(&mut body, run);
    spec::set_label(&mut body, GATE_LABEL, "true");
    body
}

/// Leaves only the label that makes an object the stack's.
fn keep_namespace(object: &mut Value) {
    const NAMESPACE: &str = "com.docker.stack.namespace";
    if let Some(labels) = object.get_mut("Labels").and_then(Value::as_object_mut) {
        labels.retain(|label, _| label == NAMESPACE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checks_service_is_its_services_and_is_not_taken_for_it() {
        let wanted = json!({
            "Name": "shop_api",
            "Labels": { "com.docker.stack.namespace": "shop", "traefik.enable": "true" },
            "Mode": { "Replicated": { "Replicas": 3 } },
            "UpdateConfig": {}, "RollbackConfig": {}, "EndpointSpec": { "Ports": [{ "PublishedPort": 80 }] },
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": "api:1", "Command": ["serve"], "Args": ["--all"], "Env": ["A=b"],
                    "Labels": { "com.docker.stack.namespace": "shop", "x": "y" },
                    "Healthcheck": { "Test": ["CMD", "ok"] }, "Secrets": [{ "SecretID": "s" }],
                },
                "Networks": [{ "Target": "n1", "Aliases": ["api"] }],
                "RestartPolicy": { "Condition": "any" },
            },
        });
        let name = run_name("shop", 0, 4);
        let body = body(&wanted, &name, &["smoke".to_owned(), "--fast".to_owned()], "4-x");
        let expected = json!({
            "Name": "shop_check-1-r4",
            "Labels": { "com.docker.stack.namespace": "shop", "tidegate.gate": "true" },
            "Mode": { "Replicated": { "Replicas": 1 } },
            "EndpointSpec": { "Mode": "dnsrr" },
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": "api:1", "Command": ["smoke", "--fast"], "Env": ["A=b", "TIDEGATE_RUN=4-x"],
                    "Labels": { "com.docker.stack.namespace": "shop" },
                    "Healthcheck": { "Test": ["NONE"] }, "Secrets": [{ "SecretID": "s" }],
                },
                "Networks": [{ "Target": "n1" }],
                "RestartPolicy": { "Condition": "none" },
            },
        });
        assert_eq!(body, expected);
    }
}
