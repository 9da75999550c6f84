//! SIGINT and SIGTERM while a stack is being changed: the first asks what to do, or does what was said beforehand; the
//! second leaves at once. Decides nothing about the stack.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use clap::ValueEnum;
use deploy::{Holder, Interrupt, Interrupter, Wish};
use engine::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::cli::{Global, OutputFormat};
use crate::exit::{Code, Failure};
use crate::output;
use crate::output::progress::Progress;

/// How long an answer may take before everything is put back.
const ANSWER: Duration = Duration::from_mins(2);
/// How long giving back the lease may take; without an answer it ends by itself.
const GIVE_BACK: Duration = Duration::from_secs(3);

/// What the first signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnInterrupt {
    /// Asks, on a terminal; elsewhere it rolls back.
    Ask,
    /// Puts everything back as it was.
    Rollback,
    /// Stops where it is; the same command again continues.
    Leave,
}

/// Signals that end a command.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(Code::Internal, format!("signals cannot be heard: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// The next signal's name.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Where the operator sits, and what they said beforehand.
pub struct Operator<'a> {
    /// Where their wish goes.
    pub interrupter: &'a Interrupter,
    /// What the first signal does.
    pub choice: OnInterrupt,
    /// What they see.
    pub progress: &'a Progress,
    /// How they are spoken to.
    pub global: &'a Global,
}

/// Runs work that changes a stack and heeds its operator. After a second signal the work is dropped where it stands, and
/// the lease given back.
pub async fn heeding<T>(
    work: impl Future<Output = Result<T, deploy::Error>>,
    operator: Operator<'_>,
    lease: (&Client, &str, &Holder),
) -> Result<T, Failure> {
    let Operator { interrupter, choice, progress, global } = operator;
    let mut signals = Signals::listen()?;
    let mut work = std::pin::pin!(work);
    loop {
        let name = tokio::select! {
            result = &mut work => return result.map_err(crate::session::failure),
            name = signals.next() => name,
        };
        let wish = if choice == OnInterrupt::Ask && name == "SIGINT" && may_ask(global) {
            interrupter.wish(Wish::Hold);
            progress.hold();
            let wish = tokio::select! {
                result = &mut work => return result.map_err(crate::session::failure),
                wish = ask() => wish,
                name = signals.next() => return Err(leave(name, lease).await),
            };
            progress.resume();
            wish
        } else if choice == OnInterrupt::Leave {
            Wish::Leave
        } else {
            Wish::RollBack
        };
        interrupter.wish(wish);
        if wish == Wish::GoOn {
            continue;
        }
        progress.say(&format!("{name}: {}; once more leaves at once", described(wish)));
        return tokio::select! {
            result = &mut work => result.map_err(crate::session::failure),
            name = signals.next() => Err(leave(name, lease).await),
        };
    }
}

/// Runs work that has no way back, such as a removal: the first signal leaves it where it stands.
pub async fn until_interrupted<T>(
    work: impl Future<Output = Result<T, deploy::Error>>,
    lease: (&Client, &str, &Holder),
) -> Result<T, Failure> {
    let mut signals = Signals::listen()?;
    let name = tokio::select! {
        result = work => return result.map_err(crate::session::failure),
        name = signals.next() => name,
    };
    Err(leave(name, lease).await)
}

/// The two ends of what the operator says.
pub fn channel() -> (Interrupter, Interrupt) {
    Interrupt::channel()
}

fn may_ask(global: &Global) -> bool {
    global.output == OutputFormat::Text && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn described(wish: Wish) -> &'static str {
    match wish {
        Wish::Leave => "stopping where it is",
        _ => "putting everything back as it was",
    }
}

/// What the person at the terminal wants. Without an answer everything is put back.
async fn ask() -> Wish {
    output::notice("nothing new is begun. [r]oll back, [l]eave as it is, or [c]ontinue?");
    // A thread of its own: the runtime would wait for one of its own until somebody presses a key.
    let (sender, answer) = oneshot::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match wish_of(&line) {
                Some(wish) => {
                    let _ = sender.send(wish);
                    return;
                }
                None => output::notice("write r, l or c"),
            }
        }
    });
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(Ok(wish)) => wish,
        Ok(Err(_)) | Err(_) => Wish::RollBack,
    }
}

fn wish_of(line: &str) -> Option<Wish> {
    match line.trim().to_lowercase().as_str() {
        "r" | "roll back" | "rollback" => Some(Wish::RollBack),
        "l" | "leave" => Some(Wish::Leave),
        "c" | "continue" => Some(Wish::GoOn),
        _ => None,
    }
}

/// Gives the lease back, whose holder has gone with the work.
async fn leave(signal: &str, (client, stack, holder): (&Client, &str, &Holder)) -> Failure {
    let _ = tokio::time::timeout(GIVE_BACK, deploy::abandon_lease(client, stack, holder)).await;
    left(signal)
}

fn left(signal: &str) -> Failure {
    Failure::new(Code::Interrupted, format!("stopped by {signal}; the stack may be between two releases"))
        .hint("run the same command again: it continues where this one stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_letter_or_a_word() {
        assert_eq!(wish_of(" R \n"), Some(Wish::RollBack));
        assert_eq!(wish_of("leave"), Some(Wish::Leave));
        assert_eq!(wish_of("c"), Some(Wish::GoOn));
        assert_eq!(wish_of("yes"), None);
    }
}
