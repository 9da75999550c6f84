//! Dates, which yaml.v3 recognises in plain scalars. A stack file never wants one, so they matter only because
//! an unquoted `2024-01-01` in `environment` reaches the container as Go prints a time.

/// A date and time with an offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanosecond: u32,
    offset_minutes: i32,
}

impl Timestamp {
    /// Reads the four forms that yaml.v3 accepts: a date, a date and time with a blank between (UTC), and
    /// RFC 3339 with `T` or `t` and a zone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = Rest(text);
        let year = rest.number(4, 4)?;
        rest.exact('-')?;
        let month = rest.number(1, 2)?;
        rest.exact('-')?;
        let day = rest.number(1, 2)?;
        let mut this =
            Self { year, month, day, hour: 0, minute: 0, second: 0, nanosecond: 0, offset_minutes: 0 };
        if !rest.0.is_empty() {
            let separator = rest.any()?;
            this.hour = rest.number(2, 2)?;
            rest.exact(':')?;
            this.minute = rest.number(1, 2)?;
            rest.exact(':')?;
            this.second = rest.number(1, 2)?;
            this.nanosecond = rest.fraction()?;
            match separator {
                'T' | 't' => this.offset_minutes = rest.zone()?,
                ' ' => {}
                _ => return None,
            }
        }
        (rest.0.is_empty() && this.exists()).then_some(this)
    }

    fn exists(&self) -> bool {
        let leap =
            self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return false,
        };
        (1..=days).contains(&self.day) && self.hour < 24 && self.minute < 60 && self.second < 60
    }

    /// As Go prints a time: `2024-01-01 00:00:00 +0000 UTC`.
    pub(crate) fn display(&self) -> String {
        let (sign, hours, minutes) = self.offset();
        let offset = format!("{sign}{hours:02}{minutes:02}");
        let zone = if self.offset_minutes == 0 { "UTC" } else { &offset };
        format!("{} {}{} {offset} {zone}", self.date(), self.time(), self.fraction())
    }

    /// As RFC 3339: `2024-01-01T00:00:00Z`.
    pub(crate) fn rfc3339(&self) -> String {
        let (sign, hours, minutes) = self.offset();
        let zone =
            if self.offset_minutes == 0 { "Z".into() } else { format!("{sign}{hours:02}:{minutes:02}") };
        format!("{}T{}{}{zone}", self.date(), self.time(), self.fraction())
    }

    fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn time(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    fn fraction(&self) -> String {
        if self.nanosecond == 0 {
            return String::new();
        }
        format!(".{:09}", self.nanosecond).trim_end_matches('0').into()
    }

    fn offset(&self) -> (char, i32, i32) {
        let minutes = self.offset_minutes.abs();
        (if self.offset_minutes < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
    }
}

/// What is left to read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn any(&mut self) -> Option<char> {
        let first = self.0.chars().next()?;
        self.0 = &self.0[first.len_utf8()..];
        Some(first)
    }

    fn exact(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if digits < least {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        number.parse().ok()
    }

    /// An optional fraction of a second, in nanoseconds; further digits are cut off.
    fn fraction(&mut self) -> Option<u32> {
        let Some(rest) = self.0.strip_prefix(['.', ',']) else { return Some(0) };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let nine: String = rest.chars().take(digits.min(9)).chain("000000000".chars()).take(9).collect();
        self.0 = &rest[digits..];
        if digits == 0 { None } else { nine.parse().ok() }
    }

    fn zone(&mut self) -> Option<i32> {
        match self.any()? {
            'Z' => Some(0),
            sign @ ('+' | '-') => {
                let hours = i32::try_from(self.number(2, 2)?).ok()?;
                self.exact(':')?;
                let minutes = i32::try_from(self.number(2, 2)?).ok()?;
                let total = hours * 60 + minutes;
                (hours <= 24 && minutes < 60).then_some(if sign == '-' { -total } else { total })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_printed_as_go_prints_them() {
        for (text, printed) in [
            ("2024-01-01", "2024-01-01 00:00:00 +0000 UTC"),
            ("2024-1-2", "2024-01-02 00:00:00 +0000 UTC"),
            ("2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.1 -0500 -0500"),
            ("2001-12-15T02:59:43.1Z", "2001-12-15 02:59:43.1 +0000 UTC"),
            ("2001-12-14 21:59:43", "2001-12-14 21:59:43 +0000 UTC"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|time| time.display()).as_deref(), Some(printed), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_stays_a_string() {
        for text in ["2024-13-01", "2023-02-29", "2024-01-01T00:00:00", "20240-01-01", "2024-01-01x", "2024-"]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
