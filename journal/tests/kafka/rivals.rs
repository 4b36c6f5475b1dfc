//! Several owners of one journal: rivals, and one that sleeps through its own deposition.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use daybook_journal::{Header, Owner, Reader, Refused, Standing, Start, Void, What};
use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;

use crate::ledger::{Answer, Ledger, line_of, write};
use crate::{append_raw, fresh_context, lines, runtime, serving, settings, until};

/// What a client was told of a line: the number it stands under, or that it is safe to send again.
type Told = BTreeMap<u64, Option<u64>>;

/// Every acknowledged line stands exactly once, where it was said to; no refused one stands.
fn agree(context: &str, told: &Told) {
    let mut standing = BTreeMap::new();
    for (number, value) in lines(context, 0) {
        let line = line_of(&value);
        if line != 0 {
            assert_eq!(standing.insert(line, number), None, "line {line} stands twice");
        }
    }
    for (line, told) in told {
        assert_eq!(standing.get(line), told.as_ref(), "line {line}");
    }
}

fn note(told: &mut Told, line: u64, outcome: Result<daybook_journal::Answered<Answer>, Refused>) {
    match outcome {
        Ok(answered) => {
            let number = match (answered.answer, answered.position) {
                (Answer::Stands(number), _) => number,
                (_, position) => position.unwrap().number,
            };
            told.insert(line, Some(number));
        }
        Err(Refused::Undecided) => {}
        Err(_) => {
            told.insert(line, None);
        }
    }
}

#[test]
fn rivals_that_claim_in_turn_stay_right() {
    let context = fresh_context(1);
    let owners = [serving(&settings(), &context), Owner::open(&settings(), &context, |_| Ledger::default()).unwrap()];
    let owners = Arc::new(owners);
    let done = Arc::new(AtomicBool::new(false));
    let duel = {
        let (owners, done) = (owners.clone(), done.clone());
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                owners.iter().for_each(|owner| owner.contend(0, owner.ownership(0).unwrap().term));
                std::thread::sleep(Duration::from_millis(30));
            }
        })
    };
    let runtime = runtime();
    let clients: Vec<_> = (0..16_u64)
        .map(|client| {
            let owners = owners.clone();
            runtime.spawn(async move {
                let mut told = Told::new();
                for turn in 0..150_u64 {
                    let line = 1 + client * 1_000 + turn;
                    let owner = &owners[(turn / 3 % 2) as usize];
                    note(&mut told, line, owner.submit(0, write(line)).await);
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
                told
            })
        })
        .collect();
    let mut told = Told::new();
    for client in clients {
        told.extend(runtime.block_on(client).unwrap());
    }
    done.store(true, Ordering::Relaxed);
    duel.join().unwrap();
    let status: Vec<_> = owners.iter().map(|owner| owner.status().remove(0)).collect();
    let written = told.values().flatten().count();
    println!("term {}, {} void records, {written} of {} written", status[0].term, status[0].voids, told.len());
    assert!(status[0].term > 3 && written > 100, "{status:?}");
    agree(&context, &told);
    until("the duel is over and one serves", || {
        owners.iter().any(|owner| owner.status()[0].standing == Standing::Serving)
    });
}

#[test]
fn late_records_of_a_deposed_owner_are_void() {
    let context = fresh_context(1);
    let runtime = runtime();
    let first = serving(&settings(), &context);
    let mut told = Told::new();
    for line in 1..=5 {
        note(&mut told, line, runtime.block_on(first.submit(0, write(line))));
    }
    first.shutdown(Duration::from_secs(5));
    let (deposed, late) = last_entry(&context);
    let second = serving(&settings(), &context);
    // What the first might still have had under way: its next entries, and repetitions.
    let Header::Entry { term, owner, seq, number, .. } = deposed else { panic!("the last record is an entry") };
    let mut records = vec![late.clone()];
    for next in 1..=50 {
        let previous = daybook_journal::Digest::of(&late.0, &late.1);
        let header = Header::Entry { term, owner, seq: seq + next, number: number + next, previous };
        records.push((header.encode(), [&(900 + next).to_be_bytes()[..], b"late"].concat()));
        told.insert(900 + next, None);
    }
    append_raw(&context, 0, &records);
    for line in 6..=10 {
        note(&mut told, line, runtime.block_on(second.submit(0, write(line))));
    }
    assert_eq!(second.status()[0].voids, 51);
    assert_eq!(told.values().flatten().count(), 10);
    agree(&context, &told);

    // Who looks into the log is told what the void records are.
    let start = Start::new(crate::topic(&context), 0, None);
    let mut reader = Reader::open(&settings(), vec![start]).unwrap().with_asides();
    let mut asides = Vec::new();
    until("the log is read", || {
        asides.extend(reader.poll(100, Duration::from_millis(50)).unwrap().asides);
        reader.caught_up()
    });
    let of = |wanted: fn(&What) -> bool| asides.iter().filter(|aside| wanted(&aside.what)).count();
    assert_eq!(of(|what| matches!(what, What::Claim { .. })), 2);
    assert_eq!(of(|what| *what == What::Void(Void::Deposed { entry: 1, term: 2 })), 51, "{asides:?}");
    assert!(asides.iter().all(|aside| aside.after <= 5), "the last entry before them is the fifth");
}

