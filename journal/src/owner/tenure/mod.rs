//! One instance's part in one partition: the owner's side of the protocol, pure.
//!
//! Records, commands, time and failures go in; appends and answers come out. It knows no Kafka, no clock
//! and no randomness of its own, so what production runs is what the tests drive through lost, late,
//! repeated and reordered records.

mod claiming;
mod deciding;
mod reading;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod slip;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::answer::Outcome;
use super::measures::Measures;
use super::queues::{Queued, Queues};
use super::shares::Shares;
use super::status::{Ownership, PartitionStatus, Role, Standing};
use crate::checkpoint::Checkpoint;
use crate::digest::{Digest, OwnerId};
use crate::gate::Halt;
use crate::machine::Machine;
use crate::settings::Limits;
use crate::track::Track;

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For waiting.
    pub(crate) instant: Instant,
    /// For entries: microseconds since 1970.
    pub(crate) micros: i64,
}

/// A record to be appended to the partition. Those of a tenure go out in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Append {
    /// The claim it belongs to, for [`Tenure::undelivered`].
    pub(crate) generation: usize,
    pub(crate) header: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) traceparent: Option<String>,
}

/// Where random bits come from.
pub(crate) type Chance = Box<dyn FnMut() -> u128 + Send>;

/// What an instance brings to all of its partitions.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) url: String,
    pub(crate) code_version: u32,
    pub(crate) limits: Limits,
}

/// A command, and who waits for it.
struct Job<M: Machine> {
    command: M::Command,
    reply: oneshot::Sender<Outcome<M::Answer>>,
    /// The claim during which it arrived, and the seq of the first entry appended after that.
    arrival: (usize, u64),
    /// How often an admitted claim has overtaken it.
    overtaken: u32,
}

/// A decided command with its answer, held back until the log has confirmed it.
type Held<M> = (Queued<Job<M>>, <M as Machine>::Answer);

/// An entry that was appended and not read back.
struct Sent<M: Machine> {
    seq: u64,
    digest: Digest,
    bytes: usize,
    since: Instant,
    /// What it decides; a barrier decides nothing itself.
    work: Option<Held<M>>,
}

/// What this instance is to the partition. Being assigned, being up to date and the like are facts beside
/// it; see [`Tenure::standing`].
enum Stance {
    /// Reads what others write.
    Following,
    /// Waits for its own claim.
    Claiming { owner: OwnerId, header: Vec<u8>, again: Instant, patience: Duration },
    /// Decides.
    Serving { since: Instant },
    /// Has stopped for good.
    Halted(Halt),
}

/// The claim under which entries were appended last.
#[derive(Default)]
struct Voice {
    owner: OwnerId,
    term: u64,
    next_seq: u64,
    /// The digest of the last entry appended, or of the last one admitted before the claim.
    tip: Digest,
    barrier: Option<Instant>,
}

/// See the module.
pub(crate) struct Tenure<M: Machine> {
    track: Track,
    machine: M,
    identity: Identity,
    chance: Chance,
    measures: Measures,

    stance: Stance,
    voice: Voice,
    /// Counts this instance's claims of the partition.
    generation: usize,
    /// The group wants this instance to own the partition.
    assigned: bool,
    /// A forward was refused by who should own it: claim once without being assigned.
    contending: bool,
    /// The log has been read to its end once.
    caught_up: bool,
    /// No more commands are taken.
    closing: bool,
    /// What this instance owns is left to others: it makes no more claims of its own accord.
    retiring: bool,
    /// An entry of newer code could not be applied: the machine no longer knows the history.
    lost_track: bool,
    /// Not before this moment is a claim made, and how often in a row it was lost.
    back_off: Option<Instant>,
    losses: u32,
    /// Of all admitted claims: the highest code version, and the last one's URL.
    highest_code: u32,
    owner_url: Arc<str>,
    /// The last entry applied.
    last: Option<Checkpoint>,
    latest_micros: i64,
    claims: u64,
    deposed: u64,

    queues: Queues<Job<M>>,
    in_flight: VecDeque<Sent<M>>,
    shares: Shares,
    /// Answers that wait for the admission of an entry with this seq or a higher one of this claim.
    waiting: BTreeMap<u64, Vec<Held<M>>>,
    outbox: VecDeque<Append>,
    #[cfg(test)]
    slip: slip::Slip,
}

impl<M: Machine> Tenure<M> {
    pub(crate) fn new(track: Track, machine: M, identity: Identity, chance: Chance) -> Tenure<M> {
        let (last, highest_code, owner_url) = match machine.resume() {
            Some(resume) => (Some(resume.checkpoint), resume.highest_code, resume.owner_url),
            None => (None, 0, String::new()),
        };
        Tenure {
            measures: Measures::new(&track.topic, track.partition),
            latest_micros: machine.latest_micros(),
            track,
            machine,
            identity,
            chance,
            stance: Stance::Following,
            voice: Voice::default(),
            generation: 0,
            assigned: false,
            contending: false,
            caught_up: false,
            closing: false,
            retiring: false,
            lost_track: false,
            back_off: None,
            losses: 0,
            highest_code,
            owner_url: owner_url.into(),
            last,
            claims: 0,
            deposed: 0,
            queues: Queues::default(),
            in_flight: VecDeque::new(),
            shares: Shares::default(),
            waiting: BTreeMap::new(),
            outbox: VecDeque::new(),
            #[cfg(test)]
            slip: slip::Slip::None,
        }
    }

