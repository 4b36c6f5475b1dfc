//! A reader as any projector is one, that also tells when what it is given cannot be.

use super::Stored;
use crate::digest::OwnerId;
use crate::gate::Rule;
use crate::header::Header;
use crate::owner::tenure::simulation::ledger::{History, wrong};
use crate::track::{Passage, Track};

/// Reads as any projector does.
pub(super) struct PlainReader {
    pub(super) track: Track,
    pub(super) history: History,
    /// The term and owner of the claim that stands.
    claim: Option<(u64, OwnerId)>,
    pub(super) halted: bool,
    /// Of the claims that stood, in order.
    pub(super) code_versions: Vec<u32>,
}

impl PlainReader {
    pub(super) fn new(rule: Rule) -> PlainReader {
        PlainReader {
            track: super::track(rule),
            history: History::default(),
            claim: None,
            halted: false,
            code_versions: Vec::new(),
        }
    }

    fn term(&self) -> u64 {
        self.claim.map_or(0, |(term, _)| term)
    }

    pub(super) fn read(&mut self, log: &[Stored], most: usize) {
        let from = self.track.next_offset as usize;
        for (offset, stored) in log.iter().enumerate().skip(from).take(most) {
            if self.halted {
                return;
            }
            match self.track.read(&stored.record(offset)) {
                Ok(Passage::Claimed { owner, code_version }) => {
                    self.code_versions.push(code_version);
                    let term = self.track.gate.term;
                    if term != self.term() + 1 {
                        wrong(format!("a claim of term {term} stands after term {}", self.term()));
                    }
                    self.claim = Some((term, owner));
                }
                Ok(Passage::Admitted(checkpoint)) => {
                    if Some((checkpoint.term, checkpoint.owner)) != self.claim {
                        wrong(format!("entry {} was admitted under another claim than its own", checkpoint.number));
                    }
                    if let Ok(Header::Entry { number, .. }) = Header::decode(&stored.header)
                        && number != checkpoint.number
                    {
                        wrong(format!("entry {} calls itself number {number}", checkpoint.number));
                    }
                    self.history.admit(checkpoint.number, &stored.value);
                }
                Ok(Passage::Void | Passage::Resumed) => {
                    if let Ok(Header::Entry { term, .. }) = Header::decode(&stored.header)
                        && term > self.term()
                    {
                        wrong(format!("an entry of term {term} was passed over, though its claim is missing"));
                    }
                }
                Err(_) => self.halted = true,
            }
        }
    }
}
