//! A reader's bookmark: the identity of the last entry it has applied, so that it can go on from there
//! and notice a log that is no longer the one it read.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, OwnerId};
use crate::error::FormError;
use crate::gate::Gate;
use crate::position::plain;

/// The last entry a reader has applied. To be stored together with what the entry led to.
///
/// Its text form, stable for ever, is `1:OFFSET:TERM:OWNER:SEQ:NUMBER:DIGEST`, owner and digest in
/// hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The entry's Kafka offset: where to read it again.
    pub offset: i64,
    /// The term it was admitted in.
    pub term: u64,
    /// The owner that wrote it.
    pub owner: OwnerId,
    /// Its seq within the claim.
    pub seq: u64,
    /// Its number in the partition.
    pub number: u64,
    /// Its own digest.
    pub digest: Digest,
}

impl Checkpoint {
    /// The gate as it stood right after this entry.
    pub(crate) fn gate(&self) -> Gate {
        Gate {
            term: self.term,
            owner: self.owner,
            next_seq: self.seq.saturating_add(1),
            number: self.number,
            digest: self.digest,
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checkpoint { offset, term, owner, seq, number, digest } = self;
        write!(f, "1:{offset}:{term}:{owner}:{seq}:{number}:{digest}")
    }
}

impl FromStr for Checkpoint {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let refused = || FormError::new("checkpoint", text, "1:OFFSET:TERM:OWNER:SEQ:NUMBER:DIGEST");
        let fields: Vec<&str> = text.split(':').collect();
        let ["1", offset, term, owner, seq, number, digest] = fields[..] else {
            return Err(refused());
        };
        Ok(Checkpoint {
            offset: plain(offset).and_then(|n| i64::try_from(n).ok()).ok_or_else(refused)?,
            term: plain(term).ok_or_else(refused)?,
            owner: owner.parse().map_err(|_| refused())?,
            seq: plain(seq).ok_or_else(refused)?,
            number: plain(number).ok_or_else(refused)?,
            digest: digest.parse().map_err(|_| refused())?,
        })
    }
}