    /// What is to be appended next. It stays until [`appended`](Self::appended) says that the producer has
    /// taken it: a full producer gets the same record again, and no seq is ever skipped.
    pub(crate) fn next_append(&self) -> Option<&Append> {
        self.outbox.front()
    }

    /// The producer has taken the next append.
    pub(crate) fn appended(&mut self) {
        self.outbox.pop_front();
    }

    /// The claim that what is appended now belongs to.
    pub(crate) fn generation(&self) -> usize {
        self.generation
    }

    /// The log has not been read to its end yet.
    pub(crate) fn is_behind(&self) -> bool {
        !self.caught_up && !self.is_halted()
    }

    /// The offset of the next record to be read.
    pub(crate) fn next_offset(&self) -> i64 {
        self.track.next_offset
    }

    /// Since when something appended has not been read back.
    pub(crate) fn unread_since(&self) -> Option<Instant> {
        self.in_flight.front().map(|sent| sent.since)
    }

    /// Entries do not come back: the brokers are away, or far too slow.
    pub(crate) fn is_stalled(&self, now: Instant) -> bool {
        self.unread_since().is_some_and(|since| now.duration_since(since) > self.identity.limits.stall)
    }

    /// Nothing waits, nothing is under way that could still be read back.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_halted() || self.queues.is_empty() && self.in_flight.is_empty() && self.waiting.is_empty()
    }

    /// The log is not what it has to be: nothing is decided here any more, and what is under way stays
    /// undecided.
    pub(crate) fn halt(&mut self, halt: Halt) {
        if matches!(self.stance, Stance::Halted(_)) {
            return;
        }
        let Track { topic, partition, next_offset, .. } = &self.track;
        tracing::error!(%topic, partition, offset = next_offset, %halt, "journal partition halted");
        self.stance = Stance::Halted(halt);
        self.outbox.clear();
        self.turn_away();
    }

    pub(crate) fn is_halted(&self) -> bool {
        matches!(self.stance, Stance::Halted(_))
    }

    /// Checks the log's present start and end against what was read.
    pub(crate) fn fits(&mut self, low: i64, high: i64) {
        if let Err(halt) = self.track.fits(low, high) {
            self.halt(halt);
        }
    }

    /// Brings what was told of the ownership up to date; true if it was not.
    pub(crate) fn tell(&self, told: &mut Ownership) -> bool {
        let (term, role) = (self.track.gate.term, self.role());
        if (told.term, told.role) == (term, role) {
            return false;
        }
        *told = Ownership { term, url: self.owner_url.clone(), role };
        true
    }

    /// Who decides, as far as the log has been read.
    #[cfg(test)]
    fn ownership(&self) -> Ownership {
        let mut told = Ownership::default();
        self.tell(&mut told);
        told
    }

    fn role(&self) -> Role {
        match self.stance {
            Stance::Halted(_) => Role::Halted,
            Stance::Serving { .. } => Role::Owner,
            Stance::Claiming { .. } => Role::Candidate,
            Stance::Following if !self.caught_up => Role::Behind,
            Stance::Following if self.is_candidate() => Role::Candidate,
            Stance::Following => Role::Follower,
        }
    }

    fn standing(&self, now: Instant) -> Standing {
        match &self.stance {
            Stance::Halted(halt) => Standing::Halted(halt.clone()),
            Stance::Serving { .. } => Standing::Serving,
            Stance::Claiming { .. } => Standing::Claiming,
            Stance::Following if !self.caught_up => Standing::CatchingUp,
            Stance::Following if self.is_outdated() => Standing::Outdated { highest: self.highest_code },
            Stance::Following if self.back_off.is_some_and(|until| until > now) => Standing::BackingOff,
            Stance::Following => Standing::Following,
        }
    }

    /// How it stands, also as metrics; `end` is where the log is known to end.
    pub(crate) fn show(&self, end: i64, now: Instant) -> PartitionStatus {
        let status = PartitionStatus {
            partition: self.track.partition,
            standing: self.standing(now),
            assigned: self.assigned,
            term: self.track.gate.term,
            owner_url: self.owner_url.to_string(),
            number: self.track.gate.number,
            next_offset: self.track.next_offset,
            lag: u64::try_from(end - self.track.next_offset).unwrap_or(0),
            admitted: self.track.admitted,
            voids: self.track.voids,
            claims: self.claims,
            deposed: self.deposed,
            queued: self.queues.len(),
            in_flight: self.in_flight.len(),
            waiting: self.waiting.values().map(Vec::len).sum(),
            stalled: self.is_stalled(now),
        };
        self.measures.show(&status);
        status
    }
}
