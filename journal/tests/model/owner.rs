//! An owner, reduced to what the protocol asks of it: the abstraction of `journal/src/owner/tenure`.
//!
//! What is left out: time (whatever a clock would start may happen at any moment), books and limits, and the outbox (a
//! record that is not sent yet is one that is still on its way).

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::client::{Answer, Ask, Outcome, decide, name_of};
use crate::history::{History, Line};
use crate::log::{Passage, Place, Record, Rule};

/// A way of not keeping to the owner's part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    None,
    /// A rejection is answered as soon as it is decided.
    RejectsAtOnce,
    /// A rejection is answered once all that it rests on is admitted, however old that is.
    RejectsOnItsBase,
    /// One's own entry, read as void, is taken for decided.
    BelievesItsOwnVoid,
    /// The command ids that were decided stay known when what was decided is rolled back.
    KeepsTheWindow,
    /// An acceptance is answered when its entry was sent.
    AnswersUnread,
    /// What is decided under a claim before it has been read back.
    ServesUnread,
    /// A claim that does not come back is waited for.
    WaitsForALostClaim,
    /// A rejection waits for the next entry, though the one that confirms it has been read before it was decided.
    WaitsForWhatHasCome,
}

/// For people only: owners that differ in nothing else are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name(pub u8);

impl PartialEq for Name {
    fn eq(&self, _: &Name) -> bool {
        true
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, _: &Name) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// What the owner is to the partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stance {
    #[default]
    Following,
    Claiming {
        term: u8,
        owner: u8,
    },
    Serving,
    Halted,
}

/// A command that is to be decided, perhaps again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Queued {
    pub attempt: usize,
    /// The seq of the first entry sent after it arrived, if it arrived during the claim that stands.
    pub arrived: u8,
    /// A newer claim has overtaken it once.
    pub overtaken: bool,
}

/// A decided command whose answer waits for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Held {
    /// Its own entry, or the first one that confirms the answer.
    pub seq: u8,
    pub queued: Queued,
    pub answer: Answer,
}

/// The claim under which entries were sent last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Voice {
    term: u8,
    owner: u8,
    pub next_seq: u8,
    /// The speculative state: all that was admitted before the claim, and all that was decided under it.
    pub tip: History,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    pub name: Name,
    pub stance: Stance,
    /// How many records it has read.
    pub read: u8,
    pub place: Place,
    pub voice: Voice,
    pub queue: Vec<Queued>,
    /// The seqs sent and not read back, with what they decide; a barrier decides nothing.
    pub in_flight: Vec<(u8, Option<Held>)>,
    pub waiting: Vec<Held>,
    /// Command ids that [`Slip::KeepsTheWindow`] did not forget.
    pub kept: u8,
}

/// What an owner does to the world around it.
#[derive(Default)]
pub struct Effects {
    pub sent: Vec<Record>,
    pub told: Vec<(usize, Outcome)>,
    pub wrong: Option<&'static str>,
}

impl Owner {
    pub fn is_serving(&self) -> bool {
        self.stance == Stance::Serving
    }

    /// It only reads, and holds nothing that a process which has just started would not.
    pub fn is_idle(&self) -> bool {
        self.stance == Stance::Following && self.queue.is_empty() && self.kept == 0
    }

    /// Makes a new claim. What was sent before stays open: it may still be admitted ahead of the claim.
    pub fn claim(&mut self, owner: u8, slip: Slip, effects: &mut Effects) {
        let term = self.place.term + 1;
        self.queue.iter_mut().for_each(|queued| queued.arrived = 0);
        self.stance = Stance::Claiming { term, owner };
        effects.sent.push(Record::Claim { term, owner });
        if slip == Slip::ServesUnread {
            self.voice = Voice { term, owner, next_seq: 0, tip: self.place.history };
            self.stance = Stance::Serving;
        }
    }

    /// Takes a command.
    pub fn submit(&mut self, attempt: usize) {
        let arrived = if self.is_serving() { self.voice.next_seq } else { 0 };
        self.queue.push(Queued { attempt, arrived, overtaken: false });
    }

    /// Decides the command that is first in the queue.
    pub fn decide(&mut self, asks: &[Ask], slip: Slip, effects: &mut Effects) {
        let queued = self.queue.remove(0);
        let kept = name_of(asks[queued.attempt]).is_some_and(|id| self.kept >> id & 1 == 1);
        let decided = if kept { Some(Answer::Stands(None)) } else { decide(asks, queued.attempt, self.voice.tip) };
        let Some(answer) = decided else {
            let answer = Answer::Written;
            if slip == Slip::AnswersUnread {
                effects.told.push((queued.attempt, Outcome::Answered(answer, self.voice.tip.length() + 1)));
            }
            let held = Held { seq: self.voice.next_seq, queued, answer };
            return self.append(Some(held), effects);
        };
        let rests_on = self.voice.next_seq.saturating_sub(1);
        let held = Held { seq: queued.arrived.max(rests_on), queued, answer };
        let confirmed = held.seq < self.voice.next_seq - self.in_flight.len() as u8;
        let at_once = match slip {
            Slip::RejectsAtOnce => true,
            Slip::RejectsOnItsBase => self.in_flight.is_empty(),
            Slip::WaitsForWhatHasCome => false,
            _ => confirmed,
        };
        if at_once {
            effects.told.push((queued.attempt, Outcome::Answered(answer, self.place.number)));
        } else {
            let seq = if slip == Slip::RejectsOnItsBase { rests_on } else { held.seq };
            self.waiting.push(Held { seq, ..held });
            self.waiting.sort();
        }
    }

