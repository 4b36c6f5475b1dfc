//! How a partition is taken over: who may claim, when, and what becomes of a lost claim.

use std::time::{Duration, Instant};

use super::{Append, Now, Stance, Tenure};
use crate::digest::OwnerId;
use crate::header::Header;
use crate::machine::Machine;

/// How long a claim may take to be read back before it is sent again; doubled each time.
const CLAIM_PATIENCE: Duration = Duration::from_secs(1);
const CLAIM_PATIENCE_MOST: Duration = Duration::from_secs(8);

/// The pause before a claim that could not be delivered is sent again.
const UNDELIVERED_PAUSE: Duration = Duration::from_millis(200);

/// The longest random pause after the first deposition; doubled with each further one.
const BACK_OFF: Duration = Duration::from_millis(50);
const BACK_OFF_DOUBLINGS: u32 = 6;

/// Who has served this long without being deposed is not in a duel.
const SETTLED: Duration = Duration::from_secs(5);

impl<M: Machine> Tenure<M> {
    /// The group's word on who should own the partition. To lose it deposes nobody: only a newer claim does.
    pub(crate) fn assign(&mut self, assigned: bool) {
        self.assigned = assigned;
    }

    /// This instance leaves the group: it serves on until a newer claim deposes it, and is no candidate any more.
    pub(crate) fn retire(&mut self) {
        self.retiring = true;
    }

    /// The log has been read to its end.
    pub(crate) fn caught_up(&mut self) {
        self.caught_up = true;
    }

    /// The owner of that term has refused a forwarded command: claim without being assigned, after a random
    /// pause in which another may still do so. Of a term that is over it says nothing.
    pub(crate) fn contend(&mut self, term: u64, now: Now) {
        if matches!(self.stance, Stance::Following) && !self.contending && term == self.track.gate.term {
            self.contending = true;
            self.back_off = Some(now.instant + self.random_pause());
        }
    }

    /// A record of this claim has not reached the log, as far as Kafka can tell. It may still come; what
    /// was sent after it will be void. A new claim decides.
    pub(crate) fn undelivered(&mut self, generation: usize, now: Now) {
        if generation != self.generation {
            return;
        }
        match &mut self.stance {
            Stance::Serving { .. } => self.claim(now),
            Stance::Claiming { again, .. } => *again = now.instant + UNDELIVERED_PAUSE,
            Stance::Following | Stance::Halted(_) => {}
        }
    }

    /// All that was appended has been delivered and the log has been read to its end, yet something has
    /// not come back as admitted: the log has lost a record it had acknowledged. A new claim decides.
    pub(crate) fn claim_for_lost_entries(&mut self, now: Now) {
        if matches!(self.stance, Stance::Serving { .. }) && !self.in_flight.is_empty() {
            self.claim(now);
        }
    }

    pub(super) fn is_outdated(&self) -> bool {
        self.identity.code_version < self.highest_code
    }

    /// Whether this instance will claim by itself as soon as it is time.
    pub(super) fn is_candidate(&self) -> bool {
        let wanted = (self.assigned || self.contending) && !self.retiring;
        self.caught_up && wanted && !self.is_outdated() && !self.closing
    }

    /// Claims, or sends a claim again, if it is time.
    pub(super) fn pursue_claim(&mut self, now: Now) {
        let may_claim = self.is_candidate() && self.back_off.is_none_or(|until| until <= now.instant);
        match &mut self.stance {
            Stance::Following if may_claim => self.claim(now),
            Stance::Claiming { header, again, patience, .. } if *again <= now.instant => {
                // The same claim: should both arrive, the second is void.
                *patience = (*patience * 2).min(CLAIM_PATIENCE_MOST);
                *again = now.instant + *patience;
                let header = header.clone();
                self.send_claim(header);
            }
            _ => {}
        }
    }

    /// Makes a new claim. Until it is read back nothing is decided, and what was sent before stays open:
    /// it may still be admitted ahead of the claim.
    fn claim(&mut self, now: Now) {
        let owner = OwnerId((self.chance)().to_be_bytes());
        let term = self.track.gate.term.saturating_add(1);
        let header = Header::Claim { term, owner, code_version: self.identity.code_version }.encode();
        self.generation += 1;
        self.claims += 1;
        self.measures.claims.increment(1);
        self.back_off = None;
        // Entries that the producer has not taken yet can only become void.
        self.outbox.clear();
        self.send_claim(header.clone());
        let again = now.instant + CLAIM_PATIENCE;
        self.stance = Stance::Claiming { owner, header, again, patience: CLAIM_PATIENCE };
    }

    fn send_claim(&mut self, header: Vec<u8>) {
        let value = self.identity.url.clone().into_bytes();
        self.outbox.push_back(Append { generation: self.generation, header, value, traceparent: None });
    }

    /// A claim of another stands: step back, for a random time that doubles with each loss.
    pub(super) fn deposed(&mut self, now: Now) {
        if let Stance::Serving { since } = self.stance
            && now.instant.duration_since(since) >= SETTLED
        {
            self.losses = 0;
        }
        self.deposed += 1;
        self.measures.depositions.increment(1);
        self.contending = false;
        self.stance = Stance::Following;
        let pause = self.random_pause();
        self.losses = (self.losses + 1).min(BACK_OFF_DOUBLINGS);
        self.back_off = Some(now.instant + pause);
    }

    fn random_pause(&mut self) -> Duration {
        let most = BACK_OFF.as_micros() << self.losses;
        let micros = (self.chance)() % most;
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// When something is due without anything coming in.
    pub(super) fn claim_due(&self) -> Option<Instant> {
        match &self.stance {
            Stance::Claiming { again, .. } => Some(*again),
            Stance::Following if self.is_candidate() => self.back_off,
            _ => None,
        }
    }
}
