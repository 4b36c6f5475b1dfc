//! The journal, read with a stock Kafka client and judged by the admission rule, restated here from its description.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use apache_avro::{Schema, reader::datum::GenericDatumReader, types::Value};
use daybook_history as history;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::Headers as _,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{System, root};

/// How long the broker may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which records of a partition are its history; all others are void for ever.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// The term of the last claim.
    pub term: u64,
    owner: [u8; 16],
    next_seq: u64,
    /// The code versions of the claims that stood, in order.
    pub code_versions: Vec<u32>,
    /// The number of the last entry.
    pub number: u64,
    /// Its digest.
    pub digest: [u8; 32],
}

impl Gate {
    /// Takes the next record; whether it is an entry that counts.
    fn admits(&mut self, gate: &[u8], value: &[u8]) -> bool {
        assert_eq!(gate[0], 1, "a header of an unknown version");
        let number = |at: usize| u64::from_be_bytes(gate[at..at + 8].try_into().unwrap());
        let (term, owner): (u64, [u8; 16]) = (number(2), gate[10..26].try_into().unwrap());
        if gate[1] == 0 {
            assert!(term <= self.term + 1, "a claim of term {term} after term {}", self.term);
            if term == self.term + 1 {
                (self.term, self.owner, self.next_seq) = (term, owner, 0);
                self.code_versions.push(u32::from_be_bytes(gate[26..30].try_into().unwrap()));
            }
            return false;
        }
        assert!(term <= self.term, "an entry of term {term} in term {}", self.term);
        if self.term == 0 || (term, owner, number(26)) != (self.term, self.owner, self.next_seq) {
            return false;
        }
        assert!(
            number(34) == self.number + 1 && gate[42..] == self.digest,
            "entry {} does not follow {}",
            number(34),
            self.number
        );
        self.next_seq += 1;
        self.number += 1;
        self.digest = Sha256::new().chain_update(gate).chain_update(value).finalize().into();
        true
    }
}

/// An accepted command, as the journal has it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `journal.incident/3#4711`.
    pub position: String,
    /// Whose book it is in.
    pub tenant: Uuid,
    /// Its number in the book.
    pub book_number: i64,
    /// When it was decided, in microseconds since 1970.
    pub micros: i64,
    /// The client's key.
    pub command: String,
    /// What happened: type, aggregate, version.
    pub events: Vec<(String, Uuid, i64)>,
    /// The form of the registry and the envelope, as they stand in the log.
    pub value: Vec<u8>,
}

/// A journal as it stands, partition by partition.
pub struct Journal {
    /// What counts, in order; barriers too, which are no tenant's.
    pub entries: Vec<Entry>,
    /// Where each partition stands.
    pub gates: BTreeMap<i32, Gate>,
}

impl Journal {
    /// Reads a journal to its end. Cuts and alterations are panics.
    pub async fn read(system: &System, topic: &str) -> Self {
        let (brokers, topic) = (system.brokers(), topic.to_owned());
        tokio::task::spawn_blocking(move || Self::read_now(&brokers, &topic)).await.unwrap()
    }

    /// What counts of one tenant.
    pub fn of(&self, tenant: Uuid) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| entry.tenant == tenant).collect()
    }

    fn read_now(brokers: &str, topic: &str) -> Self {
        let mut journal = Self { entries: Vec::new(), gates: BTreeMap::new() };
        let schema = envelope();
        for (partition, record) in records(brokers, topic) {
            let gate = journal.gates.entry(partition).or_default();
            if !gate.admits(&record.headers["gate"], &record.value) {
                continue;
            }
            let position = format!("{topic}/{partition}#{}", gate.number);
            journal.entries.push(Entry::decode(&schema, position, record.value));
        }
        journal
    }
}

/// The envelope's schema, as committed.
pub fn envelope() -> Schema {
    Schema::parse_str(&std::fs::read_to_string(root().join("schemas/avro/journal.entry.avsc")).unwrap()).unwrap()
}

/// What an entry's value says, in that schema.
pub fn read(schema: &Schema, value: &[u8]) -> Value {
    GenericDatumReader::builder(schema).build().unwrap().read_value(&mut &value[5..]).unwrap()
}

/// The fields of an Avro record.
pub fn fields(value: Value) -> BTreeMap<String, Value> {
    match value {
        Value::Record(fields) => fields.into_iter().collect(),
        other => panic!("no record: {other:?}"),
    }
}

