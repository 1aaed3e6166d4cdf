//! Times of schedules: five fields of cron in a time zone.
//!
//! Where clocks are put on, a fixed local time that is skipped comes right after; where they are put back, one that
//! comes twice counts once. Patterns with `*` or steps go on by the minute.

use std::cmp::Ordering;
use std::sync::LazyLock;

use basalt_core::Timestamp;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDateTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp as Instant};

/// The longest pattern that is read.
const MOST: usize = 128;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

#[derive(Clone, Debug)]
pub(crate) struct Cron {
    pattern: croner::Cron,
    zone: TimeZone,
}

impl Cron {
    /// `0 3 * * *`, in `Asia/Shanghai`. What is wrong is told in a sentence.
    pub(crate) fn parse(pattern: &str, timezone: &str) -> Result<Self, String> {
        let zone = ZONES.get(timezone).map_err(|_| format!("There is no time zone {timezone:?}."))?;
        if pattern.len() > MOST {
            return Err(format!("A cron pattern has at most {MOST} characters."));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser.parse(pattern).map_err(|fault| told(&fault))?;
        let cron = Self { pattern, zone };
        match cron.next(Timestamp::from_millis(0)) {
            Some(_) => Ok(cron),
            None => Err("The cron pattern never comes.".to_owned()),
        }
    }

    /// The first time after `after`.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.pattern.find_next_occurrence(&self.local(after)?, false).ok().map(|found| found.instant())
    }

    /// The last time up to and with `at`.
    pub(crate) fn last(&self, at: Timestamp) -> Option<Timestamp> {
        self.pattern.find_previous_occurrence(&self.local(at)?, true).ok().map(|found| found.instant())
    }

    fn local(&self, at: Timestamp) -> Option<Local> {
        let at = Instant::from_millisecond(at.millis()).ok()?;
        Some(Local { at, zone: self.zone.clone() })
    }
}

fn told(fault: &CronError) -> String {
    match fault {
        CronError::EmptyPattern => "A cron pattern has five fields: minute, hour, day, month, weekday.".to_owned(),
        CronError::InvalidPattern(why) | CronError::IllegalCharacters(why) | CronError::ComponentError(why) => {
            format!("The cron pattern can't be read: {}.", why.trim_end_matches('.'))
        }
        CronError::InvalidDate | CronError::InvalidTime | CronError::TimeSearchLimitExceeded => {
            "The cron pattern never comes.".to_owned()
        }
    }
}

/// A moment in a time zone, as the cron library walks through it.
#[derive(Clone)]
struct Local {
    at: Instant,
    zone: TimeZone,
}

impl Local {
    fn instant(&self) -> Timestamp {
        Timestamp::from_millis(self.at.as_millisecond())
    }

    fn civil(&self) -> DateTime {
        self.zone.to_datetime(self.at)
    }

    fn at(&self, at: Result<Instant, jiff::Error>) -> Result<Self, CronError> {
        let at = at.map_err(|_| CronError::InvalidTime)?;
        Ok(Self { at, zone: self.zone.clone() })
    }
}

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let local = self.civil();
        let part = |value: i8| u32::try_from(value).unwrap_or_default();
        let civil = CivilDateTime::from_ymd_hms_opt(
            i32::from(local.year()),
            part(local.month()),
            part(local.day()),
            part(local.hour()),
            part(local.minute()),
            part(local.second()),
        );
        civil.unwrap_or(CivilDateTime::new(
            croner::CivilDate::from_parts_unchecked(1970, 1, 1),
            croner::CivilTime::from_parts_unchecked(0, 0, 0),
        ))
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.civil().date().weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::try_from(days).unwrap_or_default())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |value: u32| i8::try_from(value).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let (month, day) = (part(civil.month())?, part(civil.day())?);
        let (hour, minute, second) = (part(civil.hour())?, part(civil.minute())?, part(civil.second())?);
        let local = DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| CronError::InvalidDate)?;
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        Ok(match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => Resolution::Single(self.at(ambiguous.unambiguous())?),
            AmbiguousOffset::Fold { .. } => {
                Resolution::Ambiguous(self.at(ambiguous.earlier())?, self.at(ambiguous.later())?)
            }
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.at(self.at.checked_add(SignedDuration::from_secs(seconds))).ok()
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// The times from `from` on, as text.
    fn times(pattern: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(pattern, zone).unwrap();
        let following = std::iter::successors(cron.next(at(from)), |time| cron.next(*time));
        following.take(count).map(|time| time.to_string()).collect()
    }

    #[test]
    fn times_are_local() {
        let nightly = times("0 3 * * *", "Asia/Shanghai", "2026-11-22T00:00:00Z", 2);
        assert_eq!(nightly, ["2026-11-22T19:00:00.000Z", "2026-11-23T19:00:00.000Z"]);
        let workdays = times("30 9 * * MON-FRI", "UTC", "2026-11-20T10:00:00Z", 1);
        assert_eq!(workdays, ["2026-11-23T09:30:00.000Z"]);
        let cron = Cron::parse("*/5 * * * *", "UTC").unwrap();
        assert_eq!(cron.last(at("2026-11-22T00:07:30Z")), Some(at("2026-11-22T00:05:00Z")));
        assert_eq!(cron.last(at("2026-11-22T00:05:00Z")), Some(at("2026-11-22T00:05:00Z")));
        assert_eq!(cron.next(at("2026-11-22T00:05:00Z")), Some(at("2026-11-22T00:10:00Z")));
    }

    /// 2026-03-29 in Berlin: 02:00 is 03:00.
    #[test]
    fn a_skipped_time_comes_right_after() {
        let found = times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(found, ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]);
    }

    /// 2026-10-25 in Berlin: 03:00 is 02:00 once more.
    #[test]
    fn a_time_that_comes_twice_counts_once_and_steps_go_on() {
        let found = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(found, ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]);
        let halves = times("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3);
        assert_eq!(halves, ["2026-10-25T00:30:00.000Z", "2026-10-25T01:00:00.000Z", "2026-10-25T01:30:00.000Z"]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (pattern, zone, word) in [
            ("", "UTC", "five fields"),
            ("* * * *", "UTC", "can't be read"),
            ("* * * * * *", "UTC", "can't be read"),
            ("61 * * * *", "UTC", "can't be read"),
            ("0 0 30 2 *", "UTC", "never comes"),
            ("0 3 * * *", "Mars/Base", "no time zone"),
            (&"0,".repeat(100), "UTC", "at most"),
        ] {
            let told = Cron::parse(pattern, zone).unwrap_err();
            assert!(told.contains(word), "{pattern}: {told}");
        }
    }
}
