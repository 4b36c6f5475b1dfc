//! The journal on a real Kafka. `DAYBOOK_TEST_KAFKA` names it; every test makes topics of its own.
#![allow(clippy::unwrap_used)]

mod bank;
mod copying;
mod framework;
mod halting;
mod ledger;
mod outside;
mod owning;
mod reading;
mod rivals;
mod sharing;
mod topics;
mod transfers;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use daybook_journal::topics::{Topic, ensure};
use daybook_journal::{Owner, Reader, Settings, Standing, Start};
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use ledger::Ledger;

/// Where the tests' Kafka is.
fn settings() -> Settings {
    let brokers = std::env::var("DAYBOOK_TEST_KAFKA")
        .expect("DAYBOOK_TEST_KAFKA is not set: these tests need a real Kafka, as 127.0.0.1:19092");
    Settings { development: true, ..Settings::new(brokers, "journal-tests") }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// A context that no other test, nor an earlier run, has used.
fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("t{since_1970}n{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Its journal and the topic of its owners.
fn fresh_context(partitions: i32) -> String {
    let context = fresh_name();
    let topics = [Topic::journal(&context, partitions), Topic::owners(&context, partitions)];
    runtime().block_on(ensure(&settings(), &topics, 1)).unwrap();
    context
}

fn topic(context: &str) -> String {
    Topic::journal(context, 1).name
}

/// An owner that serves all partitions.
fn serving(settings: &Settings, context: &str) -> Owner<Ledger> {
    let owner = Owner::open(settings, context, |_| Ledger::default()).unwrap();
    until("the owner serves", || owner.status().iter().all(|status| status.standing == Standing::Serving));
    owner
}

/// Waits for something that has to come.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited 30 s in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All lines of a partition, as a reader that starts from nothing finds them.
fn lines(context: &str, partition: i32) -> Vec<(u64, Vec<u8>)> {
    let mut reader = Reader::open(&settings(), vec![Start::new(topic(context), partition, None)]).unwrap();
    let mut lines = Vec::new();
    until("the partition is read", || {
        let batch = reader.poll(10_000, Duration::from_millis(50)).unwrap();
        assert!(batch.halted.is_empty(), "{:?}", batch.halted);
        lines.extend(batch.entries.iter().map(|entry| (entry.position.number, entry.value.to_vec())));
        reader.caught_up()
    });
    lines
}

/// Appends records past the journal, as only a foreign or an old writer would.
fn append_raw(context: &str, partition: i32, records: &[(Vec<u8>, Vec<u8>)]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", settings().brokers).create().unwrap();
    let topic = topic(context);
    for (header, value) in records {
        let headers = OwnedHeaders::new().insert(Header { key: "gate", value: Some(header) });
        let record = BaseRecord::<(), _>::to(&topic).partition(partition).payload(value).headers(headers);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();
}