/// The last record of a journal, as it lies there.
fn last_entry(context: &str) -> (Header, (Vec<u8>, Vec<u8>)) {
    let mut config = ClientConfig::new();
    let consumer: BaseConsumer =
        config.set("bootstrap.servers", settings().brokers).set("group.id", "raw").create().unwrap();
    let name = crate::topic(context);
    let (_, high) = consumer.fetch_watermarks(&name, 0, Duration::from_secs(10)).unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(&name, 0, rdkafka::Offset::Offset(high - 1)).unwrap();
    consumer.assign(&list).unwrap();
    let message = consumer.poll(Duration::from_secs(10)).unwrap().unwrap();
    let header = message.headers().unwrap().get(0).value.unwrap().to_vec();
    (Header::decode(&header).unwrap(), (header, message.payload().unwrap().to_vec()))
}

/// A process of its own, which the test below stops in the middle and wakes again.
#[test]
fn zombie_process() {
    let Ok(context) = std::env::var("DAYBOOK_TEST_ZOMBIE") else { return };
    let owner = serving(&settings(), &context);
    println!("serving");
    let begun = Instant::now();
    let runtime = runtime();
    let mut line = 1_000_000;
    let mut submitted = Vec::new();
    // Long enough to be stopped, deposed and woken in the middle.
    while begun.elapsed() < Duration::from_secs(16) {
        submitted.extend((0..40).map(|_| {
            line += 1;
            (line, owner.submit(0, write(line)))
        }));
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut told = Told::new();
    for (line, submission) in submitted {
        note(&mut told, line, runtime.block_on(submission));
    }
    let mut out = std::io::stdout().lock();
    for (line, number) in told {
        writeln!(out, "told {line} {}", number.map_or("void".into(), |number| number.to_string())).unwrap();
    }
}

#[test]
fn an_owner_that_sleeps_through_its_deposition_tells_nothing_wrong() {
    let context = fresh_context(1);
    let mut zombie = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "rivals::zombie_process", "--nocapture"])
        .env("DAYBOOK_TEST_ZOMBIE", &context)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let id = zombie.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    };
    let mut output = BufReader::new(zombie.stdout.take().unwrap()).lines().map(Result::unwrap);
    output.find(|line| line.ends_with("serving")).expect("the process serves");
    std::thread::sleep(Duration::from_millis(1_500));
    signal("-STOP");
    let stopped = Instant::now();
    let heir = serving(&settings(), &context);
    println!("deposed after {:?}", stopped.elapsed());
    let runtime = runtime();
    let mut told = Told::new();
    for line in 1..=200 {
        note(&mut told, line, runtime.block_on(heir.submit(0, write(line))));
        if line == 100 {
            signal("-CONT");
        }
    }
    let mut by_zombie = Told::new();
    for line in output {
        if let Some((line, number)) = line.strip_prefix("told ").and_then(|rest| rest.split_once(' ')) {
            by_zombie.insert(line.parse().unwrap(), number.parse().ok());
        }
    }
    assert!(zombie.wait().unwrap().success());
    let written = by_zombie.values().flatten().count();
    println!("the zombie was told of {written} written and {} refused; {:?}", by_zombie.len() - written, heir.status());
    assert!(written > 100 && by_zombie.len() > written, "it was stopped in the middle");
    assert_eq!(told.values().flatten().count(), 200);
    agree(&context, &by_zombie);
    agree(&context, &told);
}

#[test]
fn two_instances_share_the_partitions_and_the_second_inherits() {
    let context = fresh_context(4);
    let first = serving(&settings(), &context);
    let second = Owner::open(&settings(), &context, |_| Ledger::default()).unwrap();
    let serves = |owner: &Owner<Ledger>| -> BTreeSet<i32> {
        let status = owner.status();
        status.iter().filter(|status| status.standing == Standing::Serving).map(|status| status.partition).collect()
    };
    until("each serves two", || serves(&first).len() == 2 && serves(&second).len() == 2);
    assert!(serves(&first).is_disjoint(&serves(&second)));
    let begun = Instant::now();
    first.shutdown(Duration::from_secs(5));
    until("the second serves all", || serves(&second).len() == 4);
    println!("all taken over {:?} after the first began to stop", begun.elapsed());
}

#[test]
fn older_code_does_not_claim() {
    let context = fresh_context(1);
    let newer = serving(&daybook_journal::Settings { code_version: 3, ..settings() }, &context);
    newer.shutdown(Duration::from_secs(5));
    let older =
        Owner::open(&daybook_journal::Settings { code_version: 2, ..settings() }, &context, |_| Ledger::default())
            .unwrap();
    until("it says so", || {
        older.status()[0].assigned && older.status()[0].standing == Standing::Outdated { highest: 3 }
    });
}
