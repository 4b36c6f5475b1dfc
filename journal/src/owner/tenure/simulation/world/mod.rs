//! A partition, a network that loses, delays, repeats and reorders, several owners that fight over it, and
//! clients that watch what they are told.

mod faults;
mod judging;
mod reader;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub(super) use self::judging::Tally;
use self::reader::PlainReader;
use super::ledger::{Answer, Command, Ledger};
use crate::gate::Rule;
use crate::owner::answer::{Outcome, Refused};
use crate::owner::tenure::{Append, Identity, Now, Tenure};
use crate::settings::Limits;
use crate::track::{Record, Track};

/// What may befall the log itself, beyond what befalls records on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    Intact,
    /// Its end is cut off once.
    Cut,
    /// Records are altered, on their way or where they lie.
    Altered,
}

/// One step, chosen by chance: what happens, and to whom or how much.
pub(super) type Step = (u8, u16);

const OWNERS: usize = 3;

struct Stored {
    header: Vec<u8>,
    value: Vec<u8>,
}

/// A record on its way.
struct Flight {
    owner: usize,
    incarnation: u64,
    append: Append,
}

struct Instance {
    tenure: Tenure<Ledger>,
    incarnation: u64,
    read: usize,
}

/// A command as its client sees it.
struct Attempt {
    command: Command,
    outcome: oneshot::Receiver<Outcome<Answer>>,
    /// The highest number that anybody had been told of when it was sent.
    known: u64,
}

pub(super) struct World {
    rule: Rule,
    kind: Log,
    log: Vec<Stored>,
    flights: Vec<Flight>,
    /// Losses that the sender has not heard of yet.
    losses: Vec<(usize, u64, usize)>,
    owners: Vec<Instance>,
    incarnations: u64,
    /// How reluctantly each owner reads, from 0 to 3: who lags behind believes in what no longer holds.
    reluctance: [usize; OWNERS],
    /// A reader that goes on through whatever befalls the log.
    reader: PlainReader,
    open: Vec<Attempt>,
    told: Vec<Told>,
    known: u64,
    ids: u64,
    attempts: u64,
    cut: bool,
    /// A record was altered where it lies, perhaps after it was read.
    altered: bool,
    start: Instant,
    elapsed: Duration,
}

/// An attempt that has its outcome.
struct Told {
    command: Command,
    known: u64,
    outcome: Outcome<Answer>,
}

impl Stored {
    fn record(&self, offset: usize) -> Record<'_> {
        Record { offset: offset as i64, timestamp: 0, gate: &self.header, traceparent: None, value: &self.value }
    }
}

fn track(rule: Rule) -> Track {
    Track::under(rule, Arc::from("journal.test"), 0, None)
}

impl World {
    pub(super) fn new(rule: Rule, kind: Log, character: u16) -> World {
        let mut world = World {
            rule,
            kind,
            log: Vec::new(),
            flights: Vec::new(),
            losses: Vec::new(),
            owners: Vec::new(),
            incarnations: 0,
            reluctance: std::array::from_fn(|owner| usize::from(character >> (2 * owner)) % 4),
            reader: PlainReader::new(rule),
            open: Vec::new(),
            told: Vec::new(),
            known: 0,
            ids: 0,
            attempts: 0,
            cut: false,
            altered: false,
            start: Instant::now(),
            elapsed: Duration::ZERO,
        };
        for _ in 0..OWNERS {
            let instance = world.instance();
            world.owners.push(instance);
        }
        world.owners[0].tenure.assign(true);
        world
    }

    /// A process that has just started and knows nothing.
    fn instance(&mut self) -> Instance {
        self.incarnations += 1;
        let incarnation = self.incarnations;
        let mut state = u128::from(incarnation) << 64 | 0x9e37_79b9_7f4a_7c15;
        let chance = Box::new(move || {
            state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
            state ^ (state >> 67)
        });
        let identity = Identity { url: format!("http://{incarnation}"), code_version: 1, limits: Limits::default() };
        let tenure = Tenure::new(track(self.rule), Ledger::default(), identity, chance);
        Instance { tenure, incarnation, read: 0 }
    }

    fn now(&self) -> Now {
        // The wall clocks run backwards: entries must still be in order.
        Now { instant: self.start + self.elapsed, micros: 1_000_000_000 - self.elapsed.as_micros() as i64 }
    }

