//! Everything there is: the log, the records under way, the owners, and what clients know. What may happen next is a
//! [`Step`].

use crate::client::{Answer, Ask, Fate, Outcome, name_of};
use crate::log::{Passage, Place, Record, Rule};
use crate::owner::{Effects, Name, Owner, Slip, Stance};

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

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Read {
        owner: u8,
    },
    /// After having read this many records.
    Claim {
        owner: u8,
        read: u8,
    },
    ClaimAgain {
        owner: u8,
    },
    Submit {
        owner: u8,
        attempt: u8,
    },
    Decide {
        owner: u8,
    },
    Barrier {
        owner: u8,
    },
    TurnAway {
        owner: u8,
    },
    Crash {
        owner: u8,
    },
    Deliver {
        record: u8,
    },
    DeliverTwice {
        record: u8,
    },
    Lose {
        record: u8,
    },
    Cut {
        to: u8,
    },
    AlterValue {
        record: u8,
    },
    AlterNumber {
        record: u8,
    },
}

/// What is left of the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Left {
    records: u8,
    repeats: u8,
    harm: u8,
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
    claims: u8,
    left: Left,
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

    /// All that may happen next.
    ///
    /// Loss and crashes need no steps: what is under way may stay there for ever, an owner may do nothing any more, and
    /// one that follows and holds nothing is the same as one that has just started.
    pub fn steps(&self, bounds: &Bounds) -> Vec<Step> {
        let mut steps = Vec::with_capacity(24);
        let left = &self.left;
        let may_send = left.records > 0;
        let length = self.log.len() as u8;
        for (at, owner) in (0..).zip(&self.owners) {
            if owner.stance == Stance::Halted {
                continue;
            }
            let chooses = owner.is_idle() && bounds.log == Log::Intact;
            if owner.read < length && !chooses {
                steps.push(Step::Read { owner: at });
            }
            if may_send && self.claims < bounds.claims && !matches!(owner.stance, Stance::Claiming { .. }) {
                let most = if chooses { length } else { owner.read };
                steps.extend((owner.read..=most).map(|read| Step::Claim { owner: at, read }));
            }
            if owner.is_serving() && may_send {
                steps.extend(self.unsent(bounds).map(|attempt| Step::Submit { owner: at, attempt }));
                if !owner.queue.is_empty() {
                    steps.push(Step::Decide { owner: at });
                }
                if owner.needs_barrier() {
                    steps.push(Step::Barrier { owner: at });
                }
            }
            if owner.stance == Stance::Following && !owner.queue.is_empty() {
                steps.push(Step::TurnAway { owner: at });
            }
        }
        for (at, record) in (0..).zip(&self.under_way) {
            if at > 0 && self.under_way[usize::from(at) - 1] == *record {
                continue;
            }
            steps.push(Step::Deliver { record: at });
            if left.repeats > 0 {
                steps.push(Step::DeliverTwice { record: at });
            }
        }
        if left.harm > 0 {
            match bounds.log {
                Log::Intact => {}
                Log::Cut => steps.extend((0..length).map(|to| Step::Cut { to })),
                Log::Altered => {
                    let entries = (0..).zip(&self.log).filter(|(_, record)| matches!(record, Record::Entry { .. }));
                    steps.extend(entries.map(|(record, _)| Step::AlterValue { record }));
                    let entries = (0..).zip(&self.under_way).filter(|(_, one)| matches!(one, Record::Entry { .. }));
                    steps.extend(entries.map(|(record, _)| Step::AlterNumber { record }));
                }
            }
        }
        steps
    }

    /// Attempts that may be sent next: of those that ask the same, the first.
    fn unsent<'a>(&'a self, bounds: &'a Bounds) -> impl Iterator<Item = u8> + 'a {
        let is_new = |attempt: &usize| self.fates[*attempt] == Fate::New;
        let first = move |attempt: &usize| {
            !(0..*attempt).any(|before| is_new(&before) && bounds.asks[before] == bounds.asks[*attempt])
        };
        (0..self.fates.len()).filter(is_new).filter(first).map(|attempt| attempt as u8)
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

    /// In words, for a trace.
    pub fn describe(&self, bounds: &Bounds, step: Step) -> String {
        let name = |owner: u8| char::from(b'A' + self.owners[usize::from(owner)].name.0);
        let record = |record: u8| self.under_way[usize::from(record)];
        match step {
            Step::Read { owner } => {
                format!("{} reads {}", name(owner), self.log[usize::from(self.owners[usize::from(owner)].read)])
            }
            Step::Claim { owner, read } => format!("{} claims, having read {read} records", name(owner)),
            Step::ClaimAgain { owner } => format!("{} sends its claim again", name(owner)),
            Step::Submit { owner, attempt } => {
                format!("attempt {attempt}, {:?}, reaches {}", bounds.asks[usize::from(attempt)], name(owner))
            }
            Step::Decide { owner } => {
                format!("{} decides attempt {}", name(owner), self.owners[usize::from(owner)].queue[0].attempt)
            }
            Step::Barrier { owner } => format!("{} sends a barrier", name(owner)),
            Step::TurnAway { owner } => format!("{} turns away what waits", name(owner)),
            Step::Crash { owner } => format!("{} crashes and starts anew", name(owner)),
            Step::Deliver { record: at } => format!("the log gets {}", record(at)),
            Step::DeliverTwice { record: at } => format!("the log gets {}, which will come again", record(at)),
            Step::Lose { record: at } => format!("lost is {}", record(at)),
            Step::Cut { to } => format!("the log is cut to {to} records"),
            Step::AlterValue { record } => format!("the value of record {record} is altered"),
            Step::AlterNumber { record: at } => format!("the number is altered of {}", record(at)),
        }
    }
}
