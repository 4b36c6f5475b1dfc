//! The admission rule: the small pure rule by which every reader of a log, alone, comes to the same
//! history.
//!
//! Kafka has no conditional append, so anybody's late, repeated or deposed record may lie in the log.
//! What counts is decided here and nowhere else; all that is not admitted is void, for everyone and
//! for ever.

use crate::digest::{Digest, OwnerId};
use crate::header::Header;

/// What a reader knows after the records it has read. The default is an empty log: term 0, which
/// admits no entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// The term of the claim that stands.
    pub term: u64,
    /// The owner of that claim.
    pub owner: OwnerId,
    /// The seq that this owner's next entry must have.
    pub next_seq: u64,
    /// How many entries were admitted.
    pub number: u64,
    /// The digest of the last admitted entry.
    pub digest: Digest,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A claim that stands from here on; all that was sent before under older claims and is not
    /// admitted yet never will be.
    Claimed,
    /// The next entry of the history.
    Admitted,
    /// Nothing: to be skipped.
    Void,
}

/// The signature of [`Gate::admit`]. The rule is handed to what reads logs, so that the tests can run
/// the same code under a broken rule and see it fail.
pub(crate) type Rule = fn(&mut Gate, &Header, Digest) -> Result<Verdict, Halt>;

impl Gate {
    /// Judges the next record of the log. `digest` is the record's own ([`Digest::of`]).
    ///
    /// # Errors
    /// The log was cut or altered: the reader must stop, loudly.
    pub fn admit(&mut self, header: &Header, digest: Digest) -> Result<Verdict, Halt> {
        match *header {
            Header::Claim { term, .. } if term > self.term.saturating_add(1) => {
                Err(Halt::ClaimAhead { claim: term, term: self.term })
            }
            Header::Claim { term, owner, .. } if term > self.term => {
                *self = Gate { term, owner, next_seq: 0, ..*self };
                Ok(Verdict::Claimed)
            }
            Header::Entry { term, .. } if term > self.term => Err(Halt::EntryAhead { entry: term, term: self.term }),
            Header::Entry { term, owner, seq, number, previous }
                if term > 0 && (term, owner, seq) == (self.term, self.owner, self.next_seq) =>
            {
                let expected = self.number.saturating_add(1);
                if number != expected {
                    return Err(Halt::Number { found: number, expected });
                }
                if previous != self.digest {
                    return Err(Halt::Previous { number, found: previous, expected: self.digest });
                }
                *self = Gate { next_seq: seq.saturating_add(1), number, digest, ..*self };
                Ok(Verdict::Admitted)
            }
            _ => Ok(Verdict::Void),
        }
    }
}

/// Why a reader stops. None of these happens in an intact log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// An entry of a term whose claim is not in the log.
    #[error("the log was cut: it holds an entry of term {entry}, but claims only up to term {term}")]
    EntryAhead {
        /// The entry's term.
        entry: u64,
        /// The gate's term.
        term: u64,
    },
    /// A claim that skips a term.
    #[error("the log was cut: it holds a claim of term {claim}, but claims before it only up to term {term}")]
    ClaimAhead {
        /// The claim's term.
        claim: u64,
        /// The gate's term.
        term: u64,
    },
    /// An entry that is next by term, owner and seq, but not by number.
    #[error("the log was cut or altered: the next entry says it is number {found}, not {expected}")]
    Number {
        /// The number in its header.
        found: u64,
        /// The number it would get.
        expected: u64,
    },
    /// An entry that follows another history than the one read.
    #[error(
        "the log was cut or altered: entry {number} follows an entry with digest {found}, but the one read has {expected}"
    )]
    Previous {
        /// The entry's number.
        number: u64,
        /// The digest it names.
        found: Digest,
        /// The digest of the last admitted entry.
        expected: Digest,
    },
    /// A gate header of a form that this code does not know; a newer version may.
    #[error(
        "a record's gate header has version {version}; this code knows version 1 only and cannot tell what others admit"
    )]
    UnknownVersion {
        /// The version byte.
        version: u8,
    },
    /// A record that nobody who keeps the rules has written.
    #[error("a record was not written by a journal owner: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The entry a checkpoint names is not in the log any more, or is another one.
    #[error("the log was cut or altered behind the checkpoint: {reason}")]
    Cut {
        /// What was found instead.
        reason: String,
    },
    /// The owner's machine cannot apply an admitted entry.
    #[error("entry {number} cannot be applied: {reason}")]
    Poisoned {
        /// The entry's number.
        number: u64,
        /// The machine's words.
        reason: String,
    },
}
