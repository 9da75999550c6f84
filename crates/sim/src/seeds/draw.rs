//! What a seed decides: its list of faults.

use std::time::Duration;

use super::faults::{Faults, Item, Second, Victim};
use crate::rng::Rng;
use crate::{Fault, Halt, When};

/// A deploy of the seeds' stack makes about this many calls, and this many that write.
const CALLS: u64 = 220;
const WRITES: u64 = 30;
/// How long one takes, in milliseconds.
const LASTS: u64 = 16_000;

/// The faults of a seed.
pub(super) fn draw(seed: u64) -> Faults {
    let mut rng = Rng::fork(seed, "faults");
    let mut items = Vec::new();
    if rng.chance(550) {
        items.push(Item::Release(pick(&mut rng, &Second::ALL)));
    }
    match rng.below(8) {
        0 | 1 => {}
        2..=4 => few(&mut rng, 3, &mut items),
        5 | 6 => few(&mut rng, 12, &mut items),
        _ => storm(&mut rng, &mut items),
    }
    if rng.chance(400) {
        items.push(Item::Crash(halt(&mut rng)));
        if rng.chance(600) {
            items.push(Item::SameMachine);
        }
    }
    if rng.chance(120) {
        let time = 5_000 + rng.below(115_000);
        items.push(Item::Call(When::Call(1 + rng.below(CALLS)), Fault::Freeze(number(time))));
    }
    if rng.chance(200) {
        items.push(Item::Rival(number(rng.below(12_000))));
    }
    if rng.chance(80) {
        busy(&mut rng, &mut items);
    }
    if rng.chance(100) {
        items.push(Item::Gate(number(5_000 + rng.below(55_000))));
    }
    if rng.chance(50) {
        items.push(Item::Recreate);
    }
    events(&mut rng, &mut items);
    if rng.chance(300) {
        items.push(Item::Then(if rng.chance(500) { 1 } else { 3 }));
    }
    Faults(items)
}

/// What happens beside the deployer's calls.
fn events(rng: &mut Rng, items: &mut Vec<Item>) {
    if rng.chance(150) {
        items.push(Item::Edit(pick(rng, &Victim::ALL), number(rng.below(LASTS))));
    }
    if rng.chance(100) {
        items.push(Item::EditAfter(pick(rng, &Victim::ALL), 1 + rng.below(WRITES)));
    }
    if rng.chance(120) {
        items.push(Item::Noop(pick(rng, &Victim::ALL), number(rng.below(LASTS))));
    }
    if rng.chance(150) {
        items.push(Item::Fail(pick(rng, &Victim::ALL), number(rng.below(LASTS))));
    }
    if rng.chance(120) {
        items.push(Item::Drain(pick(rng, &Victim::ALL), number(rng.below(12_000))));
    }
}

/// Up to this many faults, at any calls.
fn few(rng: &mut Rng, most: u64, items: &mut Vec<Item>) {
    for _ in 0..=rng.below(most) {
        // Writes are few among the calls, and most faults are about them.
        let when = if rng.chance(600) {
            When::Write(1 + rng.below(WRITES))
        } else {
            When::Call(1 + rng.below(CALLS))
        };
        items.push(Item::Call(when, fault(rng)));
    }
}

/// Every other write of a stretch goes wrong.
fn storm(rng: &mut Rng, items: &mut Vec<Item>) {
    let from = rng.below(WRITES);
    for write in from..from + 4 + rng.below(WRITES) {
        if rng.chance(500) {
            items.push(Item::Call(When::Write(write + 1), fault(rng)));
        }
    }
}

/// Answers come late for a while.
fn busy(rng: &mut Rng, items: &mut Vec<Item>) {
    let from = 1 + rng.below(CALLS);
    for call in from..from + 2 + rng.below(20) {
        items.push(Item::Call(When::Call(call), Fault::Late(number(500 + rng.below(2500)))));
    }
}

fn fault(rng: &mut Rng) -> Fault {
    match rng.below(12) {
        0 => Fault::Unreachable,
        1 => Fault::LostRequest,
        2 | 3 => Fault::LostAnswer,
        4 => Fault::Resent,
        5 => Fault::StatusWrite,
        6 => Fault::ForeignEdit,
        7 => Fault::NoopUpdate,
        8 => Fault::NoLeader,
        9 => Fault::NoLeaderAfter,
        10 => Fault::Late(number(rng.below(4000))),
        _ => Fault::Slow(number(rng.below(4000))),
    }
}

fn halt(rng: &mut Rng) -> Halt {
    match rng.below(4) {
        0 => Halt::BeforeCall(1 + rng.below(CALLS)),
        1 => Halt::AfterCall(1 + rng.below(CALLS)),
        2 => Halt::AfterWrite(1 + rng.below(WRITES)),
        _ => Halt::At(Duration::from_millis(rng.below(LASTS))),
    }
}

fn pick<T: Copy>(rng: &mut Rng, all: &[(T, &'static str)]) -> T {
    all[usize::try_from(rng.below(all.len() as u64)).unwrap_or(0)].0
}

fn number(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
