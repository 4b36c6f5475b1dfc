//! How commands are decided: in turn, on the speculative state, each answer held back until the log has
//! confirmed what it rests on.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::reading::guarded;
#[cfg(test)]
use super::slip::Slip;
use super::{Append, Held, Job, Now, Sent, Stance, Tenure, Voice};
use crate::digest::{Digest, OwnerId};
use crate::gate::Halt;
use crate::header::Header;
use crate::machine::{Decision, Machine};
use crate::owner::answer::{Answered, Outcome, Refused, Scope};
use crate::owner::queues::Queued;

/// When to try again at an owner that is away or behind.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How many commands are decided before the log is looked at again.
const DECIDED_AT_ONCE: usize = 256;

impl<M: Machine> Tenure<M> {
    /// Takes a command, or refuses it at once.
    pub(crate) fn submit(&mut self, command: M::Command, reply: oneshot::Sender<Outcome<M::Answer>>, now: Now) {
        if let Some(refused) = self.refusal(now) {
            return self.refuse(reply, refused);
        }
        let next_seq = if matches!(self.stance, Stance::Serving { .. }) { self.voice.next_seq } else { 0 };
        let queued = Queued {
            book: M::queue(&command),
            weight: M::weight(&command),
            arrived: now.instant,
            job: Job { command, reply, arrival: (self.generation, next_seq), overtaken: 0 },
        };
        if let Err((queued, scope)) = self.queues.push(queued, &self.identity.limits) {
            self.refuse(queued.job.reply, Refused::Overloaded { retry_after: RETRY_AFTER, scope });
        }
    }

    /// Takes no more commands, and makes no more claims of its own accord.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// Does what is due: claims, decides, appends barriers.
    pub(crate) fn work(&mut self, now: Now) {
        self.pursue_claim(now);
        if matches!(self.stance, Stance::Serving { .. })
            && let Err(halt) = self.decide_queued(now)
        {
            self.halt(halt);
        }
    }

