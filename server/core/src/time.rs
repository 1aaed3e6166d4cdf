//! Time as an argument: instants in UTC milliseconds, and the clock that gives them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant, in whole milliseconds since the Unix epoch (UTC).
///
/// Its text form is RFC 3339 with exactly three fractional digits and `Z`
/// (`2026-11-22T08:00:00.000Z`), so that texts order as instants do for the years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 0000-01-01T00:00:00.000Z
const MIN_MILLIS: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z
const MAX_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    pub const MIN: Self = Self(MIN_MILLIS);
    pub const MAX: Self = Self(MAX_MILLIS);

    /// Clamped to the years 0000 to 9999, outside of which the text form would not order.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < MIN_MILLIS {
            Self(MIN_MILLIS)
        } else if millis > MAX_MILLIS {
            Self(MAX_MILLIS)
        } else {
            Self(millis)
        }
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down (as JWT claims want them).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads RFC 3339 with any offset and any number of fractional digits; digits below a millisecond are cut.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(parsed) = Self::parse_canonical(text) {
            return Some(parsed);
        }
        let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let millis = i64::try_from(instant.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
        (MIN_MILLIS..=MAX_MILLIS).contains(&millis).then_some(Self(millis))
    }

    /// Reads what `Display` writes; `None` for any other form.
    pub fn parse_canonical(text: &str) -> Option<Self> {
        parse_canonical(text)
    }

    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    // By hand: every write and every answer has several of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(instant) = OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1_000)) else {
            return Err(fmt::Error);
        };
        let millis = u32::try_from(self.0.rem_euclid(1_000)).map_err(|_| fmt::Error)?;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let year = u32::try_from(instant.year()).map_err(|_| fmt::Error)?;
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], u8::from(instant.month()).into());
        digits(&mut text[8..10], instant.day().into());
        digits(&mut text[11..13], instant.hour().into());
        digits(&mut text[14..16], instant.minute().into());
        digits(&mut text[17..19], instant.second().into());
        digits(&mut text[20..23], millis);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Writes a number with leading zeros.
fn digits(text: &mut [u8], mut number: u32) {
    for place in text.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

fn parse_canonical(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 24] = text.as_bytes().try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    if marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        bytes[range]
            .iter()
            .try_fold(0_u16, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u16::from(byte - b'0')))
    };
    let small = |range| number(range).and_then(|number| u8::try_from(number).ok());
    let month = time::Month::try_from(small(5..7)?).ok()?;
    let date = time::Date::from_calendar_date(number(0..4)?.into(), month, small(8..10)?).ok()?;
    let time = time::Time::from_hms_milli(small(11..13)?, small(14..16)?, small(17..19)?, number(20..23)?).ok()?;
    let seconds = date.with_time(time).assume_utc().unix_timestamp();
    Some(Timestamp(seconds * 1_000 + i64::from(time.millisecond())))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected a time as RFC 3339"))
    }
}

/// Where the time comes from. Everything that needs the time is given one.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_has_three_fractional_digits_and_z() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(-1).to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn parse_takes_offsets_and_cuts_below_a_millisecond() {
        let expected = Timestamp::parse("2026-11-22T00:00:00.123Z");
        assert_eq!(Timestamp::parse("2026-11-22T08:00:00.123999+08:00"), expected);
        assert_eq!(Timestamp::parse("2026-11-22"), None);
        assert_eq!(Timestamp::parse("2026-13-22T00:00:00Z"), None);
    }

    #[test]
    fn what_is_written_is_read_and_nothing_odd_beside_it() {
        for millis in [MIN_MILLIS, MIN_MILLIS + 1, -1, 0, 951_782_399_999, 1_767_225_600_123, MAX_MILLIS] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(parse_canonical(&time.to_string()), Some(time));
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
        for odd in [
            "2026-02-29T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01T00:00:0a.000Z",
            "+026-01-01T00:00:00.000Z",
        ] {
            assert_eq!(Timestamp::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn text_order_is_time_order() {
        let times = [MIN_MILLIS, -1, 0, 1, 1_700_000_000_000, MAX_MILLIS];
        let texts: Vec<String> = times.iter().map(|t| Timestamp::from_millis(*t).to_string()).collect();
        assert!(texts.windows(2).all(|pair| pair[0] < pair[1]), "{texts:?}");
    }
}
