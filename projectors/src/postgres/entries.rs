//! `daybook.entries`: every event with its entry, from which timelines and states as of a time are told.

use std::collections::BTreeSet;

use daybook_kernel::Time;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::{error::classify, instant::Instant, sql};
use crate::{batch::Entry, sink::SinkError};

/// A month of `daybook.entries`: years since 0 times 12, plus the month from 0.
type Month = i32;

/// The months whose partitions are known to be there.
#[derive(Default)]
pub struct Months(BTreeSet<Month>);

impl Months {
    /// Makes the partitions that these entries need.
    ///
    /// # Errors
    /// When the store cannot make one.
    pub async fn prepare(&mut self, pool: &PgPool, entries: &[Entry], reader: &str) -> Result<(), SinkError> {
        for entry in entries {
            let month = month_of(entry.envelope.time);
            if !self.0.contains(&month) {
                sqlx::raw_sql(AssertSqlSafe(partition(month, reader))).execute(pool).await.map_err(classify)?;
                self.0.insert(month);
            }
        }
        Ok(())
    }

    /// Asks again whether partitions are there.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Makes the partition of a month. Rows are read through the parent alone, which has the policy.
fn partition(month: Month, reader: &str) -> String {
    let first = |month: Month| format!("{:04}-{:02}-01 00:00:00+00", month.div_euclid(12), month.rem_euclid(12) + 1);
    format!(
        "{};
         CREATE TABLE IF NOT EXISTS daybook.entries_{:04}_{:02} PARTITION OF daybook.entries FOR VALUES FROM ('{}') TO ('{}');
         GRANT SELECT ON daybook.entries TO {reader}",
        sql::LOCK_SCHEMA,
        month.div_euclid(12),
        month.rem_euclid(12) + 1,
        first(month),
        first(month + 1)
    )
}

/// The month of a time.
fn month_of(time: Time) -> Month {
    // RFC 3339 in UTC, with a year of four digits.
    let text = time.to_string();
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<Month>().ok());
    let (year, month) = (number(0..4).unwrap_or(1), number(5..7).unwrap_or(1));
    year * 12 + month - 1
}

/// Writes the entries' events.
///
/// # Errors
/// When the store cannot write, or refuses something in them.
pub async fn write(connection: &mut PgConnection, entries: &[Entry]) -> Result<(), SinkError> {
    let rows: Vec<_> = entries
        .iter()
        .flat_map(|entry| entry.envelope.events.iter().enumerate().map(move |(index, event)| (entry, index, event)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let signed = |n: u64| n.cast_signed();
    sqlx::query(sql::ADD_ENTRIES)
        .bind(rows.iter().map(|(entry, ..)| entry.envelope.tenant).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| entry.context).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| entry.position.partition).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| signed(entry.position.number)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| signed(entry.envelope.book_number)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| Instant(entry.envelope.time)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| entry.envelope.occurred_at.map(Instant)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| &*entry.envelope.actor).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| entry.envelope.on_behalf_of.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| &*entry.envelope.command_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| &*entry.envelope.correlation).collect::<Vec<_>>())
        .bind(rows.iter().map(|(entry, ..)| entry.envelope.traceparent.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, index, _)| i32::try_from(*index).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., event)| event.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., event)| &*event.event_type).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., event)| &*event.aggregate_type).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., event)| event.aggregate_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., event)| signed(event.version)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., event)| &event.schema[..]).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., event)| &event.data[..]).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(classify)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_month_of_a_time() {
        for (time, year, month) in [
            ("1970-01-01T00:00:00Z", 1970, 1),
            ("2016-02-29T23:59:59.999999Z", 2016, 2),
            ("2026-11-21T07:00:00Z", 2026, 11),
            ("2026-12-31T23:59:59Z", 2026, 12),
            ("2027-01-01T00:00:00Z", 2027, 1),
            ("1969-12-31T23:59:59Z", 1969, 12),
        ] {
            assert_eq!(month_of(Time::parse(time).unwrap()), year * 12 + month - 1, "{time}");
        }
    }
}
