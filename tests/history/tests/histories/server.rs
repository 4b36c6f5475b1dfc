//! A server that does everything right, and clients whose calls overlap, get lost and are repeated.

use std::collections::BTreeMap;

use daybook_history::{Call, Change, Entry, History, Outcome, Place};
use serde_json::Value as Json;

const BOOKS: u64 = 3;
const AGGREGATES: u64 = 4;

/// A call that has no answer yet: what it is for, and what the server said, if it has already.
struct Open {
    attempt: u64,
    command: u64,
    invoked: u64,
    outcome: Option<Outcome>,
}

/// Everything there is, moved step by step.
#[derive(Default)]
pub struct Server {
    now: u64,
    commands: u64,
    attempts: u64,
    open: Vec<Open>,
    /// Which entry carried out a command, and which version it made.
    seen: BTreeMap<u64, Outcome>,
    lengths: BTreeMap<String, u64>,
    books: BTreeMap<String, u64>,
    versions: BTreeMap<String, u64>,
    history: History,
}

fn book(command: u64) -> String {
    format!("book {}", command % BOOKS)
}

/// Every aggregate belongs to one book.
fn aggregate(command: u64) -> String {
    format!("aggregate {} of {}", command / BOOKS % AGGREGATES, book(command))
}

fn log(command: u64) -> String {
    format!("journal.test/{}", command % BOOKS % 2)
}

/// The run that these choices lead to; in the end every call has its answer, or never gets one.
pub fn run(choices: &[u16]) -> History {
    let mut server = Server::default();
    choices.iter().for_each(|choice| server.step(*choice));
    while !server.open.is_empty() {
        server.end(0, None);
    }
    server.history
}

impl Server {
    fn step(&mut self, choice: u16) {
        self.now += u64::from(choice % 3);
        let much = u64::from(choice / 16);
        let whom = (much as usize).checked_rem(self.open.len());
        match (choice % 16, whom) {
            (0..4, _) => {
                self.commands += 1;
                self.call(self.commands);
            }
            // Sent again, perhaps while the first attempt is still under way.
            (4, _) if self.commands > 0 => self.call(1 + much % self.commands),
            (5..9, Some(at)) => self.carry_out(at),
            (9, Some(at)) => self.reject(at),
            (10, Some(at)) if self.open[at].outcome.is_none() => self.open[at].outcome = Some(Outcome::Void),
            (11, Some(at)) => self.end(at, None),
            (12..15, Some(at)) if self.open[at].outcome.is_some() => self.end(at, Some(self.now)),
            (15, _) => self.append(log(much), None, Vec::new()),
            _ => {}
        }
    }

    fn call(&mut self, command: u64) {
        self.attempts += 1;
        self.open.push(Open { attempt: self.attempts, command, invoked: self.now, outcome: None });
    }

    fn carry_out(&mut self, at: usize) {
        let Open { command, outcome: None, .. } = self.open[at] else { return };
        if !self.seen.contains_key(&command) {
            let (log, aggregate) = (log(command), aggregate(command));
            let version = self.versions.entry(aggregate.clone()).or_default();
            *version += 1;
            let version = *version;
            let change =
                Change { aggregate: aggregate.clone(), version, event: "changed".to_owned(), body: Json::Null };
            self.append(log, Some(command), vec![change]);
            let place = self.history.entries.last().unwrap().place.clone();
            self.seen.insert(command, Outcome::Accepted { place, aggregate, version });
        }
        self.open[at].outcome = self.seen.get(&command).cloned();
    }

    /// Says no, on the state as it is; or the first answer again, if there was one.
    fn reject(&mut self, at: usize) {
        let Open { command, outcome: None, .. } = self.open[at] else { return };
        let aggregate = aggregate(command);
        let version = self.versions.get(&aggregate).copied().unwrap_or(0);
        let rejected = Outcome::Rejected { rests_on: Some((aggregate, version)) };
        self.open[at].outcome = Some(self.seen.get(&command).cloned().unwrap_or(rejected));
    }

    fn append(&mut self, log: String, command: Option<u64>, changes: Vec<Change>) {
        let number = self.lengths.entry(log.clone()).or_default();
        *number += 1;
        let place = Place { log, number: *number };
        let book = command.map_or_else(String::new, book);
        let book_number = command.map_or(0, |_| {
            let number = self.books.entry(book.clone()).or_default();
            *number += 1;
            *number
        });
        let micros = self.history.entries.len() as i64;
        let command = command.map(|command| format!("command {command}"));
        self.history.entries.push(Entry { place, micros, book, book_number, command, changes });
    }

    fn end(&mut self, at: usize, answered: Option<u64>) {
        let Open { attempt, command, invoked, outcome } = self.open.swap_remove(at);
        let outcome = outcome.filter(|_| answered.is_some()).unwrap_or(Outcome::Unknown);
        let (book, command) = (book(command), format!("command {command}"));
        self.history.calls.push(Call { attempt, book, command, invoked, answered, outcome });
    }
}
