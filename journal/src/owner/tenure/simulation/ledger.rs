//! A machine that does nothing but remember, and so can tell whether what it is given is one history.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::entry::Admitted;
use crate::machine::{Decision, Machine, Poison};
use crate::owner::tenure::slip::Slip;

thread_local! {
    /// What was seen that must never be. Everything of a simulation runs on one thread.
    static WRONG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn wrong(what: impl Into<String>) {
    WRONG.with_borrow_mut(|wrong| wrong.push(what.into()));
}

pub(super) fn take_wrong() -> Vec<String> {
    WRONG.take()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Writes the line `id`, once. A client may try again with another attempt.
    Write { id: u64, attempt: u64 },
    /// Asks how long the history is: a decision that rests on state and changes nothing.
    Check,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Written,
    /// The line stands already, under this number.
    Repeated {
        number: u64,
    },
    Seen {
        length: u64,
        hash: u64,
    },
}

/// One line of the ledger: what it was decided upon, and by which attempt of which command. A barrier is
/// the line 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) upon: u64,
    pub(super) id: u64,
    pub(super) attempt: u64,
    /// When it was decided, by its owner's clock.
    pub(super) micros: i64,
}

impl Line {
    fn encode(self) -> Vec<u8> {
        let micros = self.micros.cast_unsigned();
        [self.upon, self.id, self.attempt, micros].iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    pub(super) fn decode(value: &[u8]) -> Line {
        let number = |at: usize| value[at..at + 8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        Line { upon: number(0), id: number(8), attempt: number(16), micros: number(24).cast_signed() }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    pub(super) lines: Vec<Line>,
    /// The hash after each line.
    hashes: Vec<u64>,
}

impl History {
    pub(super) fn length(&self) -> u64 {
        self.lines.len() as u64
    }

    pub(super) fn hash(&self) -> u64 {
        self.hashes.last().copied().unwrap_or(0)
    }

    /// The hash when the history had this length.
    pub(super) fn hash_at(&self, length: u64) -> Option<u64> {
        if length == 0 { Some(0) } else { self.hashes.get(length as usize - 1).copied() }
    }

    pub(super) fn number_of(&self, id: u64) -> Option<u64> {
        self.lines.iter().position(|line| line.id == id).map(|at| at as u64 + 1)
    }

    pub(super) fn push(&mut self, line: Line) {
        let mut hash = self.hash() ^ 0xcbf2_9ce4_8422_2325;
        for byte in line.encode() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.lines.push(line);
        self.hashes.push(hash);
    }

    /// Takes an admitted entry. It has to be the next line, decided on exactly this history.
    pub(super) fn admit(&mut self, number: u64, value: &[u8]) {
        let line = Line::decode(value);
        if line.upon != self.hash() {
            wrong(format!("entry {number} was admitted, but decided on another history than its predecessors"));
        }
        if number != self.length() + 1 {
            wrong(format!("entry {number} was admitted after {} entries", self.length()));
        }
        if self.lines.last().is_some_and(|last| last.micros >= line.micros) {
            wrong(format!("entry {number} is not later than its predecessor"));
        }
        if line.id != 0 && self.number_of(line.id).is_some() {
            wrong(format!("line {} was admitted twice", line.id));
        }
        self.push(line);
    }
}

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) admitted: History,
    speculative: History,
    latest: i64,
    /// Only for [`Slip::KeepsTheWindow`]: the ids that were decided, and what number was foreseen for them.
    kept: Option<BTreeMap<u64, u64>>,
}

impl Ledger {
    fn number_of(&self, id: u64) -> Option<u64> {
        self.speculative.number_of(id).or_else(|| self.kept.as_ref()?.get(&id).copied())
    }

    pub(super) fn under(slip: Slip) -> Ledger {
        Ledger { kept: (slip == Slip::KeepsTheWindow).then(BTreeMap::new), ..Ledger::default() }
    }
}

impl Machine for Ledger {
    type Command = Command;
    type Answer = Answer;

    fn queue(command: &Command) -> u128 {
        match command {
            Command::Write { id, .. } => u128::from(id % 3),
            Command::Check => 3,
        }
    }

    fn weight(_: &Command) -> usize {
        24
    }

    fn decide(&mut self, command: &Command, number: u64, now_micros: i64) -> Decision<Answer> {
        if now_micros <= self.latest || number != self.speculative.length() + 1 {
            wrong(format!(
                "decides number {number} at {now_micros} after {} at {}",
                self.speculative.length(),
                self.latest
            ));
        }
        self.latest = now_micros;
        match *command {
            Command::Check => {
                Decision::Answer(Answer::Seen { length: self.speculative.length(), hash: self.speculative.hash() })
            }
            Command::Write { id, attempt } => match self.number_of(id) {
                Some(number) => Decision::Answer(Answer::Repeated { number }),
                None => {
                    let line = Line { upon: self.speculative.hash(), id, attempt, micros: now_micros };
                    self.speculative.push(line);
                    if let Some(kept) = &mut self.kept {
                        kept.insert(id, number);
                    }
                    Decision::Append { value: line.encode(), traceparent: None, answer: Answer::Written }
                }
            },
        }
    }

    fn barrier(&mut self, number: u64, now_micros: i64) -> Vec<u8> {
        if number != self.speculative.length() + 1 {
            wrong(format!("a barrier gets number {number} after {}", self.speculative.length()));
        }
        let line = Line { upon: self.speculative.hash(), id: 0, attempt: 0, micros: now_micros };
        self.latest = now_micros;
        self.speculative.push(line);
        line.encode()
    }

    fn admitted(&mut self, entry: &Admitted<'_>) -> Result<(), Poison> {
        let number = entry.position.number;
        if !entry.own && self.speculative != self.admitted {
            wrong(format!("entry {number} of another came while own ones were speculative"));
        }
        self.admitted.admit(number, &entry.value);
        self.latest = self.latest.max(Line::decode(&entry.value).micros);
        if !entry.own {
            self.speculative = self.admitted.clone();
        } else if self.speculative.hash_at(number) != self.admitted.hash_at(number) {
            wrong(format!("own entry {number} is not what was decided"));
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        self.speculative = self.admitted.clone();
    }

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn panicked(_: &Command, message: String) -> Answer {
        wrong(message);
        Answer::Written
    }
}
