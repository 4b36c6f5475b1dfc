//! What a run came to: the whole journal read, and every promise judged against it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use daybook_history::{Call, Change, Entry, History, Outcome, Place};
use daybook_journal::{Reader, Settings, Start, What};

use crate::bank::{ACCOUNTS, OPENING, Transfer};

/// A journal of one partition, from its first record to its end.
#[derive(Default)]
pub struct Log {
    /// Admitted, by number.
    pub entries: Vec<(u64, Transfer)>,
    /// Claims that stand.
    pub claims: u64,
    /// Records that are void.
    pub voids: u64,
}

impl Log {
    /// Reads it as anybody would who starts from nothing. Blocks.
    pub fn read(settings: &Settings, topic: &str) -> Result<Log, String> {
        let start = Start::new(topic, 0, None);
        let mut reader = Reader::open(settings, vec![start]).map_err(|error| error.to_string())?.with_asides();
        let (mut log, begun) = (Log::default(), Instant::now());
        loop {
            let batch = reader.poll(10_000, Duration::from_millis(50)).map_err(|error| error.to_string())?;
            if let Some(halted) = batch.halted.first() {
                return Err(format!("a reader halted: {}", halted.3));
            }
            log.entries.extend(batch.entries.iter().map(|e| (e.position.number, Transfer::decode(&e.value))));
            for aside in batch.asides {
                match aside.what {
                    What::Claim { .. } => log.claims += 1,
                    What::Void(_) => log.voids += 1,
                }
            }
            if reader.caught_up() {
                return Ok(log);
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("the journal could not be read to its end".to_owned());
            }
        }
    }

    /// Every broken promise, in words.
    pub fn violations(&self, topic: &str, calls: &[Call]) -> Vec<String> {
        let entries = self.entries.iter().map(|(number, transfer)| entry(topic, *number, transfer)).collect();
        let history = History { entries, calls: calls.to_vec() };
        let broken = history.violations().into_iter().map(|violation| violation.to_string());
        broken.chain(self.money_made()).collect()
    }

    /// Transfers change two accounts at once, so that their sum never changes.
    fn money_made(&self) -> Option<String> {
        let mut balances: BTreeMap<u64, i64> = (0..ACCOUNTS).map(|account| (account, OPENING)).collect();
        for (number, transfer) in self.entries.iter().filter(|(_, transfer)| transfer.command > 0) {
            balances.extend(transfer.sides.map(|(account, _, balance)| (account, balance)));
            if balances.values().sum::<i64>() != OPENING * ACCOUNTS as i64 || balances.values().any(|b| *b < 0) {
                return Some(format!("the accounts do not add up after entry {number}: {balances:?}"));
            }
        }
        None
    }
}

fn entry(topic: &str, number: u64, transfer: &Transfer) -> Entry {
    let change = |(account, version, balance): (u64, u64, i64)| Change {
        aggregate: account.to_string(),
        version,
        event: "transferred".to_owned(),
        body: balance.into(),
    };
    let is_barrier = transfer.command == 0;
    Entry {
        place: Place { log: format!("{topic}/0"), number },
        micros: transfer.micros,
        book: "bank".to_owned(),
        book_number: transfer.book_number,
        command: (!is_barrier).then(|| transfer.command.to_string()),
        changes: if is_barrier { Vec::new() } else { transfer.sides.map(change).into() },
    }
}

/// One run, or several of the same fault, in numbers.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub runs: u64,
    /// Runs in which the fault met something: a request, an owner, the broker.
    pub felt: u64,
    pub accepted: u64,
    pub rejected: u64,
    /// Calls answered as safe to send again.
    pub void: u64,
    /// Calls without a definite answer, each sent again until there was one.
    pub unknown: u64,
    pub claims: u64,
    /// Void records.
    pub voids: u64,
    pub violations: Vec<String>,
}

impl Tally {
    pub fn of(log: &Log, calls: &[Call], felt: bool, violations: Vec<String>) -> Tally {
        let count = |is: fn(&Outcome) -> bool| calls.iter().filter(|call| is(&call.outcome)).count() as u64;
        Tally {
            runs: 1,
            felt: felt.into(),
            accepted: count(|outcome| matches!(outcome, Outcome::Accepted { .. })),
            rejected: count(|outcome| matches!(outcome, Outcome::Rejected { .. })),
            void: count(|outcome| *outcome == Outcome::Void),
            unknown: count(|outcome| *outcome == Outcome::Unknown),
            claims: log.claims,
            voids: log.voids,
            violations,
        }
    }

    pub fn add(&mut self, other: &Tally) {
        self.runs += other.runs;
        self.felt += other.felt;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.void += other.void;
        self.unknown += other.unknown;
        self.claims += other.claims;
        self.voids += other.voids;
        self.violations.extend(other.violations.iter().cloned());
    }
}
