//! Everything there is: the log, the records under way, the owners, what clients know; and what each step makes of it.

use crate::client::{Answer, Ask, Fate, Outcome, name_of};
use crate::log::{Passage, Place, Record, Rule};
use crate::owner::{Effects, Name, Owner, Slip, Stance};
use crate::step::Step;

/// What may befall the log itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    Intact,
    /// Its end may be cut off once; nobody is told.
    Cut,
    /// A record in it may be altered once.
    Altered,
}

/// How far the model goes, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub rule: Rule,
    pub slip: Slip,
    pub log: Log,
    pub owners: usize,
    /// What clients ask, each attempt once. Attempts that ask the same are sent in this order: it makes no difference.
    pub asks: &'static [Ask],
    /// How many records are sent, claims included.
    pub records: u8,
    pub claims: u8,
    /// How often a record comes more than once.
    pub repeats: u8,
}

/// What is left of the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Left {
    pub records: u8,
    pub repeats: u8,
    /// How often the log itself may be harmed.
    pub harm: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub log: Vec<Record>,
    /// Sorted, since any of them may come next.
    pub under_way: Vec<Record>,
    /// Sorted, since they differ in nothing but their names.
    pub owners: Vec<Owner>,
    pub fates: Vec<Fate>,
    /// A reader that has read all.
    pub reader: Place,
    reader_halted: bool,
    /// The highest number that anybody has been told of.
    known: u8,
    /// How many claims were made: each gets a fresh owner id.
    pub claims: u8,
    pub left: Left,
    /// What must not be.
    pub wrong: Option<&'static str>,
}

impl World {
    pub fn new(bounds: &Bounds) -> World {
        let harm = u8::from(bounds.log != Log::Intact);
        let owner = |name| Owner { name: Name(name), ..Owner::default() };
        World {
            log: Vec::new(),
            under_way: Vec::new(),
            owners: (0..bounds.owners as u8).map(owner).collect(),
            fates: vec![Fate::New; bounds.asks.len()],
            reader: Place::default(),
            reader_halted: false,
            known: 0,
            claims: 0,
            left: Left { records: bounds.records, repeats: bounds.repeats, harm },
            wrong: None,
        }
    }

    /// The world after this step.
    pub fn after(&self, bounds: &Bounds, step: Step) -> World {
        let mut world = self.clone();
        world.take(bounds, step);
        if bounds.log == Log::Intact {
            let idle = world.owners.iter_mut().filter(|owner| owner.is_idle());
            idle.for_each(|owner| *owner = Owner { name: owner.name, ..Owner::default() });
        }
        world.under_way.sort_unstable();
        world.owners.sort();
        world
    }

    /// Takes a step and leaves the owners in their places.
    pub fn take(&mut self, bounds: &Bounds, step: Step) {
        let mut effects = Effects::default();
        match step {
            Step::Read { owner } => {
                let owner = &mut self.owners[usize::from(owner)];
                let record = self.log[usize::from(owner.read)];
                owner.read(bounds.asks, bounds.rule, bounds.slip, &record, &mut effects);
                if owner.stance == Stance::Halted && bounds.log == Log::Intact {
                    effects.wrong = effects.wrong.or(Some("an intact log has halted an owner"));
                }
            }
            Step::Claim { owner, read } => {
                while self.owners[usize::from(owner)].read < read {
                    self.take(bounds, Step::Read { owner });
                }
                self.claims += 1;
                self.owners[usize::from(owner)].claim(self.claims, bounds.slip, &mut effects);
            }
            Step::ClaimAgain { owner } => {
                if let Stance::Claiming { term, owner } = self.owners[usize::from(owner)].stance {
                    effects.sent.push(Record::Claim { term, owner });
                }
            }
            Step::Submit { owner, attempt } => {
                self.fates[usize::from(attempt)] = Fate::Open(self.known);
                let owner = &mut self.owners[usize::from(owner)];
                owner.submit(attempt.into());
                // To wait makes no difference to what will be written: it is as if it had come later.
                if matches!(bounds.asks[usize::from(attempt)], Ask::Write(_)) && owner.queue.len() == 1 {
                    owner.decide(bounds.asks, bounds.slip, &mut effects);
                }
            }
            Step::Decide { owner } => {
                self.owners[usize::from(owner)].decide(bounds.asks, bounds.slip, &mut effects);
            }
            Step::Barrier { owner } => self.owners[usize::from(owner)].append(None, &mut effects),
            Step::TurnAway { owner } => self.owners[usize::from(owner)].turn_away(&mut effects),
            Step::Crash { owner } => {
                let owner = &mut self.owners[usize::from(owner)];
                owner.holds().for_each(|attempt| self.fates[attempt] = Fate::Undecided);
                *owner = Owner { name: owner.name, ..Owner::default() };
            }
            Step::Deliver { record } => {
                let record = self.under_way.remove(record.into());
                self.append(bounds, record);
            }
            Step::DeliverTwice { record } => {
                self.left.repeats -= 1;
                self.append(bounds, self.under_way[usize::from(record)]);
            }
            Step::Lose { record } => {
                self.under_way.remove(record.into());
            }
            Step::Cut { to } => {
                self.left.harm -= 1;
                self.log.truncate(to.into());
                self.read_anew(bounds);
            }
            Step::AlterValue { record } => {
                self.left.harm -= 1;
                if let Record::Entry { attempt, .. } = &mut self.log[usize::from(record)] {
                    *attempt = attempt.is_none().then_some(0);
                }
                self.read_anew(bounds);
            }
            Step::AlterNumber { record } => {
                self.left.harm -= 1;
                if let Record::Entry { number, .. } = &mut self.under_way[usize::from(record)] {
                    *number += 1;
                }
            }
        }
        self.left.records = self.left.records.saturating_sub(effects.sent.len() as u8);
        self.under_way.extend(effects.sent);
        self.wrong = self.wrong.or(effects.wrong);
        for (attempt, outcome) in effects.told {
            self.tell(bounds, attempt, outcome);
        }
    }

