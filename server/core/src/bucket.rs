//! Spans of local time that instants fall into: what documents are grouped by.
//!
//! The offsets of time zones come from the tables that are compiled in, for both engines; the labels order as their spans
//! do. Where clocks are set back, two hours have one label.

use std::fmt;
use std::sync::LazyLock;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::time::Timestamp;

/// The rules of all zones repeat after 400 years, once their tables are through (which none is after 2100).
pub const PERIOD_SECONDS: i64 = 146_097 * 86_400;
/// 2500-01-01T00:00:00Z, to which [`Zone::offsets`] reach.
pub const OFFSETS_END: i64 = 16_725_225_600;

static TABLES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Minute,
    Hour,
    Day,
    /// From Monday, as ISO 8601 numbers them.
    Week,
    Month,
    Quarter,
    Year,
}

/// An IANA time zone.
#[derive(Clone, PartialEq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    pub unit: Unit,
    pub zone: Zone,
}

/// The offsets of a zone from the year 0 to [`OFFSETS_END`], in seconds east of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// Before the first change.
    pub first: i32,
    /// Each change's instant in seconds since the Unix epoch, and the offset from then on.
    pub changes: Vec<(i64, i32)>,
}

impl Unit {
    pub const ALL: [Self; 7] =
        [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }
}

impl Zone {
    /// By its name in the IANA tables, such as `Asia/Shanghai` or `UTC`.
    pub fn parse(name: &str) -> Option<Self> {
        let rules = TABLES.get(name).ok()?;
        let name = rules.iana_name().unwrap_or(name).to_owned();
        Some(Self { name, rules })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn offsets(&self) -> Offsets {
        let at = |seconds| jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MIN);
        let (start, end) = (at(Timestamp::MIN.seconds()), at(OFFSETS_END));
        let mut known = self.rules.to_offset(start).seconds();
        let mut offsets = Offsets { first: known, changes: Vec::new() };
        for change in self.rules.following(start).take_while(|change| change.timestamp() < end) {
            let offset = change.offset().seconds();
            // A change of the zone's abbreviation alone is none here.
            if offset != known {
                offsets.changes.push((change.timestamp().as_second(), offset));
                known = offset;
            }
        }
        offsets
    }
}

impl Bucket {
    /// What the instant's span is called: `2026-11-22T08:05` (minute, hour), `2026-11-22`, `2026-W47`, `2026-11`, `2026-Q4`,
    /// `2026`. None for a local time outside of the years 0000 to 9999.
    pub fn label(&self, at: Timestamp) -> Option<String> {
        // jiff's own instants end a day before ours do.
        let instant = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::MAX);
        let offset = i64::from(self.zone.rules.to_offset(instant).seconds());
        let millis = at.millis() + offset * 1_000;
        if Timestamp::from_millis(millis).millis() != millis {
            return None;
        }
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let local = epoch.checked_add(SignedDuration::from_millis(millis)).ok()?;
        let (year, month, day) = (local.year(), local.month(), local.day());
        Some(match self.unit {
            Unit::Minute => format!("{}T{:02}:{:02}", date(local), local.hour(), local.minute()),
            Unit::Hour => format!("{}T{:02}:00", date(local), local.hour()),
            Unit::Day => format!("{year:04}-{month:02}-{day:02}"),
            Unit::Week => {
                let week = local.date().iso_week_date();
                if !(0..=9_999).contains(&week.year()) {
                    return None;
                }
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Unit::Month => format!("{year:04}-{month:02}"),
            Unit::Quarter => format!("{year:04}-Q{}", (month + 2) / 3),
            Unit::Year => format!("{year:04}"),
        })
    }

    /// The label of a stored time; none for a text that isn't one as [`Timestamp`] writes it.
    pub fn label_of_text(&self, text: &str) -> Option<String> {
        Timestamp::parse_canonical(text).and_then(|at| self.label(at))
    }
}

