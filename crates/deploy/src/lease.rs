//! The lease: one deployer of a stack at a time, over all managers and machines.
//!
//! It is a Swarm config with a fixed name: the managers let only one be created, and a label update is
//! compare-and-swap on its version (measured). Its holder renews it; a holder that cannot renew it stops
//! writing well before anybody else may take it over.
//!
//! Whether a holder is dead is never judged by comparing two machines' clocks: either its process is known to be gone
//! on this very machine, or the managers' own clock says that it has been silent for long, or this process has
//! itself seen it silent for the lease's whole time.

use std::time::Duration;

use engine::{Api, Error as EngineError, FileKind, FileObject};
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use crate::error::Error;
use crate::event::{Event, Sink};
use crate::observe;
use crate::release::{KIND_LABEL, STACK_LABEL, config_name};

/// A holder that was silent for so long has lost the lease. Longer than the managers take to elect a leader, twice:
/// 10 to 16 s were measured with three managers.
const TIME_TO_LIVE: Duration = Duration::from_secs(40);
/// How often a holder renews it.
const BEAT: Duration = Duration::from_secs(4);
/// A holder that could not renew for so long stops writing.
const STOP_AFTER: Duration = Duration::from_secs(28);
/// The managers' clocks may differ by some seconds, so by their clock a holder gets twice the time.
const SILENT_BY_MANAGERS: Duration = Duration::from_secs(80);
/// How often a waiter looks.
const LOOK: Duration = Duration::from_millis(500);

const HOLDER_LABEL: &str = "tidegate.holder";
const NONCE_LABEL: &str = "tidegate.nonce";
const PROCESS_LABEL: &str = "tidegate.process";
const BEAT_LABEL: &str = "tidegate.beat";

/// Who wants the lease.
#[derive(Clone, Debug)]
pub struct Holder {
    /// For people: `user@host`.
    pub who: String,
    /// Unique for this run.
    pub nonce: String,
    /// Identifies the process on its machine; empty if unknown.
    pub process: String,
    /// Whether a process, as another run of this machine wrote it, is known to be gone.
    pub is_gone: fn(&str) -> bool,
}

/// The lease, held.
#[derive(Debug)]
pub(crate) struct Lease<'a, A> {
    api: &'a A,
    stack: &'a str,
    nonce: &'a str,
    id: String,
    /// When the question was sent whose answer was that it is held.
    since: Instant,
}

/// What an attempt to renew the lease found.
enum Renewed {
    /// It is ours, for another while.
    Yes,
    /// It is not there any more.
    Gone,
    /// It is another holder's.
    Theirs(String),
}

/// Takes the lease, waiting at most `wait` for another holder to end.
pub(crate) async fn acquire<'a, A: Api>(
    api: &'a A,
    stack: &'a str,
    holder: &'a Holder,
    wait: Duration,
    sink: Sink<'_>,
) -> Result<Lease<'a, A>, Error> {
    let name = config_name(stack, "lease");
    let begun = Instant::now();
    let mut seen: Option<(u64, Instant)> = None;
    let mut announced = false;
    loop {
        let asked = Instant::now();
        let Some(current) = create(api, stack, &name, holder).await? else {
            // It went away in between, or its creation is not to be seen yet.
            if begun.elapsed() >= wait + LOOK {
                let holder = "somebody".to_owned();
                return Err(Error::LeaseHeld { stack: stack.to_owned(), holder, seconds: wait.as_secs() });
            }
            sleep(LOOK).await;
            continue;
        };
        let own = current.label(NONCE_LABEL) == Some(&holder.nonce);
        if own && asked.elapsed() < STOP_AFTER {
            return Ok(taken(api, stack, holder, current.id, asked, None, sink));
        }
        let since = match seen {
            Some((version, since)) if version == current.version => since,
            _ => Instant::now(),
        };
        seen = Some((current.version, since));
        let who = current.label(HOLDER_LABEL).unwrap_or("somebody").to_owned();
        // Its own, of which it heard long after it was so, it takes once more: somebody may be about to take it over.
        let free = own || planted!(LeaseStolen) || since.elapsed() >= TIME_TO_LIVE;
        if free || is_dead(api, &current, holder).await? {
            let spec = current.relabelled(labels(stack, holder, 0));
            let asked = Instant::now();
            match api.update_file_object(FileKind::Config, &current.id, current.version, &spec).await {
                Ok(()) if asked.elapsed() < STOP_AFTER => {
                    let from = (!own).then_some(who);
                    return Ok(taken(api, stack, holder, current.id, asked, from, sink));
                }
                // The answer is too old, somebody else was quicker, it is back after all, or the answer is lost: look again.
                Ok(()) => {}
                Err(error) if error.may_have_been_applied() || is_gone(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if begun.elapsed() >= wait {
            return Err(Error::LeaseHeld { stack: stack.to_owned(), holder: who, seconds: wait.as_secs() });
        }
        if !announced {
            sink(Event::LeaseWaiting { holder: who, at_most: wait.as_secs() });
            announced = true;
        }
        sleep(LOOK).await;
    }
}

fn taken<'a, A>(
    api: &'a A,
    stack: &'a str,
    holder: &'a Holder,
    id: String,
    since: Instant,
    taken_over_from: Option<String>,
    sink: Sink<'_>,
) -> Lease<'a, A> {
    sink(Event::LeaseTaken { taken_over_from });
    Lease { api, stack, nonce: &holder.nonce, id, since }
}