    /// The broker appends a record, and the reader that has read all reads it.
    fn append(&mut self, bounds: &Bounds, record: Record) {
        self.log.push(record);
        if self.reader_halted {
            return;
        }
        let before = self.reader.history;
        let (passage, wrong) = self.reader.read(bounds.rule, &record);
        self.wrong = self.wrong.or(wrong);
        self.reader_halted = passage == Passage::Halted;
        if bounds.log != Log::Intact {
            return;
        }
        if self.reader_halted {
            self.wrong = self.wrong.or(Some("an intact log has halted a reader"));
        }
        if let (Passage::Admitted, Record::Entry { attempt: Some(attempt), .. }) = (passage, record) {
            let id = name_of(bounds.asks[attempt]);
            let complaint = match self.fates[attempt] {
                _ if before.find(|other| name_of(bounds.asks[other]) == id).is_some() => "a command was admitted twice",
                Fate::Void => "a command was admitted that had been answered void",
                Fate::Rejected => "a command was admitted that had been rejected",
                _ => return,
            };
            self.wrong = self.wrong.or(Some(complaint));
        }
    }

    /// A reader that starts from nothing reads what the log is now.
    fn read_anew(&mut self, bounds: &Bounds) {
        (self.reader, self.reader_halted) = (Place::default(), false);
        for record in std::mem::take(&mut self.log) {
            self.append(bounds, record);
        }
    }

    /// A client is told, and compares that with the log and with what was told before it asked.
    fn tell(&mut self, bounds: &Bounds, attempt: usize, outcome: Outcome) {
        let Fate::Open(known) = self.fates[attempt] else { return };
        let history = self.reader.history;
        let id = name_of(bounds.asks[attempt]);
        let is_it =
            |number: u8, is: &dyn Fn(usize) -> bool| history.line(number).and_then(|line| line.attempt).is_some_and(is);
        let (fate, complaint) = match outcome {
            Outcome::Answered(Answer::Written, number) => {
                let complaint =
                    (!is_it(number, &|other| other == attempt)).then_some("what was acknowledged is not in the log");
                let before = (number <= known).then_some("a command stands before what had been told when it was sent");
                (Fate::Accepted, complaint.or(before))
            }
            Outcome::Answered(Answer::Stands(number), _) => {
                let stands = number.is_some_and(|number| is_it(number, &|other| name_of(bounds.asks[other]) == id));
                (Fate::Rejected, (!stands).then_some("a command was answered as a repetition that is not in the log"))
            }
            Outcome::Answered(Answer::Rejected(state), _) => {
                let void = (!state.begins(history)).then_some("a rejection rests on what is not in the log");
                let stale =
                    (state.length() < known).then_some("a rejection is older than an answer given before it was asked");
                (Fate::Rejected, void.or(stale))
            }
            Outcome::Void => {
                let admitted = history.find(|other| other == attempt).is_some();
                (Fate::Void, admitted.then_some("a command was answered void that is in the log"))
            }
        };
        if let Outcome::Answered(_, number) = outcome {
            self.known = self.known.max(number);
        }
        self.fates[attempt] = fate;
        if bounds.log == Log::Intact {
            self.wrong = self.wrong.or(complaint);
        }
    }
}
