//! Readers: where they start, where they go on, and what they notice.

use std::time::Duration;

use daybook_journal::{Admitted, Checkpoint, From, Halt, Reader, Start};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

use crate::ledger::{value, write};
use crate::{fresh_context, runtime, serving, settings, topic, until};

/// Writes lines, one after the other.
fn fill(context: &str, lines: std::ops::RangeInclusive<u64>) {
    let owner = serving(&settings(), context);
    let submitted: Vec<_> = lines.map(|line| owner.submit(0, write(line))).collect();
    for submission in submitted {
        runtime().block_on(submission).unwrap();
    }
    owner.shutdown(Duration::from_secs(5));
}

fn read(start: Start, until_number: u64) -> Vec<Admitted<'static>> {
    let mut reader = Reader::open(&settings(), vec![start]).unwrap();
    let mut entries = Vec::new();
    until("the entries are read", || {
        let batch = reader.poll(7, Duration::from_millis(50)).unwrap();
        assert!(batch.halted.is_empty(), "{:?}", batch.halted);
        entries.extend(batch.entries);
        entries.last().is_some_and(|entry| entry.position.number >= until_number)
    });
    entries
}

fn halt(context: &str, checkpoint: Checkpoint) -> Halt {
    let start = Start::new(topic(context), 0, Some(checkpoint));
    let mut reader = Reader::open(&settings(), vec![start]).unwrap();
    let mut halted = None;
    until("the reader halts", || {
        let batch = reader.poll(10, Duration::from_millis(50)).unwrap();
        assert!(batch.entries.is_empty());
        halted = halted.take().or(batch.halted.into_iter().next());
        halted.is_some()
    });
    assert_eq!(reader.lag()[0].halted, Some(halted.as_ref().unwrap().3.clone()));
    halted.unwrap().3
}

/// Deletes the journal and makes it anew.
fn recreate(context: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", settings().brokers).create().unwrap();
    let name = topic(context);
    runtime().block_on(admin.delete_topics(&[&name], &AdminOptions::new())).unwrap();
    until("the topic is made again", || {
        let journal = daybook_journal::topics::Topic::journal(context, 1);
        std::thread::sleep(Duration::from_millis(300));
        runtime().block_on(daybook_journal::topics::ensure(&settings(), &[journal], 1)).is_ok()
    });
}

#[test]
fn a_reader_goes_on_after_its_checkpoint() {
    let context = fresh_context(1);
    fill(&context, 1..=20);
    let all = read(Start::new(topic(&context), 0, None), 20);
    assert_eq!(all.len(), 20);
    let checkpoint: Checkpoint = all[11].checkpoint.to_string().parse().unwrap();
    fill(&context, 21..=25);
    let rest = read(Start::new(topic(&context), 0, Some(checkpoint)), 25);
    let numbers: Vec<u64> = rest.iter().map(|entry| entry.position.number).collect();
    assert_eq!(numbers, (13..=25).collect::<Vec<_>>());
    assert_eq!(rest[0].checkpoint, all[12].checkpoint);
}

#[test]
fn a_reader_starts_by_number_time_or_at_the_end() {
    let context = fresh_context(1);
    fill(&context, 1..=10);
    std::thread::sleep(Duration::from_millis(5));
    let mut tail =
        Reader::open(&settings(), vec![Start { from: From::Tail, ..Start::new(topic(&context), 0, None) }]).unwrap();
    fill(&context, 11..=20);
    let from = |from| Start { from, ..Start::new(topic(&context), 0, None) };
    let numbers = |entries: &[Admitted<'_>]| entries.iter().map(|entry| entry.position.number).collect::<Vec<_>>();

    assert_eq!(numbers(&read(from(From::Number(17)), 20)), [17, 18, 19, 20]);
    let all = read(from(From::Beginning), 20);
    assert_eq!(numbers(&read(from(From::Time(all[10].timestamp)), 20)), (11..=20).collect::<Vec<_>>());
    let mut later = Vec::new();
    until("the tail has come", || {
        later.extend(tail.poll(100, Duration::from_millis(50)).unwrap().entries);
        later.len() >= 10
    });
    assert_eq!(numbers(&later), (11..=20).collect::<Vec<_>>());
}

#[test]
fn a_log_that_ends_before_the_checkpoint_was_cut() {
    let context = fresh_context(1);
    fill(&context, 1..=20);
    let last = read(Start::new(topic(&context), 0, None), 20)[19].checkpoint;
    recreate(&context);
    fill(&context, 1..=3);
    let halt = halt(&context, last);
    assert!(matches!(halt, Halt::Cut { .. }), "{halt}");
    assert!(halt.to_string().contains("the log now ends at offset"), "{halt}");
}

#[test]
fn a_log_that_has_grown_again_behind_the_checkpoint_was_cut() {
    let context = fresh_context(1);
    fill(&context, 1..=5);
    let last = read(Start::new(topic(&context), 0, None), 5)[4].checkpoint;
    recreate(&context);
    // The same lines at the same offsets, by another owner.
    fill(&context, 1..=9);
    let halt = halt(&context, last);
    assert!(matches!(halt, Halt::Cut { .. }), "{halt}");
    assert!(halt.to_string().contains("there now is entry 5 with digest"), "{halt}");
}

#[test]
fn one_reader_follows_several_partitions() {
    let context = fresh_context(3);
    let owner = serving(&settings(), &context);
    let submitted: Vec<_> = (1..=90).map(|line| owner.submit(line as i32 % 3, write(line))).collect();
    for submission in submitted {
        runtime().block_on(submission).unwrap();
    }
    let starts = (0..3).map(|partition| Start::new(topic(&context), partition, None)).collect();
    let mut reader = Reader::open(&settings(), starts).unwrap();
    let mut values = Vec::new();
    until("all is read", || {
        values.extend(
            reader
                .poll(1_000, Duration::from_millis(50))
                .unwrap()
                .entries
                .into_iter()
                .map(|entry| entry.value.into_owned()),
        );
        reader.caught_up()
    });
    let mut expected: Vec<_> = (1..=90).map(value).collect();
    values.sort();
    expected.sort();
    assert_eq!(values, expected);
    assert!(reader.lag().iter().all(|lag| lag.records == 0 && lag.caught_up && lag.number == 30), "{:?}", reader.lag());
}
