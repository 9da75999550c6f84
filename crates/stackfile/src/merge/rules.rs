//! How one value lays over another.

use diagnostics::{Diagnostic, Place};

use crate::model::{Keyed, Located};
use crate::report::Report;

/// Values that the official client takes for absent when it merges.
pub(super) trait Zero {
    fn is_zero(&self) -> bool;
}

macro_rules! zero {
    ($($type:ty: $zero:expr),* $(,)?) => {
        $(impl Zero for $type {
            fn is_zero(&self) -> bool {
                let zero: fn(&$type) -> bool = $zero;
                zero(self)
            }
        })*
    };
}

zero! {
    String: |text| text.is_empty(),
    bool: |flag| !flag,
    i64: |number| *number == 0,
    u64: |number| *number == 0,
    f32: |number| *number == 0.0,
    Option<String>: |text| text.as_deref().unwrap_or_default().is_empty(),
}

/// A value of a later file replaces one of an earlier file; if it is one that the official client would not see,
/// a warning says so.
pub(super) fn replace<T: Zero + PartialEq>(
    base: &mut Option<Located<T>>,
    over: Option<Located<T>>,
    report: &mut Report,
) {
    let Some(over) = over else { return };
    if let Some(under) = base
        && over.is_zero()
        && !under.is_zero()
    {
        kept(
            report,
            "this value overrides the earlier one, docker stack deploy ignores it",
            &over.place,
            &under.place,
        );
    }
    *base = Some(over);
}

/// The same without a warning, where the official client also lets a zero override.
pub(super) fn replace_even_zero<T>(base: &mut Option<T>, over: Option<T>) {
    if over.is_some() {
        *base = over;
    }
}

/// Labels and options: key by key.
pub(super) fn texts<T>(base: &mut Keyed<T>, over: Keyed<T>) {
    base.extend(over);
}

/// The environment: key by key, with a warning where the official client would keep the earlier value.
pub(super) fn environment(
    base: &mut Keyed<Located<Option<String>>>,
    over: Keyed<Located<Option<String>>>,
    report: &mut Report,
) {
    for (key, value) in over {
        let mut slot = base.remove(&key);
        replace(&mut slot, Some(value), report);
        if let Some(value) = slot {
            base.insert(key, value);
        }
    }
}

/// Both, where either is there.
pub(super) fn both<T>(base: &mut Option<T>, over: Option<T>, merge: impl FnOnce(&mut T, T)) {
    match (base, over) {
        (_, None) => {}
        (Some(base), Some(over)) => merge(base, over),
        (base, over) => *base = over,
    }
}

/// Warns that data is kept which `docker stack deploy` would lose.
pub(super) fn kept(report: &mut Report, what: &str, over: &Place, base: &Place) {
    report.warn(
        Diagnostic::warning("stack-file/merge", what)
            .at(over.clone())
            .related(base.clone(), "the earlier one")
            .help("to deploy the same with the stock client, say it in one file only"),
    );
}
