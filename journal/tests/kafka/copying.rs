//! Copies of whole logs: what is restored is the same journal, record for record, and cannot be used before it is whole.

use std::time::Duration;

use daybook_journal::copy::{self, Audit, Logs, Raw, Restoring};
use daybook_journal::topics::{Topic, check, ensure};
use daybook_journal::{Checkpoint, GATE, Reader, Start};
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::ledger::write;
use crate::{append_raw, fresh_context, fresh_name, lines, runtime, serving, settings, topic, until};

const PATIENCE: Duration = Duration::from_secs(10);

/// Every record of a journal of one partition.
fn records(context: &str) -> Vec<Raw> {
    let journal = Topic::journal(context, 1);
    let mut logs = Logs::open(&settings()).unwrap();
    let end = logs.ends(&journal).unwrap()[0];
    let mut excerpt = logs.excerpt(&journal.name, 0, end).unwrap();
    std::iter::from_fn(|| excerpt.next(PATIENCE).unwrap()).collect()
}

fn ended(context: &str) -> i64 {
    Logs::open(&settings()).unwrap().ends(&Topic::journal(context, 1)).unwrap()[0]
}

fn audited(records: &[Raw], context: &str) -> Audit {
    let mut audit = Audit::new(&topic(context), 0);
    records.iter().for_each(|raw| audit.take(raw).unwrap());
    audit
}

/// An owner claims, writes these lines, and goes.
fn own(context: &str, from: u64, to: u64) {
    let owner = serving(&settings(), context);
    for line in from..to {
        runtime().block_on(owner.submit(0, write(line))).unwrap();
    }
    owner.shutdown(PATIENCE);
}

/// Somebody's transaction leaves a void record, and behind it an offset without one.
///
/// The broker answers a commit before it has written the marker into the partitions (KIP-98, 5.3 before 5.4), so the
/// marker is waited for.
fn transact(context: &str, gate: &[u8]) {
    let before = ended(context);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", settings().brokers)
        .set("transactional.id", fresh_name())
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    let name = topic(context);
    let headers = OwnedHeaders::new().insert(Header { key: GATE, value: Some(gate) });
    producer.send(BaseRecord::<(), [u8]>::to(&name).partition(0).payload(b"late").headers(headers)).unwrap();
    producer.commit_transaction(PATIENCE).unwrap();
    until("the transaction's end is in the log", || ended(context) == before + 2);
}

#[test]
fn a_restored_journal_is_the_same_journal() {
    let original = fresh_context(1);
    own(&original, 1, 60);
    let late = records(&original)[5].headers[0].1.clone().unwrap();
    append_raw(&original, 0, &[(late.clone(), b"repeated".to_vec())]);
    transact(&original, &late);
    // Also where it is the last of the log.
    assert_eq!(records(&original).len() as i64 + 1, ended(&original));
    own(&original, 60, 90);
    let source = records(&original);
    let gaps = source.windows(2).filter(|pair| pair[1].offset != pair[0].offset + 1).count();
    assert_eq!(gaps, 1, "the transaction's end stands between two records");
    let tip = audited(&source, &original).tip();
    assert_eq!((tip.claims, tip.voids, tip.gate.number), (2, 2, 89));

    let restored = fresh_name();
    let topics = [Topic::journal(&restored, 1), Topic::owners(&restored, 1)];
    runtime().block_on(ensure(&settings(), &topics, 1)).unwrap();
    runtime().block_on(copy::begin(&settings(), &topics[..1])).unwrap();
    let mut restoring = Restoring::open(&settings(), &topics[..1]).unwrap();
    let half = source.len() / 2;
    restoring.append(&topics[0].name, 0, &source[..half], PATIENCE).unwrap();
    let unfinished = runtime().block_on(check(&settings(), &topics)).unwrap_err().to_string();
    assert!(unfinished.contains("has message.timestamp.type=CreateTime instead of LogAppendTime"), "{unfinished}");
    restoring.append(&topics[0].name, 0, &source[half..], PATIENCE).unwrap();
    runtime().block_on(copy::end(&settings(), &topics[..1])).unwrap();
    runtime().block_on(check(&settings(), &topics)).unwrap();

    let copied = records(&restored);
    let (fillers, same): (Vec<_>, Vec<_>) =
        copied.iter().partition(|raw| !source.iter().any(|of| of.offset == raw.offset));
    assert!(same.into_iter().eq(source.iter()), "every record, with its offset and its date");
    assert_eq!(fillers.len(), gaps, "a void record for the offset that had none");
    assert_eq!(audited(&copied, &restored).tip().gate, tip.gate);
    assert_eq!(lines(&restored, 0), lines(&original, 0));

    // Who had read the original goes on with the copy, and a new owner too.
    let checkpoint = checkpoint_of(&original, 70);
    own(&restored, 90, 95);
    let starts = vec![Start::new(topic(&restored), 0, Some(checkpoint))];
    let mut reader = Reader::open(&settings(), starts).unwrap();
    let mut numbers = Vec::new();
    until("the copy is followed", || {
        let batch = reader.poll(1_000, Duration::from_millis(50)).unwrap();
        assert!(batch.halted.is_empty(), "{:?}", batch.halted);
        numbers.extend(batch.entries.iter().map(|entry| entry.position.number));
        numbers.last() == Some(&94)
    });
    assert!(numbers.into_iter().eq(71..=94));

    // A journal that has been cut behind it is told from it.
    let cut = fresh_context(1);
    let mut restoring = Restoring::open(&settings(), &[Topic::journal(&cut, 1)]).unwrap();
    restoring.append(&topic(&cut), 0, &source[..50], PATIENCE).unwrap();
    let mut reader = Reader::open(&settings(), vec![Start::new(topic(&cut), 0, Some(checkpoint))]).unwrap();
    let halted = reader.poll(1, PATIENCE).unwrap().halted;
    assert!(halted[0].3.to_string().contains("the log was cut"), "{halted:?}");
}

fn checkpoint_of(context: &str, number: u64) -> Checkpoint {
    let mut reader = Reader::open(&settings(), vec![Start::new(topic(context), 0, None)]).unwrap();
    let mut found = None;
    until("the entry is read", || {
        let batch = reader.poll(1_000, Duration::from_millis(50)).unwrap();
        let entry = batch.entries.into_iter().find(|entry| entry.position.number == number);
        found = found.or(entry.map(|entry| entry.checkpoint));
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn nothing_is_appended_behind_a_history_and_an_altered_one_is_told() {
    let context = fresh_context(1);
    own(&context, 1, 20);
    let refused = Restoring::open(&settings(), &[Topic::journal(&context, 1)]).err().unwrap().to_string();
    assert!(refused.contains("holds records up to offset") && refused.contains(&topic(&context)), "{refused}");

    let mut altered = records(&context);
    altered[7].value.as_mut().unwrap()[3] ^= 1;
    let mut audit = Audit::new(&topic(&context), 0);
    let halt = altered.iter().find_map(|raw| audit.take(raw).err()).unwrap();
    assert!(halt.to_string().contains("cut or altered"), "{halt}");
    let beyond = Logs::open(&settings()).unwrap().excerpt(&topic(&context), 0, 1_000).err().unwrap().to_string();
    assert!(beyond.contains("the log reached offset 1000, but now ends at offset"), "{beyond}");
}
