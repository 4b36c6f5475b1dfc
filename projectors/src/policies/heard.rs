//! What policies have heard and not answered yet, in Postgres.

use daybook_kernel::{Datum, Heard, Policy, Tenant, Time, json};
use daybook_policies::POLICIES;
use daybook_schemas::envelope;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::sql;
use crate::batch;

/// How many entries are looked at once.
const ENTRIES: i64 = 500;

/// An event in the words of the wire, as it is gathered: its fields by their names, for it may be another release that
/// answers it, to which the event has a field more.
#[derive(Debug, Serialize, Deserialize)]
pub struct Gathered {
    event: String,
    id: Uuid,
    body: serde_json::Value,
}

impl Gathered {
    fn of(event: &envelope::Event, said: &batch::Event) -> Self {
        let body = json::write_record(said.kind.events()[said.index].body, &said.body);
        Self { event: event.event_type.clone(), id: event.aggregate_id, body }
    }

    /// The event as a policy hears it.
    ///
    /// # Errors
    /// When this program does not know it.
    pub fn heard(&self, tenant: Tenant, time: Time) -> Result<Heard, String> {
        let unknown = || format!("{}, which this program does not know", self.event);
        let (kind, event) = daybook_contents::event(&self.event).ok_or_else(unknown)?;
        let body: Datum = json::restore(kind.events()[event].body, &self.body).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
            format!("{}, which this program cannot read: {}", self.event, errors.join(", "))
        })?;
        Ok(Heard { tenant, kind, id: self.id, event, body, time })
    }
}

/// An entry that waits for a policy's answer.
#[derive(Debug)]
pub struct Waiting {
    /// Its time, in microseconds since 1970.
    pub time: i64,
    /// Its context.
    pub context: String,
    /// Its partition.
    pub partition: i32,
    /// Its number there.
    pub number: i64,
    /// Its tenant.
    pub tenant: Tenant,
    /// Its number in its book.
    pub book_number: i64,
    /// How many policies stand behind it.
    pub depth: i64,
    /// What the policy hears of it.
    pub events: Vec<Gathered>,
}

impl Waiting {
    /// What a policy hears of an entry; none where that is nothing.
    fn of(entry: &batch::Entry, policy: &dyn Policy) -> Option<Self> {
        let is_heard = |type_name: &str| policy.hears().iter().any(|kind| kind.meta().type_name == type_name);
        let heard = entry.each().filter(|(event, _)| is_heard(&event.aggregate_type));
        let events: Vec<_> = heard.map(|(event, said)| Gathered::of(event, said)).collect();
        (!events.is_empty()).then(|| Self {
            time: entry.envelope.time.0,
            context: entry.context.to_owned(),
            partition: entry.position.partition,
            number: entry.position.number.cast_signed(),
            tenant: entry.envelope.tenant,
            book_number: entry.envelope.book_number.cast_signed(),
            depth: entry.envelope.causation.as_ref().map_or(0, |causation| causation.depth.into()),
            events,
        })
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let Json(events) = row.try_get("events")?;
        Ok(Self {
            time: row.try_get("time")?,
            context: row.try_get("context")?,
            partition: row.try_get("partition")?,
            number: row.try_get("number")?,
            tenant: row.try_get("tenant")?,
            book_number: row.try_get("book_number")?,
            depth: row.try_get("depth")?,
            events,
        })
    }
}

/// Gathers what policies hear of these entries.
pub async fn gather(connection: &mut PgConnection, entries: &[batch::Entry]) -> Result<(), sqlx::Error> {
    for policy in POLICIES {
        let heard: Vec<_> = entries.iter().filter_map(|entry| Waiting::of(entry, *policy)).collect();
        if heard.is_empty() {
            continue;
        }
        let gathered = sqlx::query(sql::GATHER)
            .bind(policy.name())
            .bind(heard.iter().map(|entry| entry.time).collect::<Vec<_>>())
            .bind(heard.iter().map(|entry| &*entry.context).collect::<Vec<_>>())
            .bind(heard.iter().map(|entry| entry.partition).collect::<Vec<_>>())
            .bind(heard.iter().map(|entry| entry.number).collect::<Vec<_>>())
            .bind(heard.iter().map(|entry| entry.tenant).collect::<Vec<_>>())
            .bind(heard.iter().map(|entry| entry.book_number).collect::<Vec<_>>())
            .bind(heard.iter().map(|entry| entry.depth).collect::<Vec<_>>())
            .bind(heard.iter().map(|entry| Json(&entry.events)).collect::<Vec<_>>());
        gathered.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The next entries that a policy is to answer, up to a time in microseconds since 1970.
pub async fn next(connection: &mut PgConnection, policy: &str, until: i64) -> Result<Vec<Waiting>, sqlx::Error> {
    let rows = sqlx::query(sql::NEXT).bind(policy).bind(until).bind(ENTRIES).fetch_all(connection).await?;
    rows.iter().map(Waiting::read).collect()
}

/// Forgets entries that are answered; says how many there were.
pub async fn forget(connection: &mut PgConnection, policy: &str, answered: &[Waiting]) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(sql::ANSWERED)
        .bind(policy)
        .bind(answered.iter().map(|entry| entry.time).collect::<Vec<_>>())
        .bind(answered.iter().map(|entry| &*entry.context).collect::<Vec<_>>())
        .bind(answered.iter().map(|entry| entry.partition).collect::<Vec<_>>())
        .bind(answered.iter().map(|entry| entry.number).collect::<Vec<_>>());
    Ok(done.execute(connection).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use serde_json::json as object;

    use super::*;

    #[test]
    fn what_another_release_gathered_is_heard() {
        let gathered = |body| Gathered { event: "incident.assigned".into(), id: Uuid::nil(), body };
        let heard = |body| gathered(body).heard(Uuid::nil(), Time(1));
        let group = Uuid::from_u128(7);
        // Without the fields that came later, and with one that was taken away.
        let event = heard(object!({ "group": group, "by": "person", "moon": true })).unwrap();
        let said = json::write_record(event.kind.events()[event.event].body, &event.body);
        assert_eq!((&said["group"], &said["assignee"]), (&object!(group), &object!(null)));
        let refused = heard(object!({ "group": "moon", "by": "person" })).unwrap_err();
        assert!(refused.starts_with("incident.assigned, which this program cannot read: group "), "{refused}");
    }
}