/// Creates the lease, or reads the one that is there. `None`: it went away in between.
async fn create<A: Api>(
    api: &A,
    stack: &str,
    name: &str,
    holder: &Holder,
) -> Result<Option<FileObject>, EngineError> {
    // Looking first keeps a waiter from writing to the managers' log twice a second.
    if let Some(current) = api.file_object(FileKind::Config, name).await? {
        return Ok(Some(current));
    }
    let spec = FileObject::spec(name, labels(stack, holder, 0), b"tidegate lease");
    match api.create_file_object(FileKind::Config, &spec).await {
        Ok(_) => {}
        Err(error) if error.may_have_been_applied() => {}
        Err(error) => return Err(error),
    }
    api.file_object(FileKind::Config, name).await
}

fn labels(stack: &str, holder: &Holder, beat: u64) -> Vec<(String, String)> {
    [
        (STACK_LABEL, stack.to_owned()),
        (KIND_LABEL, "lease".to_owned()),
        (HOLDER_LABEL, holder.who.clone()),
        (NONCE_LABEL, holder.nonce.clone()),
        (PROCESS_LABEL, holder.process.clone()),
        (BEAT_LABEL, beat.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}

async fn is_dead<A: Api>(api: &A, current: &FileObject, holder: &Holder) -> Result<bool, EngineError> {
    if current.label(PROCESS_LABEL).is_some_and(|process| (holder.is_gone)(process)) {
        return Ok(true);
    }
    let now: Option<Timestamp> = api.info().await?.system_time.parse().ok();
    let then: Option<Timestamp> = current.updated_at.parse().ok();
    let (Some(now), Some(then)) = (now, then) else { return Ok(false) };
    Ok(now.duration_since(then).try_into().is_ok_and(|silent: Duration| silent >= SILENT_BY_MANAGERS))
}

fn is_gone(error: &EngineError) -> bool {
    matches!(error, EngineError::NotFound { .. })
}

impl<A: Api> Lease<'_, A> {
    /// Does the work while the lease is renewed. When it is lost the work is dropped where it stands: whatever it
    /// sent may still take effect, but it sends nothing more.
    pub(crate) async fn hold<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            // In this order: after the process has stood still, the lease is looked at before anything else is sent. And in
            // some fixed order, so that a simulated run replays exactly.
            biased;
            reason = self.keep_alive(), if !planted!(NoLeaseCheck) => {
                Err(Error::LeaseLost { stack: self.stack.to_owned(), reason })
            }
            result = work => Ok(result),
        }
    }

    /// Renews the lease until it is lost; returns how.
    async fn keep_alive(&self) -> String {
        let mut renewed = self.since;
        if renewed.elapsed() >= STOP_AFTER {
            return format!("nothing was done with it for {} s", renewed.elapsed().as_secs());
        }
        let mut beat = 0;
        loop {
            sleep(BEAT).await;
            beat += 1;
            let left = STOP_AFTER.saturating_sub(renewed.elapsed());
            // The time counts from the question: the answer may be read long after it was given.
            let asked = Instant::now();
            let mut last = None;
            match timeout(left, self.renew_until_done(beat, &mut last)).await {
                Ok(Ok(())) if asked.elapsed() < STOP_AFTER => renewed = asked,
                // The process stood still between the question and the answer, for longer than the answer is worth.
                Ok(Ok(())) => return format!("its renewal took {} s", asked.elapsed().as_secs()),
                Ok(Err(reason)) => return reason,
                Err(_) => {
                    let why = last.map(|error| format!(": {error}")).unwrap_or_default();
                    return format!("it could not be renewed for {} s{why}", STOP_AFTER.as_secs());
                }
            }
        }
    }

    /// Tries until it is renewed, or lost; `last` is why the last attempt failed.
    async fn renew_until_done(&self, beat: u64, last: &mut Option<EngineError>) -> Result<(), String> {
        loop {
            match self.renew(beat).await {
                Ok(Renewed::Yes) => return Ok(()),
                Ok(Renewed::Gone) => return Err("somebody removed it".to_owned()),
                Ok(Renewed::Theirs(holder)) => return Err(format!("{holder} has taken it over")),
                // Ambiguous, no leader, no answer: the next attempt reads again.
                Err(error) => {
                    *last = Some(error);
                    sleep(LOOK).await;
                }
            }
        }
    }

    async fn renew(&self, beat: u64) -> Result<Renewed, EngineError> {
        let Some(current) = self.api.file_object(FileKind::Config, &self.id).await? else {
            return Ok(Renewed::Gone);
        };
        if !self.is_ours(&current) {
            let holder = current.label(HOLDER_LABEL).unwrap_or("another deploy");
            return Ok(Renewed::Theirs(holder.to_owned()));
        }
        let labels = current.labels().into_iter().filter(|(key, _)| *key != BEAT_LABEL);
        let labels: Vec<(String, String)> = labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .chain([(BEAT_LABEL.to_owned(), beat.to_string())])
            .collect();
        let spec = current.relabelled(labels);
        self.api.update_file_object(FileKind::Config, &self.id, current.version, &spec).await?;
        Ok(Renewed::Yes)
    }

    fn is_ours(&self, current: &FileObject) -> bool {
        current.label(NONCE_LABEL) == Some(self.nonce)
    }

    /// Gives the lease back. A failure is not worth an error: the lease ends by itself.
    pub(crate) async fn release(self) {
        let current = self.api.file_object(FileKind::Config, &self.id).await;
        if current.is_ok_and(|current| current.is_some_and(|current| self.is_ours(&current))) {
            let _ = self.api.remove_file_object(FileKind::Config, &self.id).await;
        }
    }
}

