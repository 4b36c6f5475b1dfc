//! The records of the log, and a reader's place in it, moved by the crate's own admission rule.

use std::fmt;

use daybook_journal::{Digest, Gate, Halt, Header, OwnerId, Verdict};

use crate::history::{History, Line};

/// The admission rule: [`Gate::admit`], or a broken one.
pub type Rule = fn(&mut Gate, &Header, Digest) -> Result<Verdict, Halt>;

/// A record on its way or in the log. Owners are numbered by their claims, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Record {
    Claim { term: u8, owner: u8 },
    Entry { term: u8, owner: u8, seq: u8, number: u8, attempt: Option<usize>, previous: History },
}

impl Record {
    fn header(&self) -> Header {
        match *self {
            Record::Claim { term, owner } => {
                Header::Claim { term: term.into(), owner: OwnerId([owner; 16]), code_version: 1 }
            }
            Record::Entry { term, owner, seq, number, previous, .. } => Header::Entry {
                term: term.into(),
                owner: OwnerId([owner; 16]),
                seq: seq.into(),
                number: number.into(),
                previous: previous.digest(),
            },
        }
    }

    /// The history that ends with this entry.
    pub fn history(&self) -> History {
        match *self {
            Record::Claim { .. } => History::default(),
            Record::Entry { owner, seq, number, attempt, previous, .. } => {
                previous.push(Line { owner, seq, attempt, altered: number != previous.length() + 1 })
            }
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Claim { term, owner } => write!(f, "claim {owner} of term {term}"),
            Record::Entry { term, owner, seq, number, attempt, .. } => {
                write!(f, "entry {seq} of claim {owner} (term {term}, number {number}, ")?;
                match attempt {
                    Some(attempt) => write!(f, "attempt {attempt})"),
                    None => write!(f, "a barrier)"),
                }
            }
        }
    }
}

/// What a record turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    Claimed,
    Admitted,
    Void,
    Halted,
}

/// A reader's place: the gate, in small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub term: u8,
    pub owner: u8,
    pub next_seq: u8,
    pub number: u8,
    pub history: History,
}

impl Place {
    /// Takes the next record; says also what is wrong if the rule lets something through that it must not.
    pub fn read(&mut self, rule: Rule, record: &Record) -> (Passage, Option<&'static str>) {
        let mut gate = Gate {
            term: self.term.into(),
            owner: OwnerId([self.owner; 16]),
            next_seq: self.next_seq.into(),
            number: self.number.into(),
            digest: self.history.digest(),
        };
        let before = *self;
        let Ok(verdict) = rule(&mut gate, &record.header(), record.history().digest()) else {
            return (Passage::Halted, None);
        };
        *self = Place {
            term: gate.term as u8,
            owner: gate.owner.0[0],
            next_seq: gate.next_seq as u8,
            number: gate.number as u8,
            history: History::of_digest(gate.digest),
        };
        let passage = match verdict {
            Verdict::Claimed => Passage::Claimed,
            Verdict::Admitted => Passage::Admitted,
            Verdict::Void => Passage::Void,
        };
        (passage, before.objection(passage, record))
    }

    /// What is wrong with passing this record at this place.
    fn objection(&self, passage: Passage, record: &Record) -> Option<&'static str> {
        match (passage, *record) {
            (Passage::Admitted, Record::Entry { term, owner, .. }) if (term, owner) != (self.term, self.owner) => {
                Some("an entry was admitted under another claim than its own")
            }
            (Passage::Admitted, Record::Entry { previous, .. }) if previous != self.history => {
                Some("an entry was admitted that was decided on another history")
            }
            (Passage::Admitted, Record::Entry { number, .. }) if number != self.number + 1 => {
                Some("an entry was admitted under another number than its own")
            }
            (Passage::Void, Record::Entry { term, .. }) if term > self.term => {
                Some("an entry was passed over, though the claim it relies on is missing")
            }
            _ => None,
        }
    }
}