impl Entry {
    fn decode(schema: &Schema, position: String, value: Vec<u8>) -> Self {
        let entry = fields(read(schema, &value));
        let Value::Array(events) = &entry["events"] else { panic!("no events: {entry:?}") };
        let events = events.iter().map(|event| {
            let event = fields(event.clone());
            (text(&event["type"]), id(&event["aggregate_id"]), whole(&event["version"]))
        });
        Self {
            position,
            tenant: id(&entry["tenant"]),
            book_number: whole(&entry["book_number"]),
            micros: micros(&entry["time"]),
            command: text(&entry["command_id"]),
            events: events.collect(),
            value,
        }
    }

    /// The same, as far as promises to clients depend on it. A tenant has one book here.
    pub fn promised(&self) -> history::Entry {
        let change = |(event, aggregate, version): &(String, Uuid, i64)| history::Change {
            aggregate: aggregate.to_string(),
            version: version.unsigned_abs(),
            event: event.clone(),
            body: serde_json::Value::Null,
        };
        history::Entry {
            place: self.position.parse().unwrap(),
            micros: self.micros,
            book: self.tenant.to_string(),
            book_number: self.book_number.unsigned_abs(),
            command: (!self.events.is_empty()).then(|| self.command.clone()),
            changes: self.events.iter().map(change).collect(),
        }
    }
}

fn text(value: &Value) -> String {
    let Value::String(text) = value else { panic!("no text: {value:?}") };
    text.clone()
}

fn id(value: &Value) -> Uuid {
    match value {
        Value::Uuid(id) => Uuid::from_bytes(*id.as_bytes()),
        other => text(other).parse().unwrap(),
    }
}

fn micros(value: &Value) -> i64 {
    let Value::TimestampMicros(micros) = value else { panic!("no time: {value:?}") };
    *micros
}

fn whole(value: &Value) -> i64 {
    let Value::Long(whole) = value else { panic!("no number: {value:?}") };
    *whole
}

/// A record as it stands in a log.
struct Record {
    headers: BTreeMap<String, Vec<u8>>,
    value: Vec<u8>,
}

/// Every record of a topic up to its end now, partition by partition.
fn records(brokers: &str, topic: &str) -> Vec<(i32, Record)> {
    let consumer = reader(brokers);
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let partitions = metadata.topics()[0].partitions().iter().map(|partition| partition.id());
    let mut records = Vec::new();
    for partition in partitions {
        let (low, high) = ends(&consumer, topic, partition);
        assert!(low == 0 || topic.starts_with("public."), "{topic}/{partition} begins at {low}");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(low)).unwrap();
        consumer.assign(&list).unwrap();
        let mut next = low;
        while next < high {
            let message =
                consumer.poll(PATIENCE).unwrap_or_else(|| panic!("{topic}/{partition} stops at {next} before {high}"));
            let message = message.unwrap();
            if message.partition() != partition {
                continue;
            }
            next = message.offset() + 1;
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            let headers = headers.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()));
            let value = message.payload().unwrap_or_default().to_vec();
            records.push((partition, Record { headers: headers.collect(), value }));
        }
    }
    records
}

/// Where a log begins and ends. A broker that has just started may not lead every partition yet.
fn ends(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match consumer.fetch_watermarks(topic, partition, PATIENCE) {
            Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::LeaderNotAvailable,
            )) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            told => return told.unwrap(),
        }
    }
}

/// A stock consumer that belongs to no group.
pub fn reader(brokers: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "daybook-journeys")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_uncommitted")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        // Partitions are read one after the other: the next one would wait for an answer about the one before.
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap()
}

/// A message on a public topic.
#[derive(Debug, Clone)]
pub struct Public {
    /// Its headers, as text.
    pub headers: BTreeMap<String, String>,
    /// Its value.
    pub value: Vec<u8>,
}

/// What other systems have heard of a tenant, repeats included.
pub async fn public(system: &System, topic: &str, tenant: Uuid) -> Vec<Public> {
    let (brokers, topic) = (system.brokers(), topic.to_owned());
    let records = tokio::task::spawn_blocking(move || records(&brokers, &topic)).await.unwrap();
    let messages = records.into_iter().map(|(_, Record { headers, value })| {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Public { headers: headers.into_iter().map(|(name, value)| (name, text(value))).collect(), value }
    });
    let tenant = tenant.to_string();
    messages.filter(|message| message.headers.values().any(|value| value.contains(&tenant))).collect()
}