    /// When [`work`](Self::work) is due next, if nothing comes in until then.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let share = self.identity.limits.book_in_flight_bytes;
        let may = |book| self.shares.allows(book, share, now);
        let more = (self.may_decide() && self.queues.has_turn(may)).then_some(now);
        let barrier = self.barrier_needed().then(|| self.barrier_at()).flatten();
        [more, barrier, self.claim_due()].into_iter().flatten().min()
    }

    fn refusal(&self, now: Now) -> Option<Refused> {
        let at_it = match self.stance {
            Stance::Serving { .. } | Stance::Claiming { .. } => true,
            Stance::Following => self.is_candidate(),
            Stance::Halted(_) => false,
        };
        if self.closing || !at_it {
            return Some(Refused::NotServing { retry_after: RETRY_AFTER });
        }
        self.is_stalled(now.instant)
            .then_some(Refused::Overloaded { retry_after: RETRY_AFTER, scope: Scope::Partition })
    }

    fn refuse(&self, reply: oneshot::Sender<Outcome<M::Answer>>, refused: Refused) {
        match &refused {
            Refused::Overloaded { scope: Scope::Book, .. } => self.measures.refused_book.increment(1),
            Refused::Overloaded { scope: Scope::Partition, .. } => self.measures.refused_partition.increment(1),
            Refused::NotServing { .. } => self.measures.refused_not_serving.increment(1),
            Refused::Void => self.measures.refused_void.increment(1),
            Refused::Undecided => {}
        }
        // Who no longer waits needs no answer.
        let _ = reply.send(Err(refused));
    }

    /// Refuses all that was not decided.
    pub(super) fn turn_away(&mut self) {
        for queued in self.queues.drain() {
            self.refuse(queued.job.reply, Refused::NotServing { retry_after: RETRY_AFTER });
        }
    }

    /// Refuses what has waited too long, or in vain. To be called now and then.
    pub(crate) fn expire(&mut self, now: Now) {
        if matches!(self.stance, Stance::Following) && !self.is_candidate() {
            return self.turn_away();
        }
        let Some(oldest) = now.instant.checked_sub(self.identity.limits.age) else {
            return;
        };
        for queued in self.queues.expire(oldest) {
            let refused = match self.stance {
                _ if queued.job.overtaken > 0 => Refused::Void,
                Stance::Serving { .. } => Refused::Overloaded { retry_after: RETRY_AFTER, scope: Scope::Partition },
                _ => Refused::NotServing { retry_after: RETRY_AFTER },
            };
            self.refuse(queued.job.reply, refused);
        }
    }

    /// Our claim stands: from here on we decide.
    pub(super) fn begin(&mut self, owner: OwnerId, now: Now) {
        let gate = &self.track.gate;
        self.voice = Voice { owner, term: gate.term, next_seq: 0, tip: gate.digest, barrier: None };
        self.stance = Stance::Serving { since: now.instant };
        self.contending = false;
        let (topic, partition) = (&self.track.topic, self.track.partition);
        tracing::info!(%topic, partition, term = gate.term, number = gate.number, "serving");
    }

    fn decide_queued(&mut self, now: Now) -> Result<(), Halt> {
        for _ in 0..DECIDED_AT_ONCE {
            if !self.may_decide() {
                break;
            }
            let (shares, share) = (&self.shares, self.identity.limits.book_in_flight_bytes);
            let Some(queued) = self.queues.take(|book| shares.allows(book, share, now.instant)) else {
                break;
            };
            self.decide(queued, now);
        }
        if self.barrier_needed() && self.barrier_at().is_none_or(|at| at <= now.instant) && self.outbox_has_room() {
            let (number, micros) = (self.next_number(), self.tick(now));
            let value =
                guarded(|| self.machine.barrier(number, micros)).map_err(|reason| Halt::Poisoned { number, reason })?;
            self.voice.barrier = Some(now.instant);
            self.measures.barriers.increment(1);
            self.append(value, None, None, now);
        }
        Ok(())
    }

    /// Not too much is under way.
    fn may_decide(&self) -> bool {
        let limits = &self.identity.limits;
        matches!(self.stance, Stance::Serving { .. })
            && self.in_flight.len() < limits.in_flight
            && self.shares.bytes() < limits.in_flight_bytes
            && self.outbox_has_room()
    }

    /// Decides no further ahead of a producer that takes nothing.
    fn outbox_has_room(&self) -> bool {
        self.outbox.len() < DECIDED_AT_ONCE
    }

    fn decide(&mut self, queued: Queued<Job<M>>, now: Now) {
        let (number, micros) = (self.next_number(), self.tick(now));
        let command = &queued.job.command;
        let decision = guarded(|| self.machine.decide(command, number, micros)).unwrap_or_else(|message| {
            tracing::error!(topic = %self.track.topic, partition = self.track.partition, message, "a command panicked");
            Decision::Answer(M::panicked(command, message))
        });
        match decision {
            Decision::Append { value, traceparent, answer } => {
                self.append(value, traceparent, Some((queued, answer)), now);
            }
            #[cfg(test)]
            Decision::Answer(answer) if self.slip == Slip::AnswersAtOnce => {
                self.answer_at_once(queued.job.reply, answer);
            }
            Decision::Answer(answer) => {
                // It needs an entry that was appended after the command arrived, and all that it rests on.
                let (generation, arrived) = queued.job.arrival;
                let after_arrival = if generation == self.generation { arrived } else { 0 };
                let seq = after_arrival.max(self.voice.next_seq.saturating_sub(1));
                if seq < self.first_open_seq() {
                    // It has come back before the command's turn came: nothing else may ever be due.
                    let confirmed = self.track.position(self.track.gate.number);
                    let _ = queued.job.reply.send(Ok(Answered { answer, position: None, confirmed }));
                } else {
                    self.waiting.entry(seq).or_default().push((queued, answer));
                }
            }
        }
    }

    fn append(&mut self, value: Vec<u8>, traceparent: Option<String>, work: Option<Held<M>>, now: Now) {
        let number = self.next_number();
        let Voice { owner, term, next_seq: seq, tip: previous, .. } = self.voice;
        let header = Header::Entry { term, owner, seq, number, previous }.encode();
        self.voice.tip = Digest::of(&header, &value);
        self.voice.next_seq += 1;
        self.shares.begin(work.as_ref().map(|(queued, _)| queued.book), value.len(), now.instant);
        self.in_flight.push_back(Sent { seq, digest: self.voice.tip, bytes: value.len(), since: now.instant, work });
        self.outbox.push_back(Append { generation: self.generation, header, value, traceparent });
    }

    /// The number of the next entry, given that all under way are admitted.
    fn next_number(&self) -> u64 {
        self.track.gate.number + self.in_flight.len() as u64 + 1
    }

    /// The seq of the first entry of this claim that has not been read back, be it sent or not.
    fn first_open_seq(&self) -> u64 {
        #[cfg(test)]
        if self.slip == Slip::WaitsForWhatHasCome {
            return 0;
        }
        self.voice.next_seq - self.in_flight.len() as u64
    }

    /// The time of the next decision: the clock's, but always later than any before.
    fn tick(&mut self, now: Now) -> i64 {
        let floor = self.latest_micros.max(self.machine.latest_micros());
        self.latest_micros = now.micros.max(floor.saturating_add(1));
        self.latest_micros
    }

    /// An answer waits for an entry, and none is due.
    fn barrier_needed(&self) -> bool {
        let serving = matches!(self.stance, Stance::Serving { .. });
        serving && self.waiting.last_key_value().is_some_and(|(seq, _)| *seq >= self.voice.next_seq)
    }

    fn barrier_at(&self) -> Option<Instant> {
        Some(self.voice.barrier? + self.identity.limits.barrier_every)
    }
}