fn date(local: DateTime) -> String {
    format!("{:04}-{:02}-{:02}", local.year(), local.month(), local.day())
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name).finish()
    }
}

/// `day Asia/Shanghai`, as [`Bucket::parse`] reads it.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit.as_str(), self.zone.name)
    }
}

impl Bucket {
    pub fn parse(text: &str) -> Option<Self> {
        let (unit, zone) = text.split_once(' ')?;
        Some(Self { unit: Unit::parse(unit)?, zone: Zone::parse(zone)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(bucket: &str, at: &str) -> String {
        Bucket::parse(bucket).unwrap().label_of_text(at).unwrap_or_default()
    }

    #[test]
    fn labels_are_of_the_zones_local_time() {
        let at = "2026-11-22T23:59:59.999Z";
        for (bucket, expected) in [
            ("minute UTC", "2026-11-22T23:59"),
            ("hour Asia/Shanghai", "2026-11-23T07:00"),
            ("day Asia/Shanghai", "2026-11-23"),
            ("day America/New_York", "2026-11-22"),
            ("week UTC", "2026-W47"),
            ("month Asia/Tokyo", "2026-11"),
            ("quarter UTC", "2026-Q4"),
            ("year UTC", "2026"),
        ] {
            assert_eq!(label(bucket, at), expected, "{bucket}");
        }
        assert_eq!(label("week UTC", "2027-01-03T12:00:00.000Z"), "2026-W53");
    }

    #[test]
    fn clocks_are_set_forward_and_back() {
        let hour = |at| label("hour Europe/Berlin", at);
        assert_eq!(hour("2026-03-29T00:59:59.999Z"), "2026-03-29T01:00");
        assert_eq!(hour("2026-03-29T01:00:00.000Z"), "2026-03-29T03:00");
        assert_eq!(hour("2026-10-25T00:30:00.000Z"), "2026-10-25T02:00");
        assert_eq!(hour("2026-10-25T01:30:00.000Z"), "2026-10-25T02:00");
        assert_eq!(label("minute Australia/Lord_Howe", "2026-10-03T15:30:00.000Z"), "2026-10-04T02:30");
    }

    #[test]
    fn only_stored_times_within_the_years_have_labels() {
        for odd in ["2026-11-22", "2026-02-30T00:00:00.000Z", "2026-11-22T08:00:00+08:00", ""] {
            assert_eq!(label("day UTC", odd), "", "{odd}");
        }
        assert_eq!(label("minute UTC", &Timestamp::MAX.to_string()), "9999-12-31T23:59");
        assert_eq!(label("day Asia/Tokyo", "9999-12-31T23:00:00.000Z"), "");
        assert_eq!(label("day America/New_York", "0000-01-01T00:00:00.000Z"), "");
        assert_eq!(label("week UTC", "0000-01-01T00:00:00.000Z"), "");
        assert!(Zone::parse("Mars/Olympus").is_none() && Bucket::parse("eon UTC").is_none());
    }

    #[test]
    fn offsets_are_those_of_the_zone_and_repeat() {
        for name in
            ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Gaza"]
        {
            let zone = Zone::parse(name).unwrap();
            let offsets = zone.offsets();
            let found = |seconds: i64| {
                let behind = offsets.changes.partition_point(|(from, _)| *from <= seconds);
                behind.checked_sub(1).map_or(offsets.first, |at| offsets.changes[at].1)
            };
            let mut seconds = Timestamp::MIN.seconds();
            while seconds < Timestamp::MAX.seconds() {
                let folded = if seconds < OFFSETS_END {
                    seconds
                } else {
                    let behind = seconds - OFFSETS_END;
                    OFFSETS_END - PERIOD_SECONDS + behind % PERIOD_SECONDS
                };
                let expected = zone
                    .rules
                    .to_offset(jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX))
                    .seconds();
                assert_eq!(found(folded), expected, "{name} {seconds}");
                seconds += 1_987_654;
            }
        }
    }
}
