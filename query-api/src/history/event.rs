//! Recorded events: the rows of the table of entries, one for each event.

use daybook_kernel::Time;
use serde_json::{Map, Value as Json};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::stores::{Fault, Store};

/// The columns of an event, for the statements below.
macro_rules! events {
    ($rest:literal) => {
        concat!(
            "SELECT event_id, type, version, (extract(epoch FROM time) * 1000000)::bigint AS time, ",
            "(extract(epoch FROM occurred_at) * 1000000)::bigint AS occurred_at, actor, on_behalf_of, correlation, ",
            "context, partition, number, schema, data FROM daybook.entries ",
            "WHERE tenant = $1 AND aggregate_type = $2 AND aggregate_id = $3 AND ",
            $rest
        )
    };
}

/// The events of an aggregate recorded up to a time, oldest first.
pub const BEFORE: &str = events!("time <= $4::text::timestamptz ORDER BY version");

/// The events of an aggregate after a version, oldest first.
pub const AFTER: &str = events!("version > $4 ORDER BY version LIMIT $5");

/// The events of an aggregate before a version, latest first.
pub const BACKWARDS: &str = events!("version < $4 ORDER BY version DESC LIMIT $5");

/// An event with what its entry says of who gave the command, when and why.
#[derive(Debug)]
pub struct Recorded {
    /// The event's id.
    pub id: Uuid,
    /// Its type, such as `incident.created`.
    pub event_type: String,
    /// The aggregate's version after it.
    pub version: i64,
    /// When it was recorded.
    pub time: Time,
    /// When it happened, where that differs.
    pub occurred_at: Option<Time>,
    /// Who gave the command.
    pub actor: String,
    /// For whom.
    pub on_behalf_of: Option<String>,
    /// What it and its cause have in common.
    pub correlation: String,
    /// The entry's position.
    pub position: String,
    /// The fingerprint of the schema that `data` is written in.
    pub schema: [u8; 32],
    /// What it says, personal data sealed.
    pub data: Vec<u8>,
}

impl Recorded {
    /// From a row of one of the statements above.
    ///
    /// # Errors
    /// When the row is of another form.
    pub fn read(row: &PgRow) -> Result<Self, Fault> {
        let (context, partition, number): (String, i32, i64) =
            (row.try_get("context")?, row.try_get("partition")?, row.try_get("number")?);
        let schema: Vec<u8> = row.try_get("schema")?;
        Ok(Self {
            id: row.try_get("event_id")?,
            event_type: row.try_get("type")?,
            version: row.try_get("version")?,
            time: Time(row.try_get("time")?),
            occurred_at: row.try_get::<Option<i64>, _>("occurred_at")?.map(Time),
            actor: row.try_get("actor")?,
            on_behalf_of: row.try_get("on_behalf_of")?,
            correlation: row.try_get("correlation")?,
            position: format!("journal.{context}/{partition}#{number}"),
            schema: schema
                .try_into()
                .map_err(|_| Fault::unreadable(Store::Postgres, "a schema's fingerprint is not of 32 bytes"))?,
            data: row.try_get("data")?,
        })
    }

    /// When it happened: in the business, where that is known to differ, else when it was recorded.
    pub fn when(&self) -> Time {
        self.occurred_at.unwrap_or(self.time)
    }

    /// The event as a timeline shows it, with what it says.
    pub fn shown(self, data: Json) -> Json {
        let mut shown = Map::new();
        shown.insert("id".into(), self.id.to_string().into());
        shown.insert("type".into(), self.event_type.into());
        shown.insert("version".into(), self.version.into());
        shown.insert("recorded_at".into(), self.time.to_string().into());
        shown.insert("occurred_at".into(), self.occurred_at.unwrap_or(self.time).to_string().into());
        shown.insert("actor".into(), self.actor.into());
        shown.insert("on_behalf_of".into(), self.on_behalf_of.map_or(Json::Null, Json::String));
        shown.insert("correlation_id".into(), self.correlation.into());
        shown.insert("position".into(), self.position.into());
        shown.insert("data".into(), data);
        Json::Object(shown)
    }
}