/// Gives back the lease of a deploy that was interrupted and whose hold on it is gone with it.
pub async fn abandon<A: Api>(api: &A, stack: &str, holder: &Holder) {
    let name = config_name(stack, "lease");
    if let Ok(Some(current)) = api.file_object(FileKind::Config, &name).await
        && current.label(NONCE_LABEL) == Some(&holder.nonce)
    {
        let _ = api.remove_file_object(FileKind::Config, &current.id).await;
    }
}

/// A lease, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeaseInfo {
    /// Who holds it.
    pub holder: String,
    /// When it was taken (RFC 3339, by the managers' clock).
    pub since: String,
    /// When it was last renewed (RFC 3339, by the managers' clock).
    pub renewed_at: String,
    /// How long ago that was by the managers' clock, in seconds.
    pub silent: u64,
    /// Whether the holder is known to be dead, or was silent for so long that the next deploy takes over.
    pub dead: bool,
}

/// Who holds the lease of a stack; `None` if nobody does.
pub async fn show<A: Api>(api: &A, stack: &str, asker: &Holder) -> Result<Option<LeaseInfo>, Error> {
    observe::require_manager(api).await?;
    let Some(current) = api.file_object(FileKind::Config, &config_name(stack, "lease")).await? else {
        return Ok(None);
    };
    let now: Option<Timestamp> = api.info().await?.system_time.parse().ok();
    let then: Option<Timestamp> = current.updated_at.parse().ok();
    let silent = now.zip(then).and_then(|(now, then)| u64::try_from(now.duration_since(then).as_secs()).ok());
    Ok(Some(LeaseInfo {
        holder: current.label(HOLDER_LABEL).unwrap_or("somebody").to_owned(),
        since: current.created_at.clone(),
        renewed_at: current.updated_at.clone(),
        silent: silent.unwrap_or_default(),
        dead: is_dead(api, &current, asker).await?,
    }))
}

/// Takes the lease away from whoever holds it, and says who that was; `None` if nobody does. Its holder stops writing when
/// it next looks, a few seconds later.
pub async fn break_it<A: Api>(api: &A, stack: &str) -> Result<Option<String>, Error> {
    observe::require_manager(api).await?;
    let Some(current) = api.file_object(FileKind::Config, &config_name(stack, "lease")).await? else {
        return Ok(None);
    };
    api.remove_file_object(FileKind::Config, &current.id).await?;
    Ok(Some(current.label(HOLDER_LABEL).unwrap_or("somebody").to_owned()))
}
