//! Being told to stop in the middle: what the operator says, seen by the driver between its steps. Decides nothing.

use tokio::sync::watch;

/// What the operator wants of a deploy that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// To go on.
    #[default]
    GoOn,
    /// To begin nothing new until the operator has made up their mind.
    Hold,
    /// To put everything back as it was.
    RollBack,
    /// To stop where it is: the same command again continues.
    Leave,
}

/// Where the wish is read.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Option<watch::Receiver<Wish>>);

/// Where the wish is written.
#[derive(Debug)]
pub struct Interrupter(watch::Sender<Wish>);

impl Interrupter {
    /// Says what is wished now.
    pub fn wish(&self, wish: Wish) {
        self.0.send_replace(wish);
    }
}

impl Interrupt {
    /// A pair: one end for the operator, one for the deploy.
    pub fn channel() -> (Interrupter, Self) {
        let (sender, receiver) = watch::channel(Wish::GoOn);
        (Interrupter(sender), Self(Some(receiver)))
    }

    /// Waits while the operator makes up their mind. `Some` is how to stop.
    pub(crate) async fn stop(&self) -> Option<Wish> {
        let mut receiver = self.0.clone()?;
        // Whoever could have wished for something is gone: go on.
        let wish = receiver.wait_for(|wish| *wish != Wish::Hold).await.ok()?;
        (*wish != Wish::GoOn).then_some(*wish)
    }

    /// Returns when the operator wants to stop.
    pub(crate) async fn stopped(&self) -> Wish {
        let Some(mut receiver) = self.0.clone() else { return std::future::pending().await };
        match receiver.wait_for(|wish| matches!(wish, Wish::RollBack | Wish::Leave)).await {
            Ok(wish) => *wish,
            Err(_) => std::future::pending().await,
        }
    }
}
