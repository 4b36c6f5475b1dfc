//! Why a record is void, for people: the rule itself asks no more than whether a record comes next.

use thiserror::Error;

use crate::gate::Gate;
use crate::header::Header;

/// What a void record was, when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Void {
    /// Two instances claimed the same term: the first one won.
    #[error("a claim of term {claim}, after term {term} was claimed")]
    LateClaim {
        /// The record's term.
        claim: u64,
        /// The term that stood.
        term: u64,
    },
    /// What a deposed owner still had under way.
    #[error("an entry of term {entry}, whose owner the claim of term {term} had deposed")]
    Deposed {
        /// The record's term.
        entry: u64,
        /// The term that stood.
        term: u64,
    },
    /// The claim this entry relies on is not in this log.
    #[error("an entry of term {term} by an owner that has not claimed it")]
    Stranger {
        /// The record's term.
        term: u64,
    },
    /// A record that Kafka or a retry has written twice.
    #[error("entry {seq} of its claim once more, when entry {next} was next")]
    Repeated {
        /// The record's place in its claim.
        seq: u64,
        /// The place that was next.
        next: u64,
    },
    /// A record whose predecessor had not arrived.
    #[error("entry {seq} of its claim before entry {next}")]
    Early {
        /// The record's place in its claim.
        seq: u64,
        /// The place that was next.
        next: u64,
    },
}

impl Void {
    /// Why this record was void for a reader that stood here. A void record moves nothing, so the gate before and after it
    /// are the same.
    pub(crate) fn of(gate: &Gate, header: &Header) -> Void {
        match *header {
            Header::Claim { term, .. } => Void::LateClaim { claim: term, term: gate.term },
            Header::Entry { term, .. } if term != gate.term => Void::Deposed { entry: term, term: gate.term },
            Header::Entry { term, owner, .. } if owner != gate.owner => Void::Stranger { term },
            Header::Entry { seq, .. } if seq < gate.next_seq => Void::Repeated { seq, next: gate.next_seq },
            Header::Entry { seq, .. } => Void::Early { seq, next: gate.next_seq },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Digest, OwnerId};

    #[test]
    fn every_void_record_has_its_reason() {
        let owner = OwnerId([5; 16]);
        let gate = Gate { term: 5, owner, next_seq: 7, number: 40, digest: Digest::NONE };
        let entry = |term, owner, seq| Header::Entry { term, owner, seq, number: 41, previous: Digest::NONE };
        let cases = [
            (Header::Claim { term: 5, owner, code_version: 1 }, Void::LateClaim { claim: 5, term: 5 }),
            (entry(4, OwnerId([4; 16]), 9), Void::Deposed { entry: 4, term: 5 }),
            (entry(5, OwnerId([4; 16]), 7), Void::Stranger { term: 5 }),
            (entry(5, owner, 6), Void::Repeated { seq: 6, next: 7 }),
            (entry(5, owner, 8), Void::Early { seq: 8, next: 7 }),
        ];
        for (header, reason) in cases {
            let mut judged = gate;
            assert_eq!(judged.admit(&header, Digest::NONE), Ok(crate::gate::Verdict::Void), "{header:?}");
            assert_eq!(judged, gate, "a void record moves nothing");
            assert_eq!(Void::of(&gate, &header), reason);
        }
    }
}
