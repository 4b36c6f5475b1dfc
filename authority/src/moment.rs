//! The moment: what is so when somebody asks, whatever the record.

use daybook_kernel::Time;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// When somebody asks, and how the person signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Time,
    /// Whether the person showed a second factor; no, where nobody says so.
    pub second_factor: bool,
}

impl Moment {
    /// That time, without a second factor.
    pub fn at(now: Time) -> Self {
        Self { now, second_factor: false }
    }

    /// The same of somebody who has shown a second factor, or has not.
    #[must_use]
    pub fn with_second_factor(self, second_factor: bool) -> Self {
        Self { second_factor, ..self }
    }

    /// Whether it is outside of working hours: Monday to Friday, 8 to 18 o'clock UTC, until there are calendars.
    pub fn is_out_of_hours(self) -> bool {
        let hours = self.now.0.div_euclid(HOUR);
        let (day, hour) = (hours.div_euclid(24), hours.rem_euclid(24));
        // 1970-01-01 was a Thursday; counted from Monday.
        let weekday = (day + 3).rem_euclid(7);
        weekday > 4 || !(8..18).contains(&hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_from_monday_to_friday() {
        let out = |text: &str| Moment::at(Time::parse(text).unwrap()).is_out_of_hours();
        assert!(!out("2026-11-27T08:00:00Z"), "a Friday");
        assert!(!out("2026-11-27T17:59:59Z"));
        assert!(out("2026-11-27T18:00:00Z"));
        assert!(out("2026-11-28T12:00:00Z"), "a Saturday");
        assert!(out("2026-11-30T07:59:59Z"));
        assert!(!out("2026-11-30T08:00:00Z"), "a Monday");
    }
}
