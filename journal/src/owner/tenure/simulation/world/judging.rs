//! The faults stop, and everybody's story is compared with the log.

use std::time::Duration;

use super::reader::PlainReader;
use super::{Log, OWNERS, Told, World};
use crate::owner::answer::{Outcome, Refused};
use crate::owner::status::Standing;
use crate::owner::tenure::simulation::ledger::{Answer, Command, Line, wrong};

impl World {
    /// The faults stop. With time everything has to be decided, and the partition has to serve.
    pub(in super::super) fn heal(&mut self) {
        self.say(|| "the faults stop".to_owned());
        // Who is older than a claim it has read never claims again.
        if self.owners[0].code_version < self.newest {
            self.crash(0, self.newest);
        }
        for (at, owner) in self.owners.iter_mut().enumerate() {
            (owner.asleep, owner.full) = (false, false);
            owner.tenure.assign(at == 0);
        }
        self.settle();
        if !self.open.is_empty() && !self.owners.iter().any(|owner| owner.tenure.is_halted()) {
            wrong(format!("{} commands wait for others to come", self.open.len()));
        }
        self.submit_new(0);
        self.settle();
        let served = matches!(self.told.last(), Some(Told { outcome: Ok(_), .. }));
        let halted = self.owners.iter().any(|owner| owner.tenure.is_halted());
        if self.kind == Log::Intact && halted {
            wrong("an owner has halted on an intact log");
        }
        if !halted && !self.open.is_empty() {
            wrong(format!("{} commands have no outcome", self.open.len()));
        }
        if !halted && !served {
            wrong(format!("a command sent in peace ended as {:?}", self.told.last().map(|told| &told.outcome)));
        }
    }

    fn settle(&mut self) {
        for _ in 0..200 {
            self.elapsed += Duration::from_millis(100);
            while !self.losses.is_empty() {
                self.report();
            }
            for owner in 0..OWNERS {
                self.work(owner, usize::MAX);
            }
            while !self.flights.is_empty() {
                self.deliver(0, false);
            }
            for owner in 0..OWNERS {
                self.read(owner, usize::MAX);
                self.look_for_lost(owner);
            }
            self.listen();
            // A claim that a cut has taken is sent again, though after seconds.
            let serves = self.owners[0].tenure.is_halted() || self.standing(0) == Standing::Serving;
            let idle = self.owners.iter().all(|owner| owner.tenure.is_idle());
            if serves && idle && self.open.is_empty() && self.flights.is_empty() {
                break;
            }
        }
    }

    /// As the owner's thread does once nothing is under way.
    fn look_for_lost(&mut self, owner: usize) {
        let now = self.now(owner);
        let tenure = &mut self.owners[owner].tenure;
        let waited = tenure.unread_since().map(|since| now.instant.duration_since(since));
        if waited.is_some_and(|waited| waited > Duration::from_secs(6)) {
            tenure.claim_for_lost_entries(now);
        }
    }

    /// Compares what clients were told with what a reader finds that starts from nothing.
    pub(in super::super) fn judge(&mut self) {
        self.reader.read(&self.log, usize::MAX);
        let mut fresh = PlainReader::new(self.protocol.rule);
        fresh.read(&self.log, usize::MAX);
        if self.kind == Log::Intact && (fresh.halted || self.reader.halted) {
            wrong("a reader has halted on an intact log");
        }
        if self.kind == Log::Intact && !fresh.code_versions.is_sorted() {
            wrong(format!("older code has claimed after newer: {:?}", fresh.code_versions));
        }
        let known_to = |number: u64| number <= fresh.history.length() || !fresh.halted;
        for Told { command, known, outcome } in &self.told {
            match (command, outcome) {
                (Command::Write { id, attempt }, Ok(answered)) => {
                    let number = match answered.answer {
                        Answer::Repeated { number } => number,
                        _ => answered.position.as_ref().map_or(0, |position| position.number),
                    };
                    let line = fresh.history.lines.get((number as usize).wrapping_sub(1));
                    if known_to(number) && line.is_none_or(|line| line.id != *id) {
                        wrong(format!(
                            "attempt {attempt} was told that line {id} is number {number}; there is {line:?}"
                        ));
                    }
                }
                (Command::Check, Ok(answered)) => {
                    let Answer::Seen { length, hash } = answered.answer else {
                        continue;
                    };
                    if length < *known {
                        wrong(format!("a check saw {length} entries, though {known} had been told of before"));
                    }
                    if !self.altered && known_to(length) && fresh.history.hash_at(length) != Some(hash) {
                        wrong(format!("a check saw {length} entries of a history that never was"));
                    }
                }
                (_, Err(Refused::Undecided)) | (Command::Check, Err(_)) => {}
                (Command::Write { attempt, .. }, Err(refused)) => {
                    let admitted = |line: &Line| line.attempt == *attempt;
                    if fresh.history.lines.iter().any(admitted) {
                        wrong(format!("attempt {attempt} was told «{refused}», but was admitted"));
                    }
                }
            }
        }
    }

    pub(in super::super) fn tally(&self) -> Tally {
        let count = |is: fn(&Outcome<Answer>) -> bool| self.told.iter().filter(|told| is(&told.outcome)).count() as u64;
        let answered = |is: fn(Answer) -> bool| {
            self.told
                .iter()
                .filter_map(|told| told.outcome.as_ref().ok())
                .filter(|answered| is(answered.answer))
                .count() as u64
        };
        Tally {
            claims: self.reader.track.gate.term,
            admitted: self.reader.track.admitted,
            voids: self.reader.track.voids,
            written: answered(|answer| answer == Answer::Written),
            repeated: answered(|answer| matches!(answer, Answer::Repeated { .. })),
            seen: answered(|answer| matches!(answer, Answer::Seen { .. })),
            void: count(|outcome| *outcome == Err(Refused::Void)),
            undecided: count(|outcome| *outcome == Err(Refused::Undecided)),
        }
    }
}

/// What a run has reached.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Tally {
    pub(in super::super) claims: u64,
    pub(in super::super) admitted: u64,
    pub(in super::super) voids: u64,
    pub(in super::super) written: u64,
    pub(in super::super) repeated: u64,
    pub(in super::super) seen: u64,
    pub(in super::super) void: u64,
    pub(in super::super) undecided: u64,
}

impl Tally {
    pub(in super::super) fn add(&mut self, other: Tally) {
        self.claims += other.claims;
        self.admitted += other.admitted;
        self.voids += other.voids;
        self.written += other.written;
        self.repeated += other.repeated;
        self.seen += other.seen;
        self.void += other.void;
        self.undecided += other.undecided;
    }
}
