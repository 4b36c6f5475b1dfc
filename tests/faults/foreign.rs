//! What others do to a journal, though access lists forbid it: a transaction in it, and a history that is cut.

use std::time::{Duration, Instant};

use daybook_journal::copy::{Logs, Raw, Restoring};
use daybook_journal::topics::{Topic, ensure};
use daybook_journal::{Checkpoint, GATE, Reader, Settings, Start};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::world::{OWNERS, World};

const PATIENCE: Duration = Duration::from_secs(10);

/// All records of a journal.
fn records(settings: &Settings, context: &str) -> Vec<Raw> {
    let journal = Topic::journal(context, 1);
    let mut logs = Logs::open(settings).unwrap();
    let end = logs.ends(&journal).unwrap()[0];
    let mut excerpt = logs.excerpt(&journal.name, 0, end).unwrap();
    std::iter::from_fn(|| excerpt.next(PATIENCE).unwrap()).collect()
}

/// Somebody repeats entries of the journal in a transaction, and aborts it.
pub async fn transaction(world: &World, time: Duration) -> bool {
    let (settings, context) = (World::settings(world.broker), world.context.clone());
    let write = move || {
        let late: Vec<Raw> = records(&settings, &context).into_iter().rev().take(3).collect();
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &settings.brokers)
            .set("transactional.id", &context)
            .create()
            .unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        let topic = Topic::journal(&context, 1).name;
        for raw in &late {
            let gate = raw.headers.iter().find(|(name, _)| name == GATE).and_then(|(_, value)| value.as_deref());
            let headers = OwnedHeaders::new().insert(Header { key: GATE, value: gate });
            let value = raw.value.clone().unwrap_or_default();
            producer.send(BaseRecord::<(), _>::to(&topic).partition(0).payload(&value).headers(headers)).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        std::thread::sleep(time);
        producer.abort_transaction(PATIENCE).unwrap();
        !late.is_empty()
    };
    tokio::task::spawn_blocking(write).await.unwrap()
}

/// The journal comes back with only the first half of its records. Every owner has to halt, and so has who read it
/// before; what is wrong otherwise.
pub async fn cut(world: &World) -> Vec<String> {
    let (settings, context) = (World::settings(world.broker), world.context.clone());
    let checkpoint = {
        let (settings, context) = (settings.clone(), context.clone());
        tokio::task::spawn_blocking(move || shorten(&settings, &context)).await.unwrap()
    };
    let mut wrong = Vec::new();
    let begun = Instant::now();
    for index in 0..OWNERS {
        let process = world.process(index).await;
        while !process.has_halted() && begun.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if !process.has_halted() {
            wrong.push(format!("owner {index} did not halt, though its journal was cut"));
        }
    }
    let reading = move || {
        let start = Start::new(Topic::journal(&context, 1).name, 0, Some(checkpoint));
        let mut reader = Reader::open(&settings, vec![start]).unwrap();
        !reader.poll(1, PATIENCE).unwrap().halted.is_empty()
    };
    if !tokio::task::spawn_blocking(reading).await.unwrap() {
        wrong.push("a reader whose checkpoint lies behind the cut did not halt".to_owned());
    }
    wrong
}

/// The checkpoint of the last entry there was.
fn shorten(settings: &Settings, context: &str) -> Checkpoint {
    let journal = Topic::journal(context, 1);
    let before = records(settings, context);
    let mut reader = Reader::open(settings, vec![Start::new(journal.name.clone(), 0, None)]).unwrap();
    let mut last = None;
    while !reader.caught_up() {
        let batch = reader.poll(10_000, Duration::from_millis(50)).unwrap();
        last = batch.entries.last().map(|entry| entry.checkpoint).or(last);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &settings.brokers).create().unwrap();
    runtime.block_on(admin.delete_topics(&[&journal.name], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    let begun = Instant::now();
    // A name is free again only some time after its topic is gone.
    while let Err(error) = runtime.block_on(ensure(settings, std::slice::from_ref(&journal), 1)) {
        assert!(begun.elapsed() < PATIENCE, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut restoring = Restoring::open(settings, std::slice::from_ref(&journal)).unwrap();
    restoring.append(&journal.name, 0, &before[..before.len() / 2], PATIENCE).unwrap();
    last.unwrap()
}
