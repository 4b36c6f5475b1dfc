//! How an organisation works: said by its admins, typed, and counted by versions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use daybook_facts::organization::{self as fact, Mfa};
use daybook_kernel::{Body, Currency, Date, Level, Line, Locale, Rejection, Slug, Zone};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// How an organisation works. What is left out is as [`Settings::default`] has it.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Settings {
    /// The language it is addressed in.
    pub locale: Locale,
    /// Where its days begin.
    pub time_zone: Zone,
    /// What it counts in.
    pub base_currency: Currency,
    /// The month its fiscal year starts with: 1 is January.
    pub fiscal_year_start: Level<1, 12>,
    /// The day its week starts with: 1 is Monday (ISO 8601).
    pub week_start: Level<1, 7>,
    /// When it works.
    pub working_calendar: Option<WorkingCalendar>,
    /// How many days what is over is kept, by its type, such as `incident.Incident`; all else is kept for ever.
    pub retention_days: BTreeMap<String, u32>,
    /// Whom it asks for a second factor; nobody where it does not say.
    pub mfa: Option<Mfa>,
    /// How many characters a password has at least; 12 where it does not say (NIST SP 800-63B asks for 8).
    pub password_length: Option<Level<12, 64>>,
    /// How many days after its resolution an incident can be reopened; 7 where it does not say.
    pub reopen_days: Option<Level<0, 90>>,
    /// What is switched on for it, by name.
    pub features: BTreeSet<Slug>,
    /// The hosts that may be told of events.
    pub webhook_hosts: BTreeSet<Line<253>>,
}

/// When people work, by the clock of the organisation's zone.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct WorkingCalendar {
    /// The hours of the days of the week.
    pub hours: Vec<Hours>,
    /// The days on which nobody works nevertheless.
    pub holidays: BTreeSet<Date>,
}

/// Hours of a day of the week. A day may have several.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Hours {
    /// The day: 1 is Monday (ISO 8601).
    pub day: Level<1, 7>,
    /// When work begins, in minutes after midnight.
    pub from: u32,
    /// When it ends, in minutes after midnight.
    pub to: u32,
}

impl Default for Settings {
    /// English, UTC, euros, the calendar year, weeks from Monday, Monday to Friday from nine to five.
    fn default() -> Self {
        let hours = (1..=5).map(|day| Hours { day: Level::new(day), from: 9 * 60, to: 17 * 60 });
        Self {
            locale: "en".into(),
            time_zone: "UTC".into(),
            base_currency: "EUR".into(),
            fiscal_year_start: Level::new(1),
            week_start: Level::new(1),
            working_calendar: Some(WorkingCalendar { hours: hours.collect(), holidays: BTreeSet::new() }),
            retention_days: BTreeMap::new(),
            mfa: None,
            password_length: None,
            reopen_days: None,
            features: BTreeSet::new(),
            webhook_hosts: BTreeSet::new(),
        }
    }
}

impl Settings {
    /// Insists that they can be kept to.
    ///
    /// # Errors
    /// `INVALID_HOURS` or `INVALID_RETENTION`, naming the field.
    pub fn check(&self) -> Result<(), Rejection> {
        let hours = self.working_calendar.iter().flat_map(|calendar| &calendar.hours);
        if let Some(wrong) = hours.into_iter().find(|hours| hours.from >= hours.to || hours.to > DAY) {
            let message = format!("work ends later on a day than it begins, not from {} to {}", wrong.from, wrong.to);
            return Err(
                Rejection::unprocessable("INVALID_HOURS", message.clone()).field("working_calendar.hours", message)
            );
        }
        match self.retention_days.iter().find(|(_, days)| **days == 0) {
            Some((of, _)) => {
                let message = format!("{of}: what is over is kept for a day at least");
                Err(Rejection::unprocessable("INVALID_RETENTION", message.clone()).field("retention_days", message))
            }
            None => Ok(()),
        }
    }

    /// What of it rules of other contexts ask for.
    pub fn known(&self, version: u32) -> Arc<fact::Settings> {
        let unsaid = fact::Settings::default();
        Arc::new(fact::Settings {
            version,
            reopen_days: self.reopen_days.map_or(unsaid.reopen_days, |days| days.get().into()),
            mfa: self.mfa.unwrap_or(unsaid.mfa),
            password_length: self.password_length.map_or(unsaid.password_length, |length| length.get().into()),
        })
    }
}