    /// An answer waits for an entry, and none is due.
    pub fn needs_barrier(&self) -> bool {
        self.is_serving() && self.waiting.iter().any(|held| held.seq >= self.voice.next_seq)
    }

    pub fn append(&mut self, held: Option<Held>, effects: &mut Effects) {
        let Voice { term, owner, next_seq: seq, tip: previous } = self.voice;
        let attempt = held.map(|held| held.queued.attempt);
        let number = previous.length() + 1;
        self.voice.tip = previous.push(Line { owner, seq, attempt, altered: false });
        self.voice.next_seq += 1;
        self.in_flight.push((seq, held));
        effects.sent.push(Record::Entry { term, owner, seq, number, attempt, previous });
    }

    /// Reads the next record of the log.
    pub fn read(&mut self, asks: &[Ask], rule: Rule, slip: Slip, record: &Record, effects: &mut Effects) {
        self.read += 1;
        let (passage, wrong) = self.place.read(rule, record);
        effects.wrong = effects.wrong.or(wrong);
        match (passage, *record) {
            (Passage::Halted, _) => {
                // It is of no further interest: what it held is never told.
                *self = Owner { name: self.name, stance: Stance::Halted, ..Owner::default() };
            }
            (Passage::Claimed, Record::Claim { owner, .. }) => self.claimed(owner, asks, slip, effects),
            (Passage::Admitted, Record::Entry { owner, seq, .. }) if owner == self.voice.owner => {
                self.confirm(seq, effects);
            }
            (Passage::Void, Record::Entry { owner, seq, .. })
                if slip == Slip::BelievesItsOwnVoid && owner == self.voice.owner =>
            {
                let sent = self.in_flight.iter_mut().find(|sent| sent.0 == seq);
                let held = sent.and_then(|sent| sent.1.take());
                effects.told.extend(held.map(|held| (held.queued.attempt, Outcome::Void)));
            }
            _ => {}
        }
    }

    /// A newer claim stands: all that was sent before and has not come back never will.
    fn claimed(&mut self, owner: u8, asks: &[Ask], slip: Slip, effects: &mut Effects) {
        if self.stance == Stance::Following {
            return;
        }
        if slip == Slip::ServesUnread && owner == self.voice.owner {
            return;
        }
        if slip == Slip::KeepsTheWindow {
            let ids = self.in_flight.iter().filter_map(|(_, held)| name_of(asks[held.as_ref()?.queued.attempt]));
            self.kept |= ids.fold(0, |kept, id| kept | 1 << id);
        }
        let sent = std::mem::take(&mut self.in_flight).into_iter().filter_map(|(_, held)| held);
        let mut open: Vec<Held> = sent.chain(std::mem::take(&mut self.waiting)).collect();
        open.retain(|held| {
            if held.queued.overtaken {
                effects.told.push((held.queued.attempt, Outcome::Void));
            }
            !held.queued.overtaken
        });
        let again = open.iter().map(|held| Queued { arrived: 0, overtaken: true, ..held.queued });
        self.queue.splice(0..0, again);
        self.queue.iter_mut().for_each(|queued| queued.arrived = 0);
        self.voice = Voice::default();
        self.stance = match self.stance {
            Stance::Claiming { owner: own, .. } if own == owner => {
                self.voice = Voice { term: self.place.term, owner, next_seq: 0, tip: self.place.history };
                Stance::Serving
            }
            _ => Stance::Following,
        };
    }

    /// An entry of ours is admitted: so is what it decides, and what only waited for one that late.
    fn confirm(&mut self, seq: u8, effects: &mut Effects) {
        let number = self.place.number;
        if self.in_flight.first().is_none_or(|sent| sent.0 != seq) {
            effects.wrong = effects.wrong.or(Some("an owner's entry came back that it does not wait for"));
            return;
        }
        let (_, held) = self.in_flight.remove(0);
        let now = |waiting: &Held| waiting.seq <= seq;
        let confirmed = held.into_iter().chain(self.waiting.iter().copied().filter(now));
        effects.told.extend(confirmed.map(|held| (held.queued.attempt, Outcome::Answered(held.answer, number))));
        self.waiting.retain(|waiting| !now(waiting));
    }

    /// Refuses what was not decided: it follows, and takes no commands.
    pub fn turn_away(&mut self, effects: &mut Effects) {
        effects.told.extend(self.queue.drain(..).map(|queued| (queued.attempt, Outcome::Void)));
    }

    /// Every attempt it holds, wherever.
    pub fn holds(&self) -> impl Iterator<Item = usize> {
        let sent = self.in_flight.iter().filter_map(|(_, held)| Some(held.as_ref()?.queued));
        let queued = self.queue.iter().copied().chain(sent);
        queued.chain(self.waiting.iter().map(|held| held.queued)).map(|queued| queued.attempt)
    }
}
