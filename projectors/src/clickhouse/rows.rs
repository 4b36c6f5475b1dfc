//! The rows of a batch.

use std::collections::HashMap;

use clickhouse::Row;
use daybook_kernel::{Belonging, Datum, Kind, RecordShape, Shape, json};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::ddl::WHOLE;
use crate::batch::Entry;

/// A UUID as ClickHouse's binary row format has it: two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Id(pub Uuid);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_u64_pair().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (high, low) = Deserialize::deserialize(deserializer)?;
        Ok(Id(Uuid::from_u64_pair(high, low)))
    }
}

/// The announcement of a batch, in `batches`.
#[derive(Debug, Clone, Row, Serialize, Deserialize)]
pub struct Announcement {
    pub tenant: Id,
    pub domain: String,
    pub sink: String,
    pub slot: u8,
    pub seq: u64,
    pub instance: Id,
    pub topics: Vec<String>,
    pub partitions: Vec<i32>,
    pub befores: Vec<String>,
    pub afters: Vec<String>,
    pub at: i64,
}

/// How far a partition's rows are there, in `checkpoints`.
#[derive(Debug, Row, Serialize)]
pub struct Reached {
    pub tenant: Id,
    pub domain: String,
    pub sink: String,
    pub topic: String,
    pub partition: i32,
    pub number: u64,
    pub updated_at: i64,
}

/// A book that is not followed, in `parked`.
#[derive(Debug, Row, Serialize, Deserialize)]
pub struct Parked {
    pub tenant: Id,
    pub domain: String,
    pub sink: String,
    pub topic: String,
    pub partition: i32,
    pub first_number: u64,
    pub reason: String,
    pub parked: u8,
    pub at: i64,
}

/// An event, in `events`.
#[derive(Debug, Row, Serialize)]
pub struct EventRow {
    pub tenant: Id,
    pub domain: String,
    pub context: &'static str,
    pub partition: i32,
    pub number: u64,
    pub index: u32,
    pub time: i64,
    pub at: i64,
    pub actor: String,
    pub command_id: String,
    pub correlation: String,
    pub event_id: Id,
    #[serde(rename = "type")]
    pub event_type: String,
    pub aggregate_type: String,
    pub aggregate_id: Id,
    pub version: u64,
    pub data: String,
}

/// The rows of an entry's events; `domains` says of incidents which domain they are of.
pub fn events<'a>(entry: &'a Entry, domains: &'a HashMap<Uuid, &str>) -> impl Iterator<Item = EventRow> + 'a {
    entry.each().enumerate().map(|(index, (wire, event))| {
        let shape = event.kind.events()[event.index].body;
        EventRow {
            tenant: Id(entry.envelope.tenant),
            domain: domain(event.kind, domains.get(&wire.aggregate_id).copied()),
            context: entry.context,
            partition: entry.position.partition,
            number: entry.position.number,
            index: u32::try_from(index).unwrap_or(u32::MAX),
            time: entry.envelope.time.0,
            at: entry.when().0,
            actor: entry.envelope.actor.clone(),
            command_id: entry.envelope.command_id.clone(),
            correlation: entry.envelope.correlation.clone(),
            event_id: Id(wire.id),
            event_type: wire.event_type.clone(),
            aggregate_type: wire.aggregate_type.clone(),
            aggregate_id: Id(wire.aggregate_id),
            version: wire.version,
            data: impersonal(shape, &event.body).to_string(),
        }
    })
}

/// The domain of an event: what is said of its aggregate; of what can be of no domain, the whole organisation. Of the rest it is not
/// known here, and nobody of a domain reads it.
fn domain(kind: &dyn Kind, said: Option<&str>) -> String {
    let can_be = kind.meta().shape.fields.iter().any(|field| field.belongs == Some(Belonging::Domain));
    said.unwrap_or(if can_be { "" } else { WHOLE }).to_owned()
}

/// A record as JSON without anything personal, sealed or not.
fn impersonal(shape: &RecordShape, datum: &Datum) -> Json {
    let Datum::Record(fields) = datum else { return Json::Null };
    let kept = shape.fields.iter().zip(fields).filter_map(|(field, datum)| {
        let value = impersonal_value(&field.shape, datum)?;
        Some((field.name.to_owned(), value))
    });
    kept.collect::<Map<_, _>>().into()
}

fn impersonal_value(shape: &Shape, datum: &Datum) -> Option<Json> {
    match (shape, datum) {
        (Shape::Personal(_) | Shape::Blind, _) => None,
        (Shape::Optional(of), datum) => impersonal_value(of, datum),
        (Shape::Record(record), Datum::Record(_)) => Some(impersonal(record, datum)),
        (Shape::List { of, .. }, Datum::List(items)) => {
            Some(items.iter().filter_map(|item| impersonal_value(of, item)).collect())
        }
        (Shape::Map { of, .. }, Datum::Map(items)) => {
            let kept = items.iter().filter_map(|(name, item)| Some((name.clone(), impersonal_value(of, item)?)));
            Some(kept.collect::<Map<_, _>>().into())
        }
        (shape, datum) => Some(json::write(shape, datum)),
    }
}

#[cfg(test)]
mod tests {
    use daybook_kernel::json::parse;
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_personal_is_written() {
        let (kind, index) = daybook_contents::event("incident.created").unwrap();
        let shape = kind.events()[index].body;
        let body = json!({
            "number": "INC0000001", "opened_at": "2026-11-20T08:00:00Z", "priority": "2-high", "short_description": "secret words",
            "description": "more of them", "caller": Uuid::nil(), "channel": "portal", "impact": 1, "urgency": 2,
        });
        let written = impersonal(shape, &parse(shape, &body).unwrap());
        assert_eq!(written["priority"], "2-high");
        assert!(written.get("short_description").is_none() && written.get("description").is_none(), "{written}");
        for kind in daybook_contents::kinds() {
            for event in kind.events() {
                let personal = event
                    .body
                    .fields
                    .iter()
                    .filter(|field| matches!(field.shape.required(), Shape::Personal(_) | Shape::Blind));
                for field in personal {
                    assert!(impersonal_value(&field.shape, &Datum::text("secret")).is_none(), "{}", field.name);
                }
            }
        }
    }
}
