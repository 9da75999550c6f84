//! The managers' clock: virtual time since the simulation began, as the timestamps of the engine's answers.

use std::time::Duration;

use jiff::Timestamp;

/// The moment at which every simulation begins: 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600;

/// The moment this long after the beginning.
pub(crate) fn moment(since: Duration) -> Timestamp {
    let nanoseconds = i128::from(BEGINNING) * 1_000_000_000 + i128::try_from(since.as_nanos()).unwrap_or(0);
    Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::MAX)
}

/// The same as text, RFC 3339.
pub(crate) fn timestamp(since: Duration) -> String {
    moment(since).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::timestamp;

    #[test]
    fn timestamps_look_like_the_engines() {
        assert_eq!(timestamp(Duration::ZERO), "2026-01-01T00:00:00Z");
        assert_eq!(timestamp(Duration::from_millis(90_061_500)), "2026-01-02T01:01:01.5Z");
    }
}
