//! Networks of a stack that was being recreated: made again as they were, with what the release has put in their place removed.

use std::sync::Arc;

use engine::{Api, Error as EngineError, Filter};

use super::{Removed, Rollback};
use crate::error::Error;
use crate::event::Event;
use crate::mark::Mark;
use crate::networks::{self, body_of};
use crate::plan::is_gate_run;
use crate::release::Specs;
use crate::rollout::remove_network;
use crate::write;

impl<A: Api> Rollback<'_, A> {
    /// Puts the stack's networks back, and removes what the release has made on those that are in their place. What cannot be
    /// is listed.
    pub(super) async fn clear(&self, removed: &Removed) -> Vec<String> {
        if !removed.cleared {
            // The networks are there, and so may be services.
            return Vec::new();
        }
        let mut left = match self.services_away().await {
            Ok(left) => left,
            Err(error) => return vec![format!("the stack's services: {error}")],
        };
        for (id, body) in &removed.networks {
            if networks::is_of(self.stack, body)
                && let Err(error) = self.network_back(id, body).await
            {
                left.push(format!("network `{}`: {error}", networks::name(body)));
            }
        }
        left
    }

    async fn services_away(&self) -> Result<Vec<String>, Error> {
        let services = self.api.services(&Filter::stack(self.stack)).await?;
        let own = services.iter().filter(|service| Mark::read(&service.spec).is_none());
        let away = own.map(|service| async move {
            let name = service.name();
            let may_remove = |live: &serde_json::Value| {
                is_gate_run(live) || self.may_replace(name, live) || self.was(name, live)
            };
            let gone = write::remove_and_wait(self.api, &service.id, &may_remove).await;
            gone.err().map(|error| format!("service `{name}`: {error}"))
        });
        Ok(futures_util::future::join_all(away).await.into_iter().flatten().collect())
    }

    /// One that an earlier attempt has put back already, on networks that are going to be made once more.
    fn was(&self, name: &str, live: &serde_json::Value) -> bool {
        self.previous
            .get(name)
            .and_then(Option::as_ref)
            .is_some_and(|previous| crate::spec::same(previous, live))
    }

    async fn network_back(&self, id: &str, body: &serde_json::Value) -> Result<(), Error> {
        let name = networks::name(body);
        if let Some(there) = self.api.network(name).await? {
            // The old one may be on its way: it is shown, and the managers do not know it any more.
            if there.id() != id && body_of(&there) == *body {
                return Ok(());
            }
            if there.id() == id && matches!(self.api.remove_network(id).await, Err(EngineError::InUse { .. }))
            {
                // It has not gone, because others use it.
                return Ok(());
            }
            remove_network(self.api, self.stack, there.id(), name).await?;
        }
        match self.api.create_network(body).await {
            Ok(_) => {}
            Err(error) if error.may_have_been_applied() && self.api.network(name).await?.is_some() => {}
            Err(error) if error.is_transient() => drop(self.api.create_network(body).await?),
            Err(error) => return Err(error.into()),
        }
        (self.sink)(Event::Object { kind: "network", name: name.to_owned(), action: "created" });
        Ok(())
    }

    /// What everything was, with the ids that its networks have now.
    pub(super) async fn translate(&self, removed: &Removed, previous: &mut Specs) -> Result<(), String> {
        let there = self.api.networks(&Filter::all()).await.map_err(|error| error.to_string())?;
        let id = |name: &str| {
            let of_name = || there.iter().filter(|network| network.name() == name);
            let swarm = of_name().find(|network| network.scope() == "swarm");
            swarm.or_else(|| of_name().next()).map(engine::Network::id)
        };
        for spec in previous.values_mut().flatten() {
            networks::translate(Arc::make_mut(spec), |old| id(removed.names.get(old)?));
        }
        Ok(())
    }
}
