//! The entry's envelope: who asked for what, when and why, and what happened. Final from the first record.
//!
//! An entry's value is Confluent's wire format: a zero byte, the schema id (four bytes, big endian), then the Avro record
//! of `avro/journal.entry.avsc`. Its first field says which form follows, so a reader needs no registry. The binary form
//! is written here by hand, because the generic way of apache-avro is many times slower (docs/adr/0004-wire-and-codec.md);
//! tests hold both equal, byte for byte.

use daybook_kernel::{Tenant, Time};
use uuid::Uuid;

use crate::{
    WireError,
    binary::{Expected, Reader, write_bytes, write_count, write_long, write_uuid},
};

/// The subject of the envelope in the schema registry.
pub const SUBJECT: &str = "journal.entry";

/// The text of the envelope's schema, as registered and kept in Kafka.
pub const SCHEMA: &str = include_str!("../avro/journal.entry.avsc");

/// The form that this program writes, and the only one so far.
pub const FORMAT: i32 = 1;

/// The greatest size of an entry's value, in bytes.
pub const MAX_ENTRY: usize = 512 * 1024;

/// One accepted command with its events, or a barrier without events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The tenant, or [`daybook_kernel::PLATFORM`].
    pub tenant: Tenant,
    /// The finer book inside the tenant's, where its context declares one.
    pub book: Option<String>,
    /// The entry's number in its book, from 1 without gaps; 0 for a barrier.
    pub book_number: u64,
    /// The client's key of the command; empty in a barrier.
    pub command_id: String,
    /// HMAC-SHA256 of the request and its actor; zeros in a barrier.
    pub request_fingerprint: [u8; 32],
    /// Who gave the command, as [`daybook_kernel::Actor`] displays: `user/<uuid>`, `service/<name>`, `scheduler/<name>`.
    pub actor: String,
    /// For whom, where that is somebody else.
    pub on_behalf_of: Option<String>,
    /// The owner's clock, strictly increasing in the partition.
    pub time: Time,
    /// When it happened in the business, where that differs.
    pub occurred_at: Option<Time>,
    /// What the first cause and all that followed have in common.
    pub correlation: String,
    /// Why, where a policy gave the command.
    pub causation: Option<Causation>,
    /// The trace it belongs to (W3C Trace Context).
    pub traceparent: Option<String>,
    /// How far other journals had been read whose facts were used.
    pub references: Vec<Used>,
    /// What happened, in order; none in a barrier.
    pub events: Vec<Event>,
}

/// What happened to one aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's id.
    pub id: Uuid,
    /// The event's type, such as `incident.created`.
    pub event_type: String,
    /// The aggregate's type, such as `incident.Incident`.
    pub aggregate_type: String,
    /// The aggregate's id.
    pub aggregate_id: Uuid,
    /// The aggregate's version after the event, from 1 without gaps.
    pub version: u64,
    /// SHA-256 of the text of the schema that `data` is written in.
    pub schema: [u8; 32],
    /// The event's body in Avro's binary form.
    pub data: Vec<u8>,
}

/// The entry that a policy answered with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Causation {
    /// The policy.
    pub policy: String,
    /// The context of the entry it answered.
    pub context: String,
    /// The tenant of that entry.
    pub tenant: Tenant,
    /// The finer book of that entry.
    pub book: Option<String>,
    /// The number of that entry in its book.
    pub book_number: u64,
    /// Which of the commands that follow from that entry this is, from 0.
    pub step: u32,
    /// How many policies stand between this command and a person's.
    pub depth: u32,
}

/// How far another journal had been read when a command was decided on facts from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The journal's topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The number of the last entry read.
    pub number: u64,
}

