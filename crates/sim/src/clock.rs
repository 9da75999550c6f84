//! The managers' clock: virtual time since the simulation began, as the timestamps of the engine's answers.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

/// The moment at which every simulation begins: 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600;

/// The moment this long after the beginning.
pub(crate) fn moment(since: Duration) -> Timestamp {
    let nanoseconds = i128::from(BEGINNING) * 1_000_000_000 + i128::try_from(since.as_nanos()).unwrap_or(0);
    Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::MAX)
}

thread_local! {
    /// The second that was last written, and its text. Most of what is written about one moment is of the same second.
    static SECOND: RefCell<(u64, String)> = RefCell::new((0, moment(Duration::ZERO).to_string()));
}

/// The same as text, RFC 3339.
pub(crate) fn timestamp(since: Duration) -> String {
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() {
            *second = since.as_secs();
            *text = moment(Duration::from_secs(*second)).to_string();
        }
        let mut text = text.clone();
        if since.subsec_nanos() > 0 {
            text.pop();
            // Writing to a String cannot fail.
            let _ = write!(text, ".{:09}", since.subsec_nanos());
            text.truncate(text.trim_end_matches('0').len());
            text.push('Z');
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::timestamp;

    #[test]
    fn timestamps_look_like_the_engines() {
        assert_eq!(timestamp(Duration::ZERO), "2026-01-01T00:00:00Z");
        assert_eq!(timestamp(Duration::from_millis(90_061_500)), "2026-01-02T01:01:01.5Z");
        assert_eq!(timestamp(Duration::new(90_061, 1_000)), "2026-01-02T01:01:01.000001Z");
    }
}