    pub(super) fn step(&mut self, (what, whom): Step) {
        let owner = usize::from(whom) % OWNERS;
        let much = usize::from(whom) / OWNERS;
        match what % 100 {
            0..25 if much % 16 < 5 * self.reluctance[owner] => {}
            0..25 => self.read(owner, 1 + much % 6),
            25..45 => self.work(owner, if much.is_multiple_of(4) { 1 } else { usize::MAX }),
            45..65 => {
                // In the order in which they were sent.
                let next = self.flights.iter().position(|flight| flight.owner == owner);
                next.into_iter().for_each(|at| self.deliver(at, false));
            }
            65..69 => self.any_flight(whom).into_iter().for_each(|at| self.deliver(at, false)),
            69..72 => self.any_flight(whom).into_iter().for_each(|at| self.deliver(at, true)),
            72..75 => self.any_flight(whom).into_iter().for_each(|at| self.lose(at, much.is_multiple_of(2))),
            75..78 => self.report(),
            78..86 => self.submit_new(owner),
            86..89 if self.ids > 0 => {
                let id = 1 + much as u64 % self.ids;
                self.submit_write(owner, id);
            }
            89..93 => self.submit(owner, Command::Check),
            93..95 => self.elapsed += Duration::from_millis(much as u64 % 400),
            95..97 => self.owners[owner].tenure.assign(!much.is_multiple_of(4)),
            97 if much.is_multiple_of(2) => self.crash(owner),
            97 => self.reluctance[owner] = much / 2 % 4,
            98 => self.harm(much),
            99 => self.reader.read(&self.log, 1 + much % 9),
            _ => {}
        }
        self.listen();
    }

    fn any_flight(&self, whom: u16) -> Option<usize> {
        usize::from(whom).checked_rem(self.flights.len())
    }

    fn read(&mut self, owner: usize, most: usize) {
        let now = self.now();
        let Instance { tenure, read, .. } = &mut self.owners[owner];
        for (offset, stored) in self.log.iter().enumerate().skip(*read).take(most) {
            tenure.read(&stored.record(offset), now);
            *read = offset + 1;
        }
        if *read >= self.log.len() {
            tenure.caught_up();
        }
    }

    /// Decides, and lets the producer take this many records.
    fn work(&mut self, owner: usize, room: usize) {
        let now = self.now();
        let Instance { tenure, incarnation, .. } = &mut self.owners[owner];
        tenure.expire(now);
        tenure.work(now);
        for _ in 0..room {
            let Some(append) = tenure.next_append() else {
                break;
            };
            self.flights.push(Flight { owner, incarnation: *incarnation, append: append.clone() });
            tenure.appended();
        }
    }

    fn deliver(&mut self, at: usize, again: bool) {
        let Append { header, value, .. } = &self.flights[at].append;
        self.log.push(Stored { header: header.clone(), value: value.clone() });
        if !again {
            self.flights.remove(at);
        }
    }

    /// The sender will hear that it was lost; it may still come.
    fn lose(&mut self, at: usize, still_comes: bool) {
        let Flight { owner, incarnation, append } = &self.flights[at];
        self.losses.push((*owner, *incarnation, append.generation));
        if !still_comes {
            self.flights.remove(at);
        }
    }

    fn report(&mut self) {
        let now = self.now();
        if let Some((owner, incarnation, generation)) = self.losses.pop()
            && self.owners[owner].incarnation == incarnation
        {
            self.owners[owner].tenure.undelivered(generation, now);
        }
    }

    fn crash(&mut self, owner: usize) {
        let mut instance = self.instance();
        instance.tenure.assign(true);
        self.owners[owner] = instance;
    }

    fn submit_new(&mut self, owner: usize) {
        self.ids += 1;
        self.submit_write(owner, self.ids);
    }

    fn submit_write(&mut self, owner: usize, id: u64) {
        self.attempts += 1;
        self.submit(owner, Command::Write { id, attempt: self.attempts });
    }

    fn submit(&mut self, owner: usize, command: Command) {
        let (reply, outcome) = oneshot::channel();
        let now = self.now();
        self.owners[owner].tenure.submit(command, reply, now);
        self.open.push(Attempt { command, outcome, known: self.known });
    }

    /// Takes down what clients have been told.
    fn listen(&mut self) {
        let mut at = 0;
        while at < self.open.len() {
            let outcome = match self.open[at].outcome.try_recv() {
                Ok(outcome) => outcome,
                Err(oneshot::error::TryRecvError::Empty) => {
                    at += 1;
                    continue;
                }
                Err(oneshot::error::TryRecvError::Closed) => Err(Refused::Undecided),
            };
            if let Ok(answered) = &outcome {
                self.known = self.known.max(answered.confirmed.number);
            }
            let Attempt { command, known, .. } = self.open.swap_remove(at);
            self.told.push(Told { command, known, outcome });
        }
    }
}
