//! Points in time, dates, and local times with their zone.

use std::fmt;

use jiff::{Timestamp, civil};

use crate::{
    Body, Datum, Malformed, Shape, Value,
    text::{CivilTime, Zone},
};

/// A point in time, UTC, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// The earliest time JSON can say: 0001-01-01T00:00:00Z.
const MICROS_MIN: i64 = -62_135_596_800_000_000;
/// The latest time JSON can say: 9999-12-31T23:59:59.999999Z.
const MICROS_MAX: i64 = 253_402_300_799_999_999;

impl Time {
    /// Parses RFC 3339, with any offset, to the microsecond.
    pub fn parse(text: &str) -> Option<Self> {
        let time = Time(text.parse::<Timestamp>().ok()?.as_microsecond());
        (MICROS_MIN..=MICROS_MAX).contains(&time.0).then_some(time)
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC, with as many decimals as needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0.clamp(MICROS_MIN, MICROS_MAX)) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl Value for Time {
    const SHAPE: Shape = Shape::Time;

    fn to_datum(&self) -> Datum {
        Datum::Whole(self.0)
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Whole(micros) => Ok(Time(micros)),
            other => Err(other.not("time", "microseconds")),
        }
    }
}

/// A calendar date without a zone, in days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

impl Date {
    /// Parses `2026-11-21`.
    pub fn parse(text: &str) -> Option<Self> {
        let date: civil::Date = text.parse().ok()?;
        let days = civil::date(1970, 1, 1).until(date).ok()?.get_days();
        Some(Date(days))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(self.0.clamp(-700_000, 2_900_000))) {
            Ok(date) => write!(f, "{date}"),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl Value for Date {
    const SHAPE: Shape = Shape::Date;

    fn to_datum(&self) -> Datum {
        Datum::Whole(i64::from(self.0))
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Whole(days) => i32::try_from(days).map(Date).map_err(|_| datum.not("date", "days")),
            other => Err(other.not("date", "days")),
        }
    }
}

/// A time as people of a place say it: the clock's reading and the zone whose rules it follows.
///
/// Kept as said, because the rules of a zone change after the fact.
#[derive(Debug, Clone, PartialEq, Eq, Body)]
pub struct LocalTime {
    /// The clock's reading.
    pub local: CivilTime,
    /// The zone, by its name in the IANA database.
    pub zone: Zone,
}
