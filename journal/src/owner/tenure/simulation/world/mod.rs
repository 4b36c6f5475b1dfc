//! A partition, a network that loses, delays, repeats and reorders, several owners that fight over it, and
//! clients that watch what they are told.

mod faults;
mod judging;
mod reader;
mod steps;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub(super) use self::judging::Tally;
use self::reader::PlainReader;
pub(super) use self::steps::{Step, WHAT};
use self::words::{in_words, outcome_in_words};
use super::Protocol;
use super::ledger::{Answer, Command, Ledger};
use crate::gate::Rule;
use crate::owner::answer::{Outcome, Refused};
use crate::owner::status::Standing;
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
    code_version: u32,
    /// It was stopped: it reads nothing and does nothing, and will not know when it wakes.
    asleep: bool,
    /// Its producer takes nothing.
    full: bool,
    /// What clients have sent it in its sleep.
    inbox: Vec<(Command, oneshot::Sender<Outcome<Answer>>)>,
}

/// A command as its client sees it.
struct Attempt {
    command: Command,
    outcome: oneshot::Receiver<Outcome<Answer>>,
    /// The highest number that anybody had been told of when it was sent.
    known: u64,
}

pub(super) struct World {
    protocol: Protocol,
    kind: Log,
    /// Says what happens.
    loud: bool,
    log: Vec<Stored>,
    flights: Vec<Flight>,
    /// Losses that the sender has not heard of yet.
    losses: Vec<(usize, u64, usize)>,
    owners: Vec<Instance>,
    incarnations: u64,
    /// How reluctantly each owner reads, from 0 to 3: who lags behind believes in what no longer holds.
    reluctance: [usize; OWNERS],
    /// How wrong each owner's wall clock is, in microseconds.
    clocks: [i64; OWNERS],
    /// The highest version of the code that has ever run.
    newest: u32,
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
    pub(super) fn new(protocol: Protocol, kind: Log, character: u16, loud: bool) -> World {
        let mut world = World {
            protocol,
            kind,
            loud,
            log: Vec::new(),
            flights: Vec::new(),
            losses: Vec::new(),
            owners: Vec::new(),
            incarnations: 0,
            reluctance: std::array::from_fn(|owner| usize::from(character >> (2 * owner)) % 4),
            clocks: [0; OWNERS],
            newest: 1,
            reader: PlainReader::new(protocol.rule),
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
        // Some owners are patient with little under way, so that commands wait for their turn.
        let in_flight = [1, 2, Limits::default().in_flight][usize::from(character >> 6) % 3];
        for _ in 0..OWNERS {
            let instance = world.instance(1, in_flight);
            world.owners.push(instance);
        }
        world.owners[0].tenure.assign(true);
        world
    }

    /// A process that has just started and knows nothing.
    fn instance(&mut self, code_version: u32, in_flight: usize) -> Instance {
        self.incarnations += 1;
        let incarnation = self.incarnations;
        let mut state = u128::from(incarnation) << 64 | 0x9e37_79b9_7f4a_7c15;
        let chance = Box::new(move || {
            state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
            state ^ (state >> 67)
        });
        let limits = Limits { in_flight, ..Limits::default() };
        let identity = Identity { url: format!("http://{incarnation}"), code_version, limits };
        let Protocol { rule, slip } = self.protocol;
        let mut tenure = Tenure::new(track(rule), Ledger::under(slip), identity, chance);
        tenure.slip(slip);
        let inbox = Vec::new();
        Instance { tenure, incarnation, read: 0, code_version, asleep: false, full: false, inbox }
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.loud {
            println!("{:>9.3} s  {}", self.elapsed.as_secs_f64(), what());
        }
    }

    fn standing(&self, owner: usize) -> Standing {
        self.owners[owner].tenure.show(0, self.start + self.elapsed).standing
    }

    fn now(&self, owner: usize) -> Now {
        // The wall clocks run backwards, and are wrong: entries must still be in order.
        let micros = 1_000_000_000_000 - self.elapsed.as_micros() as i64 + self.clocks[owner];
        Now { instant: self.start + self.elapsed, micros }
    }

    fn any_flight(&self, whom: u16) -> Option<usize> {
        usize::from(whom).checked_rem(self.flights.len())
    }

    fn read(&mut self, owner: usize, most: usize) {
        let now = self.now(owner);
        let before = self.standing(owner);
        let Instance { tenure, read, asleep: false, .. } = &mut self.owners[owner] else { return };
        let from = *read;
        for (offset, stored) in self.log.iter().enumerate().skip(*read).take(most) {
            tenure.read(&stored.record(offset), now);
            *read = offset + 1;
        }
        if *read >= self.log.len() {
            tenure.caught_up();
        }
        let to = *read;
        let after = self.standing(owner);
        if to > from || before != after {
            self.say(|| format!("{owner} has read up to {to}, was {before:?}, is {after:?}"));
        }
    }

    /// Decides, and lets the producer take this many records.
    fn work(&mut self, owner: usize, room: usize) {
        let now = self.now(owner);
        let Instance { tenure, incarnation, asleep: false, full, inbox, .. } = &mut self.owners[owner] else { return };
        inbox.drain(..).for_each(|(command, reply)| tenure.submit(command, reply, now));
        tenure.expire(now);
        tenure.work(now);
        let (incarnation, room) = (*incarnation, if *full { 0 } else { room });
        for _ in 0..room {
            let tenure = &mut self.owners[owner].tenure;
            let Some(append) = tenure.next_append().cloned() else {
                break;
            };
            tenure.appended();
            self.say(|| format!("{owner} sends {}", in_words(&append.header, &append.value)));
            self.flights.push(Flight { owner, incarnation, append });
        }
    }

    fn deliver(&mut self, at: usize, again: bool) {
        let Append { header, value, .. } = &self.flights[at].append;
        let again_said = if again { ", which will come again" } else { "" };
        self.say(|| format!("the log gets {} at {}{again_said}", in_words(header, value), self.log.len()));
        self.log.push(Stored { header: header.clone(), value: value.clone() });
        if !again {
            self.flights.remove(at);
        }
    }

    /// The sender will hear that it was lost; it may still come.
    fn lose(&mut self, at: usize, still_comes: bool) {
        let Flight { owner, incarnation, append } = &self.flights[at];
        let said = if still_comes { "seems to be lost" } else { "is lost" };
        self.say(|| format!("{} {said}", in_words(&append.header, &append.value)));
        self.losses.push((*owner, *incarnation, append.generation));
        if !still_comes {
            self.flights.remove(at);
        }
    }

    fn report(&mut self) {
        let Some((owner, incarnation, generation)) = self.losses.pop() else { return };
        let now = self.now(owner);
        if self.owners[owner].incarnation != incarnation {
            return;
        }
        if self.owners[owner].asleep {
            return self.losses.insert(0, (owner, incarnation, generation));
        }
        self.say(|| format!("{owner} hears of a loss"));
        self.owners[owner].tenure.undelivered(generation, now);
    }

    /// The process ends, and starts anew with this version of the code.
    fn crash(&mut self, owner: usize, code_version: u32) {
        self.say(|| format!("{owner} starts anew with code version {code_version}"));
        self.newest = self.newest.max(code_version);
        let in_flight = [1, 2, Limits::default().in_flight][self.incarnations as usize % 3];
        let mut instance = self.instance(code_version, in_flight);
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
        let now = self.now(owner);
        self.say(|| format!("{owner} is sent {command:?}"));
        match &mut self.owners[owner] {
            Instance { asleep: true, inbox, .. } => inbox.push((command, reply)),
            Instance { tenure, .. } => tenure.submit(command, reply, now),
        }
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
            self.say(|| format!("{command:?} ends as {}", outcome_in_words(&outcome)));
            self.told.push(Told { command, known, outcome });
        }
    }
}
