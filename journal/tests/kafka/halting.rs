//! A partition whose log is not what it has to be stops loudly, and the others go on.

use std::time::Duration;

use daybook_journal::{Digest, Halt, Header, Owner, OwnerId, Reader, Refused, Standing, Start};

use crate::ledger::{Ledger, write};
use crate::{append_raw, fresh_context, runtime, settings, topic, until};

#[test]
fn an_unknown_version_stops_its_partition_alone() {
    let context = fresh_context(2);
    append_raw(&context, 1, &[(vec![2, 0, 0], vec![])]);
    let owner = Owner::open(&settings(), &context, |_| Ledger::default()).unwrap();
    let unknown = Halt::UnknownVersion { version: 2 };
    until("one partition serves and one has halted", || {
        let status = owner.status();
        status[0].standing == Standing::Serving && status[1].standing == Standing::Halted(unknown.clone())
    });
    let runtime = runtime();
    assert!(runtime.block_on(owner.submit(0, write(1))).is_ok());
    assert!(matches!(runtime.block_on(owner.submit(1, write(1))), Err(Refused::NotServing { .. })));

    let starts = (0..2).map(|partition| Start::new(topic(&context), partition, None)).collect();
    let mut reader = Reader::open(&settings(), starts).unwrap();
    let (mut entries, mut halted) = (0, Vec::new());
    until("the reader has seen both", || {
        let batch = reader.poll(100, Duration::from_millis(50)).unwrap();
        entries += batch.entries.len();
        halted.extend(batch.halted);
        entries > 0 && !halted.is_empty()
    });
    assert_eq!(halted.len(), 1);
    assert_eq!((halted[0].1, halted[0].2, &halted[0].3), (1, 0, &unknown));
    assert!(reader.caught_up());
}

#[test]
fn an_owner_that_serves_halts_when_the_log_is_altered_under_it() {
    let context = fresh_context(1);
    let owner = crate::serving(&settings(), &context);
    let runtime = runtime();
    runtime.block_on(owner.submit(0, write(1))).unwrap();
    let ahead = Header::Entry { term: 9, owner: OwnerId([1; 16]), seq: 0, number: 2, previous: Digest::NONE };
    append_raw(&context, 0, &[(ahead.encode(), vec![1])]);
    until("it has halted", || owner.status()[0].standing == Standing::Halted(Halt::EntryAhead { entry: 9, term: 1 }));
    assert!(matches!(runtime.block_on(owner.submit(0, write(2))), Err(Refused::NotServing { .. })));
}

#[test]
fn foreign_bytes_never_panic() {
    let context = fresh_context(1);
    append_raw(&context, 0, &[(vec![], vec![])]);
    let mut reader = Reader::open(&settings(), vec![Start::new(topic(&context), 0, None)]).unwrap();
    let mut halted = Vec::new();
    until("it has halted", || {
        halted.extend(reader.poll(10, Duration::from_millis(50)).unwrap().halted);
        !halted.is_empty()
    });
    assert!(matches!(halted[0].3, Halt::Malformed { .. }), "{:?}", halted[0].3);
}
