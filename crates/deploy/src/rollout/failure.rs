//! A release that fails: everything is put back, recorded, and told.

use std::time::Duration;

use engine::Api;
use serde_json::Value;

use super::{Rollout, Stop};
use crate::error::{Error, Restored};
use crate::event::Event;
use crate::gate::Crossed;
use crate::hidden::Hidden;
use crate::plan::Action;
use crate::release::State;
use crate::rollback::Rollback;
use crate::spec::{self, RELEASE_LABEL, covers, same};

impl<A: Api> Rollout<'_, A> {
    /// Puts everything back, records it, and makes the error that tells the operator.
    pub(super) async fn fail(&self, stop: Stop, crossed: Option<Crossed>, elapsed: Duration) -> Error {
        let release = self.plan.number;
        let stop = stop.without(self.hidden);
        let database = crossed.as_ref().and_then(Crossed::left_behind);
        let reason = match &stop {
            Stop::Gate { gate, message, .. } => format!("the gate `{gate}` was not crossed: {message}"),
            Stop::Service { reason, .. } => reason.clone(),
            Stop::Interrupted { .. } | Stop::Left => "it was stopped".to_owned(),
            Stop::Other(error) => self.hidden.text(&error.to_string()),
        };
        if self.touched(&stop) {
            (self.sink)(Event::RollingBack { reason: reason.clone() });
        }
        let is_of_release = |name: &str, live: &Value| self.is_of_release(name, live);
        let removed = self.begin_way_back(crossed.as_ref()).await;
        let rollback = Rollback {
            api: self.api,
            stack: &self.target.stack,
            previous: &self.plan.previous,
            base: &self.plan.base,
            creates: &self.created(),
            is_of_release: &is_of_release,
            number: release,
            keys: self.target.services.values().map(|w| (w.name.as_str(), w.key.as_str())).collect(),
            removed: removed.as_ref(),
            one_shots: self.target.services.values().filter(|w| w.gate).map(|w| w.name.as_str()).collect(),
            sink: self.sink,
        };
        let mut restored = self.hidden.restored(rollback.run().await);
        let state = if restored == Restored::Whole { State::RolledBack } else { State::Incomplete };
        // What is left over is only untidy, and the next release tries again.
        let _ = self.clean_up(state).await;
        if let Err(error) = self.finish(state, &reason, crossed.as_ref(), elapsed).await
            && let Restored::Incomplete(list) = &mut restored
        {
            list.push(format!("the outcome could not be recorded: {error}"));
        }
        let told = database.clone().or_else(|| self.database_as_before(&stop, crossed.as_ref()));
        self.tell_end(&stop, &restored, told.as_deref());
        match stop {
            Stop::Gate { gate, message, hint, log } => {
                Error::Gate { release, gate, message, hint, log, restored }
            }
            Stop::Service { reason, hint, log } => {
                Error::Rollout { release, reason, hint, log, restored, database }
            }
            Stop::Interrupted { database: gate } => {
                Error::Stopped { release, restored, database: database.or(gate) }
            }
            Stop::Left => Error::Left { release },
            Stop::Other(error @ (Error::ChangedContent { .. } | Error::LeaseLost { .. })) => error,
            Stop::Other(error) => {
                let (hint, log) = (error.hint().map(|hint| self.hidden.text(&hint)), Vec::new());
                Error::Rollout { release, reason, hint, log, restored, database }
            }
        }
    }
}

impl Stop {
    /// The same without secrets in what others said.
    fn without(self, hidden: &Hidden) -> Self {
        let some = |text: Option<String>| text.map(|text| hidden.text(&text));
        match self {
            Self::Gate { gate, message, hint, log } => {
                Self::Gate { gate, message: hidden.text(&message), hint: some(hint), log: hidden.texts(&log) }
            }
            Self::Service { reason, hint, log } => {
                Self::Service { reason: hidden.text(&reason), hint: some(hint), log: hidden.texts(&log) }
            }
            other @ (Self::Interrupted { .. } | Self::Left | Self::Other(_)) => other,
        }
    }
}

impl<A> Rollout<'_, A> {
    /// Whether a live spec is what this release has written.
    pub(super) fn is_of_release(&self, name: &str, live: &Value) -> bool {
        match self.written().get(name) {
            Some(written) if same(written, live) => true,
            // After a removal and a creation what was lost may be either.
            Some(_) if self.plan.recreate.is_none() => false,
            // A write whose answer was lost. The label tells it from what was there before; an edit by hand of
            // what this release did not write keeps an older one.
            _ => self.target.services.get(name).is_some_and(|wanted| {
                spec::label(live, RELEASE_LABEL) == Some(self.plan.number.to_string().as_str())
                    && covers(&wanted.labelled(), &self.live.localise(live))
            }),
        }
    }

    /// Whether anything may have to be put back: before a gate that mostly is nothing.
    fn touched(&self, stop: &Stop) -> bool {
        let before_gate =
            self.plan.waves.iter().take_while(|wave| !wave.gate).flat_map(|wave| &wave.services);
        let backing = before_gate.into_iter().any(|planned| planned.action != Action::Unchanged);
        backing || self.plan.resumes || !self.plan.creates.is_empty() || !matches!(stop, Stop::Gate { .. })
    }

    /// That the database is as it was, where that is known.
    fn database_as_before(&self, stop: &Stop, crossed: Option<&Crossed>) -> Option<String> {
        match (stop, crossed) {
            (_, Some(crossed)) => crossed.as_before(),
            // What fails before the gate.
            (Stop::Service { .. }, None) => {
                let mut gates =
                    self.plan.waves.iter().filter(|wave| wave.gate).flat_map(|wave| &wave.services);
                let planned = gates.any(|gate| gate.action == Action::Run);
                planned.then(|| "the gate was not run: the database is as it was".to_owned())
            }
            _ => None,
        }
    }

    fn tell_end(&self, stop: &Stop, restored: &Restored, database: Option<&str>) {
        let stack = &self.target.stack;
        let before = match self.live.releases.iter().rev().find(|release| release.succeeded()) {
            Some(release) => format!("stack {stack} runs release {} as before", release.intent.number),
            None if self.plan.base.is_empty() => format!("stack {stack} does not exist, as before"),
            None => format!("stack {stack} is as it was"),
        };
        let release = self.plan.number;
        let (outcome, message) = match (restored, stop) {
            (Restored::Incomplete(left), _) => {
                ("incomplete", format!("release {release} failed, and {} could not be put back", left.len()))
            }
            (Restored::Whole, Stop::Gate { .. }) => {
                ("refused", format!("release {release} was refused at its gate; {before}"))
            }
            (Restored::Whole, Stop::Interrupted { .. }) => {
                ("rolled-back", format!("release {release} was stopped and put back; {before}"))
            }
            (Restored::Whole, _) => {
                ("rolled-back", format!("release {release} failed and was put back; {before}"))
            }
        };
        let message = match database {
            Some(database) => format!("{message}; {database}"),
            None => message,
        };
        (self.sink)(Event::Finished { outcome, release: Some(release), message });
    }
}