impl Entry {
    /// The entry without events that lets waiting answers go: it belongs to no tenant's book.
    pub fn barrier(time: Time) -> Self {
        Self {
            tenant: daybook_kernel::PLATFORM,
            book: None,
            book_number: 0,
            command_id: String::new(),
            request_fingerprint: [0; 32],
            actor: "service/journal".to_owned(),
            on_behalf_of: None,
            time,
            occurred_at: None,
            correlation: String::new(),
            causation: None,
            traceparent: None,
            references: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The entry's value on the wire; `schema_id` is what the registry calls [`SCHEMA`].
    ///
    /// Counts above `i64::MAX` cannot occur in a journal; they would be written so that [`Entry::decode`] refuses them.
    pub fn encode(&self, schema_id: u32) -> Vec<u8> {
        let events: usize = self.events.iter().map(|event| event.data.len() + 192).sum();
        let mut out = Vec::with_capacity(320 + events + 64 * self.references.len());
        out.push(0);
        out.extend_from_slice(&schema_id.to_be_bytes());
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_long(out, FORMAT.into());
        write_uuid(out, self.tenant);
        write_optional(out, self.book.as_deref(), write_text);
        write_count(out, self.book_number);
        write_text(out, &self.command_id);
        write_bytes(out, &self.request_fingerprint);
        write_text(out, &self.actor);
        write_optional(out, self.on_behalf_of.as_deref(), write_text);
        write_long(out, self.time.0);
        write_optional(out, self.occurred_at, |out, time| write_long(out, time.0));
        write_text(out, &self.correlation);
        write_optional(out, self.causation.as_ref(), write_causation);
        write_optional(out, self.traceparent.as_deref(), write_text);
        write_array(out, &self.references, |out, used| {
            write_text(out, &used.topic);
            write_long(out, used.partition.into());
            write_count(out, used.number);
        });
        write_array(out, &self.events, |out, event| {
            write_uuid(out, event.id);
            write_text(out, &event.event_type);
            write_text(out, &event.aggregate_type);
            write_uuid(out, event.aggregate_id);
            write_count(out, event.version);
            write_bytes(out, &event.schema);
            write_bytes(out, &event.data);
        });
    }

    /// Reads an entry's value; events keep their bytes.
    ///
    /// # Errors
    /// When it is not in Confluent's wire format, has a format that this program does not know, or is damaged. None of
    /// them may be skipped.
    pub fn decode(value: &[u8]) -> Result<Self, WireError> {
        let body = match value {
            [0, _, _, _, _, body @ ..] => body,
            _ => return Err(WireError::Frame),
        };
        let mut reader = Reader::new(body);
        match reader.int() {
            Ok(FORMAT) => {}
            Ok(other) => return Err(WireError::Format(other)),
            Err(expected) => return Err(WireError::Field { at: "format".to_owned(), expected }),
        }
        let entry = read_entry(&mut reader)?;
        match reader.left() {
            0 => Ok(entry),
            left => Err(WireError::Trailing(left)),
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_bytes(out, text.as_bytes());
}

fn write_optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => write_long(out, 0),
        Some(value) => {
            write_long(out, 1);
            write(out, value);
        }
    }
}

fn write_array<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    if !items.is_empty() {
        write_count(out, items.len() as u64);
        items.iter().for_each(|item| write(out, item));
    }
    write_count(out, 0);
}

fn write_causation(out: &mut Vec<u8>, causation: &Causation) {
    write_text(out, &causation.policy);
    write_text(out, &causation.context);
    write_uuid(out, causation.tenant);
    write_optional(out, causation.book.as_deref(), write_text);
    write_count(out, causation.book_number);
    write_long(out, causation.step.into());
    write_long(out, causation.depth.into());
}

/// Names the field in the error of reading it.
fn named<T>(at: &str, read: Result<T, Expected>) -> Result<T, WireError> {
    read.map_err(|expected| WireError::Field { at: at.to_owned(), expected })
}

fn owned(at: &str, read: Result<&str, Expected>) -> Result<String, WireError> {
    named(at, read).map(str::to_owned)
}

fn optional<'a, T>(
    reader: &mut Reader<'a>,
    at: &str,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
) -> Result<Option<T>, WireError> {
    match named(at, reader.branch(2))? {
        0 => Ok(None),
        _ => read(reader).map(Some),
    }
}

fn array<'a, T>(
    reader: &mut Reader<'a>,
    at: &str,
    read: impl Fn(&mut Reader<'a>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let mut items = Vec::new();
    loop {
        match named(at, reader.block())? {
            0 => return Ok(items),
            count => {
                items.reserve(count.min(64));
                for _ in 0..count {
                    let item = read(reader).map_err(|error| error.inside(&format!("{at}[{}]", items.len())))?;
                    items.push(item);
                }
            }
        }
    }
}

const DIGEST: Expected = "32 bytes";

fn read_entry(reader: &mut Reader<'_>) -> Result<Entry, WireError> {
    Ok(Entry {
        tenant: named("tenant", reader.uuid())?,
        book: optional(reader, "book", |r| owned("book", r.text()))?,
        book_number: named("book_number", reader.count())?,
        command_id: owned("command_id", reader.text())?,
        request_fingerprint: named("request_fingerprint", reader.exactly(DIGEST))?,
        actor: owned("actor", reader.text())?,
        on_behalf_of: optional(reader, "on_behalf_of", |r| owned("on_behalf_of", r.text()))?,
        time: Time(named("time", reader.long())?),
        occurred_at: optional(reader, "occurred_at", |r| named("occurred_at", r.long()).map(Time))?,
        correlation: owned("correlation", reader.text())?,
        causation: optional(reader, "causation", |r| read_causation(r).map_err(|error| error.inside("causation")))?,
        traceparent: optional(reader, "traceparent", |r| owned("traceparent", r.text()))?,
        references: array(reader, "references", |r| {
            Ok(Used {
                topic: owned("topic", r.text())?,
                partition: named("partition", r.int())?,
                number: named("number", r.count())?,
            })
        })?,
        events: array(reader, "events", |r| {
            Ok(Event {
                id: named("id", r.uuid())?,
                event_type: owned("type", r.text())?,
                aggregate_type: owned("aggregate_type", r.text())?,
                aggregate_id: named("aggregate_id", r.uuid())?,
                version: named("version", r.count())?,
                schema: named("schema", r.exactly(DIGEST))?,
                data: named("data", r.bytes())?.to_vec(),
            })
        })?,
    })
}

fn read_causation(reader: &mut Reader<'_>) -> Result<Causation, WireError> {
    let small =
        |read: Result<i32, Expected>| read.and_then(|n| u32::try_from(n).map_err(|_| "a number that is not negative"));
    Ok(Causation {
        policy: owned("policy", reader.text())?,
        context: owned("context", reader.text())?,
        tenant: named("tenant", reader.uuid())?,
        book: optional(reader, "book", |r| owned("book", r.text()))?,
        book_number: named("book_number", reader.count())?,
        step: named("step", small(reader.int()))?,
        depth: named("depth", small(reader.int()))?,
    })
}
