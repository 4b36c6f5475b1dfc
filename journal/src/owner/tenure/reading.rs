//! What an owner learns from the log: its claims and entries come back, or those of another.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Now, Stance, Tenure};
use crate::checkpoint::Checkpoint;
use crate::digest::OwnerId;
use crate::gate::Halt;
use crate::machine::{Machine, Resume};
use crate::owner::answer::{Answered, Refused};
use crate::track::{Passage, Record};

impl<M: Machine> Tenure<M> {
    /// Takes the next record of the log.
    pub(crate) fn read(&mut self, record: &Record<'_>, now: Now) {
        if self.is_halted() {
            return;
        }
        let done = match self.track.read(record) {
            Ok(Passage::Claimed { owner, code_version }) => {
                self.owner_url = String::from_utf8_lossy(record.value).into();
                self.claimed(owner, code_version, now)
            }
            Ok(Passage::Admitted(checkpoint)) => self.admitted(record, checkpoint, now),
            // One's own record among them decides nothing: a duplicate may still be admitted.
            Ok(Passage::Void) => {
                self.measures.voids.increment(1);
                #[cfg(test)]
                if self.slip == super::slip::Slip::BelievesItsOwnVoid {
                    self.believe_void(record.gate);
                }
                Ok(())
            }
            Ok(Passage::Resumed) => Ok(()),
            Err(halt) => Err(halt),
        };
        if let Err(halt) = done {
            self.halt(halt);
        }
    }

    /// A claim stands from here on. All that was sent before it and has not come back never will, so every
    /// command that waits for it is open again.
    fn claimed(&mut self, owner: OwnerId, code_version: u32, now: Now) -> Result<(), Halt> {
        self.highest_code = self.highest_code.max(code_version);
        if matches!(self.stance, Stance::Following) {
            // Who was to be replaced has been.
            self.contending = false;
            return Ok(());
        }
        self.outbox.clear();
        self.shares.clear();
        let sent = std::mem::take(&mut self.in_flight).into_iter().filter_map(|sent| sent.work);
        let held = std::mem::take(&mut self.waiting).into_values().flatten();
        let open: Vec<_> = sent.chain(held).map(|(queued, _)| queued).collect();
        let number = self.track.gate.number;
        guarded(|| self.machine.roll_back()).map_err(|reason| Halt::Poisoned { number, reason })?;
        for mut queued in open.into_iter().rev() {
            queued.job.overtaken += 1;
            if queued.job.overtaken > 1 {
                self.measures.refused_void.increment(1);
                // Who no longer waits needs no answer, here and below.
                let _ = queued.job.reply.send(Err(Refused::Void));
            } else {
                self.queues.put_back(queued);
            }
        }
        match &self.stance {
            Stance::Claiming { owner: own, .. } if *own == owner => self.begin(owner, now),
            _ => self.deposed(now),
        }
        if matches!(self.stance, Stance::Following) && !self.is_candidate() {
            // The new owner is known: whoever waits here need not.
            self.turn_away();
        }
        Ok(())
    }

    /// The next entry of the history.
    fn admitted(&mut self, record: &Record<'_>, checkpoint: Checkpoint, now: Now) -> Result<(), Halt> {
        self.measures.admitted.increment(1);
        let Checkpoint { term, owner, seq, number, digest, .. } = checkpoint;
        let own = (term, owner) == (self.voice.term, self.voice.owner);
        if own && self.in_flight.front().is_none_or(|sent| (sent.seq, sent.digest) != (seq, digest)) {
            let reason = format!("entry {number} names this owner, which has not sent it like this");
            return Err(Halt::Cut { reason });
        }
        if self.lost_track {
            return Ok(());
        }
        let entry = self.track.entry(record, checkpoint, own);
        let applied =
            guarded(|| self.machine.admitted(&entry)).and_then(|applied| applied.map_err(|poison| poison.to_string()));
        match applied {
            Err(reason) if self.is_outdated() => {
                // Newer code wrote it. This instance never claims again, but knows whom to forward to.
                let (topic, partition) = (&self.track.topic, self.track.partition);
                tracing::warn!(%topic, partition, number, reason, "an entry of newer code; following without its state");
                self.lost_track = true;
                return Ok(());
            }
            applied => applied.map_err(|reason| Halt::Poisoned { number, reason })?,
        }
        self.last = Some(checkpoint);
        if own {
            self.confirm(seq, number, now);
        }
        Ok(())
    }

    /// Lets the machine keep its state. To be called now and then.
    pub(crate) fn keep(&mut self) {
        let Some(checkpoint) = self.last.filter(|_| !self.is_halted() && !self.lost_track) else { return };
        let resume = Resume { checkpoint, highest_code: self.highest_code, owner_url: self.owner_url.to_string() };
        let kept = guarded(|| self.machine.keep(&resume));
        if let Err(reason) = kept.and_then(|kept| kept.map_err(|poison| poison.to_string())) {
            self.halt(Halt::Poisoned { number: checkpoint.number, reason });
        }
    }

    /// An entry of ours is admitted: so is what it decides, and what only waited for one that late.
    fn confirm(&mut self, seq: u64, number: u64, now: Now) {
        let confirmed = self.track.position(number);
        if let Some(sent) = self.in_flight.pop_front() {
            self.shares.end(sent.work.as_ref().map(|(queued, _)| queued.book), sent.bytes);
            self.measures.confirmed.record(now.instant.duration_since(sent.since).as_secs_f64());
            if let Some((queued, answer)) = sent.work {
                let position = Some(confirmed.clone());
                let _ = queued.job.reply.send(Ok(Answered { answer, position, confirmed: confirmed.clone() }));
            }
        }
        while let Some(held) = self.waiting.first_entry().filter(|held| *held.key() <= seq) {
            for (queued, answer) in held.remove() {
                let _ = queued.job.reply.send(Ok(Answered { answer, position: None, confirmed: confirmed.clone() }));
            }
        }
    }
}

/// Keeps a panic of the machine from taking the other partitions along.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    // After a panic the caller gives the machine up, or answers with the panic alone.
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
    })
}
