//! The record of all calls of a run, by the one clock of the program that makes them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use daybook_history::{Call, Outcome, Place};

/// See the module.
pub struct Record {
    begun: Instant,
    /// The log that answers speak of.
    log: String,
    calls: Mutex<BTreeMap<u64, Call>>,
}

impl Record {
    pub fn new(log: String) -> Record {
        Record { begun: Instant::now(), log, calls: Mutex::default() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap()
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<u64, Call>> {
        self.calls.lock().unwrap()
    }

    /// A call is about to be made; the number of the attempt.
    pub fn invoke(&self, command: u64) -> u64 {
        let mut calls = self.calls();
        let attempt = calls.last_key_value().map_or(1, |(last, _)| last + 1);
        let invoked = self.now();
        let (book, command) = ("bank".to_owned(), command.to_string());
        calls.insert(attempt, Call { attempt, book, command, invoked, answered: None, outcome: Outcome::Unknown });
        attempt
    }

    /// An answer has come, as an owner's process words it.
    pub fn answer(&self, attempt: u64, said: &[&str]) -> Outcome {
        let number = |word: &str| word.parse().unwrap();
        let outcome = match said {
            ["accepted", place, account, version] => Outcome::Accepted {
                place: Place { log: self.log.clone(), number: number(place) },
                aggregate: (*account).to_owned(),
                version: number(version),
            },
            ["rejected", account, version] => {
                Outcome::Rejected { rests_on: Some(((*account).to_owned(), number(version))) }
            }
            ["void"] => Outcome::Void,
            ["unknown"] => Outcome::Unknown,
            _ => panic!("an answer that nobody knows: {said:?}"),
        };
        let mut calls = self.calls();
        let answered = self.now();
        let call = calls.get_mut(&attempt).unwrap();
        call.answered = Some(answered);
        call.outcome = outcome.clone();
        outcome
    }

    pub fn done(&self) -> Vec<Call> {
        self.calls().values().cloned().collect()
    }
}
