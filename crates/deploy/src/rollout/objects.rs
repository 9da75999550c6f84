//! The objects that services refer to: networks, secrets, configs. They come first, and go if the release fails.

use std::time::Duration;

use engine::{Api, FileKind};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::Rollout;
use crate::error::Error;
use crate::event::Event;
use crate::live::{FileState, Live};
use crate::networks::NAMESPACE_LABEL;
use crate::observe;
use crate::plan::is_to_make;
use crate::plan::recreate::is_recorded;
use crate::relabel::OTHER_CONTENT;

/// How long a network may take to go: as long as its last tasks may take to end.
const NETWORK_GOING: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(250);

impl<A: Api> Rollout<'_, A> {
    /// The networks that are wanted and that no service uses.
    pub(super) async fn networks(&self) -> Result<(), Error> {
        for (name, body) in &self.target.networks {
            if is_to_make(self.target, &self.live, name) {
                self.replace_network(name, body).await?;
            }
        }
        Ok(())
    }

    /// Secrets and configs, which services refer to by id.
    pub(super) async fn files(&mut self) -> Result<(), Error> {
        for kind in [FileKind::Secret, FileKind::Config] {
            let wanted = match kind {
                FileKind::Secret => &self.target.secrets,
                FileKind::Config => &self.target.configs,
            };
            for object in wanted {
                let body = match kind {
                    FileKind::Secret => Live::with_fingerprint(object, &self.key),
                    FileKind::Config => object.body.clone(),
                };
                match self.live.file_state(kind, object) {
                    Some(FileState::Same | FileState::ContentDiffers) => {}
                    Some(FileState::LabelsDiffer) => self.update_file(kind, &object.name, &body).await?,
                    None => self.create_file(kind, &object.name, &body).await?,
                }
            }
        }
        self.refresh().await
    }

    /// Reads the objects again: those that were made have ids now.
    pub(super) async fn refresh(&mut self) -> Result<(), Error> {
        let fresh = observe::live(self.api, &self.target.stack, &self.configs, &self.options.records).await?;
        self.live.networks = fresh.networks;
        self.live.own_networks = fresh.own_networks;
        self.live.former_networks = fresh.former_networks;
        self.live.secrets = fresh.secrets;
        self.live.configs = fresh.configs;
        Ok(())
    }

    /// Creates a network, after one of the same name that nobody uses is gone: it may be going already (the stock
    /// `stack rm` returns before), and then a service that is created on it fails with "network not found".
    async fn replace_network(&self, name: &str, body: &Value) -> Result<(), Error> {
        let begun = Instant::now();
        while let Some(network) = self.api.network(name).await? {
            let stack = network.labels().get(NAMESPACE_LABEL).copied();
            if stack != Some(self.target.stack.as_str()) || network.scope() != "swarm" {
                // Somebody prepared it: the stock client uses it as it is, and so do we.
                return Ok(());
            }
            match self.api.remove_network(network.id()).await {
                // Containers or services outside the stack use it: so it is there, and stays.
                Err(engine::Error::InUse { .. }) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error.into()),
            }
            if begun.elapsed() >= NETWORK_GOING {
                let what = format!("the network `{name}` of an earlier stack to go");
                return Err(Error::TimedOut { what, seconds: NETWORK_GOING.as_secs() });
            }
            sleep(LOOK).await;
        }
        self.create_network(name, body).await
    }

    async fn create_network(&self, name: &str, body: &Value) -> Result<(), Error> {
        match self.api.create_network(body).await {
            Ok(_) => {}
            Err(error) if error.may_have_been_applied() && self.api.network(name).await?.is_some() => {}
            Err(error) => return Err(error.into()),
        }
        self.told_object("network", name, "created");
        Ok(())
    }

    async fn create_file(&self, kind: FileKind, name: &str, body: &Value) -> Result<(), Error> {
        match self.api.create_file_object(kind, body).await {
            Ok(_) => {}
            Err(error)
                if error.may_have_been_applied() && self.api.file_object(kind, name).await?.is_some() => {}
            Err(error) => return Err(error.into()),
        }
        self.told_object(kind.as_str(), name, "created");
        Ok(())
    }

    async fn update_file(&self, kind: FileKind, name: &str, body: &Value) -> Result<(), Error> {
        let Some(found) = self.api.file_object(kind, name).await? else { return Ok(()) };
        match self.api.update_file_object(kind, &found.id, found.version, body).await {
            Ok(()) => {}
            Err(engine::Error::Refused { message, .. }) if message.contains(OTHER_CONTENT) => {
                return Err(Error::ChangedContent { names: vec![format!("{kind} `{name}`")] });
            }
            Err(error) => return Err(error.into()),
        }
        self.told_object(kind.as_str(), name, "updated");
        Ok(())
    }

    pub(super) fn told_object(&self, kind: &'static str, name: &str, action: &'static str) {
        if action == "created" {
            self.made().push((kind.to_owned(), name.to_owned()));
        }
        (self.sink)(Event::Object { kind, name: name.to_owned(), action });
    }

    /// The objects that this release made, or that the interrupted one that it continues made.
    pub(super) fn created(&self) -> Vec<(String, String)> {
        let earlier = self.live.releases.last().filter(|release| release.outcome.is_none());
        let earlier = earlier.into_iter().flat_map(|release| release.intent.creates.clone());
        let mut created: Vec<(String, String)> = earlier.chain(self.made().iter().cloned()).collect();
        // What was there before is put back, and stays.
        let before = |name: &str| is_recorded(self.plan.networks.values(), &self.target.stack, name);
        created.retain(|(kind, name)| kind != "network" || !before(name));
        created
    }
}
