//! What goes wrong between a caller and the simulated managers, and when: at chosen calls, or by seed.

use std::time::Duration;

use crate::rng::Rng;

/// Something that goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is listening: the call fails before it is sent.
    Unreachable,
    /// The request is lost on its way, and no answer comes.
    LostRequest,
    /// The request is carried out, and its answer is lost.
    LostAnswer,
    /// A manager sends the request on twice: it is carried out, and the answer is that of the second copy (out of sequence,
    /// name taken, not found).
    Resent,
    /// Just before an update the manager writes a status to the same object, so that its version index moves.
    StatusWrite,
    /// Just before an update of a service somebody else changes its spec (one replica more).
    ForeignEdit,
    /// Just before an update of a service somebody else writes the spec that it has, once more: nothing is different, and
    /// `PreviousSpec` is no longer what was there before.
    NoopUpdate,
    /// The leader is lost before the request is carried out.
    NoLeader,
    /// The leader is lost after the request was carried out.
    NoLeaderAfter,
    /// The request takes this many milliseconds longer.
    Slow(u32),
    /// The answer takes this many milliseconds longer.
    Late(u32),
    /// The caller's whole process stands still for this many milliseconds, from when the request has been carried out (see
    /// [`Sim::drive`](crate::Sim::drive)).
    Freeze(u32),
}

impl Fault {
    /// Whether the fault means something for a call that changes nothing.
    fn hits_reads(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::LostRequest
                | Self::LostAnswer
                | Self::NoLeader
                | Self::Slow(_)
                | Self::Late(_)
                | Self::Freeze(_)
        )
    }
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this call of all calls, from 1.
    Call(u64),
    /// At this call of those that write, from 1.
    Write(u64),
}

/// The faults of one caller.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    planned: Vec<(When, Fault)>,
    random: Option<(Rng, u32)>,
    spares_reads: bool,
}

impl Faults {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// These, at these calls.
    pub fn at(planned: impl IntoIterator<Item = (When, Fault)>) -> Self {
        Self { planned: planned.into_iter().collect(), ..Self::default() }
    }

    /// Random ones: this many calls in a thousand go wrong, which ones and how the seed decides.
    pub fn by_seed(seed: u64, permille: u32) -> Self {
        Self { random: Some((Rng::fork(seed, "faults"), permille)), ..Self::default() }
    }

    /// The same, but random faults happen to calls that write only.
    #[must_use]
    pub fn sparing_reads(mut self) -> Self {
        self.spares_reads = true;
        self
    }

    /// What goes wrong with this call, if anything.
    pub(crate) fn draw(&mut self, call: u64, write: Option<u64>) -> Option<Fault> {
        let is_now =
            |when: When| when == When::Call(call) || write.is_some_and(|write| when == When::Write(write));
        let means_something = |fault: &Fault| write.is_some() || fault.hits_reads();
        if let Some((_, fault)) = self.planned.iter().find(|(when, _)| is_now(*when)) {
            return Some(*fault).filter(means_something);
        }
        let (rng, permille) = self.random.as_mut()?;
        // Always the same number of draws for a call, so that a seed's faults do not depend on what the calls are.
        let (hit, kind, slow) = (rng.chance(*permille), rng.below(9), rng.below(4000));
        let fault = match kind {
            0 => Fault::Unreachable,
            1 => Fault::LostRequest,
            2 => Fault::LostAnswer,
            3 => Fault::Resent,
            4 => Fault::StatusWrite,
            5 => Fault::ForeignEdit,
            6 => Fault::NoLeader,
            7 => Fault::NoLeaderAfter,
            _ => Fault::Slow(u32::try_from(slow).unwrap_or(0)),
        };
        (hit && (write.is_some() || fault.hits_reads() && !self.spares_reads)).then_some(fault)
    }
}

/// Where a caller is stopped for good, as if its process had been killed: its call never returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Before this call of all calls takes effect, from 1.
    BeforeCall(u64),
    /// After this call of all calls took effect, before its answer.
    AfterCall(u64),
    /// Before this writing call takes effect, from 1.
    BeforeWrite(u64),
    /// After this writing call took effect, before its answer.
    AfterWrite(u64),
    /// At this moment of virtual time since the simulation began, wherever the caller is then (see
    /// [`Sim::drive`](crate::Sim::drive)).
    At(Duration),
}

/// How long a caller of the simulated engine waits for an answer that does not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
