//! A forger: somebody who may write to a journal and takes a partition from its owner, with entries that nobody decided.
//! What follows from them is what follows from a defect of a release that wrote them.

use std::time::Duration;

use apache_avro::{types::Value, writer::datum::GenericDatumWriter};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    System,
    journal::{Entry, Gate, Journal, envelope, read},
};

/// Somebody who owns a partition by a claim of his own.
pub struct Forger {
    producer: BaseProducer,
    topic: String,
    partition: i32,
    term: u64,
    owner: Uuid,
    next_seq: u64,
    number: u64,
    digest: [u8; 32],
}

impl Forger {
    /// Takes over a partition as the journal stands.
    pub fn depose(system: &System, journal: &Journal, topic: &str, partition: i32) -> Self {
        let producer =
            ClientConfig::new().set("bootstrap.servers", system.brokers()).set("acks", "all").create().unwrap();
        let Gate { term, number, digest, .. } = journal.gates[&partition].clone();
        let forger = Self {
            producer,
            topic: topic.to_owned(),
            partition,
            term: term + 1,
            owner: Uuid::new_v4(),
            next_seq: 0,
            number,
            digest,
        };
        let mut claim = forger.header(0);
        claim.extend(1u32.to_be_bytes());
        forger.append(&claim, b"http://127.0.0.1:1");
        forger
    }

    /// Adds an entry; its position.
    pub fn add(&mut self, value: &[u8]) -> String {
        let mut gate = self.header(1);
        gate.extend(self.next_seq.to_be_bytes());
        gate.extend((self.number + 1).to_be_bytes());
        gate.extend(self.digest);
        self.append(&gate, value);
        self.next_seq += 1;
        self.number += 1;
        self.digest = Sha256::new().chain_update(&gate).chain_update(value).finalize().into();
        format!("{}/{}#{}", self.topic, self.partition, self.number)
    }

    fn header(&self, kind: u8) -> Vec<u8> {
        let mut gate = vec![1, kind];
        gate.extend(self.term.to_be_bytes());
        gate.extend(self.owner.as_bytes());
        gate
    }

    fn append(&self, gate: &[u8], value: &[u8]) {
        let headers = OwnedHeaders::new().insert(Header { key: "gate", value: Some(gate) });
        let record = BaseRecord::<(), [u8]>::to(&self.topic).partition(self.partition).payload(value).headers(headers);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }
}

/// The entry that would come next in the book after this one, its last; `alter` changes the first event's fields.
pub fn next_entry(last: &Entry, alter: impl Fn(&str, &mut Value)) -> Vec<u8> {
    let schema = envelope();
    let mut entry = read(&schema, &last.value);
    each(&mut entry, |name, value| match (name, value) {
        ("book_number", Value::Long(number)) => *number += 1,
        ("command_id", value) => *value = Value::String(Uuid::new_v4().to_string()),
        ("time", Value::TimestampMicros(time)) => *time += 1_000_000,
        ("events", Value::Array(events)) => each(&mut events[0], |name, value| match (name, &mut *value) {
            ("version", Value::Long(version)) => *version += 1,
            ("id", value) => *value = Value::Uuid(Uuid::new_v4()),
            _ => alter(name, value),
        }),
        _ => {}
    });
    let mut bytes = last.value[..5].to_vec();
    bytes.extend(GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(entry).unwrap());
    bytes
}

fn each(record: &mut Value, mut change: impl FnMut(&str, &mut Value)) {
    let Value::Record(fields) = record else { panic!("no record: {record:?}") };
    fields.iter_mut().for_each(|(name, value)| change(name, value));
}
