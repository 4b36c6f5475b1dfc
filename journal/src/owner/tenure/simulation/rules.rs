//! The admission rule said once more, and every way of leaving a part of it out.

use crate::digest::{Digest, OwnerId};
use crate::gate::{Gate, Halt, Rule, Verdict};
use crate::header::Header;

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    Nothing,
    /// Any claim stands.
    ClaimTerm,
    /// A second claim of the same term stands.
    ClaimFirst,
    /// A claim that skips a term stands.
    ClaimNext,
    /// A claim does not begin a new count of seqs.
    Restart,
    /// An entry of a term to come is void.
    EntryAhead,
    /// An entry of another term than the claim's is admitted.
    EntryTerm,
    /// Term 0, before any claim, admits.
    TermZero,
    Owner,
    Seq,
    /// What was admitted already is admitted again.
    SeqOnce,
    /// A gap in the seqs is leapt over.
    SeqNext,
    Number,
    Previous,
}

pub(super) fn rule(without: Without, gate: &mut Gate, header: &Header, digest: Digest) -> Result<Verdict, Halt> {
    use Without::*;
    match *header {
        Header::Claim { term, owner, .. } => {
            if term > gate.term + 1 && !matches!(without, ClaimNext | ClaimTerm) {
                return Err(Halt::ClaimAhead { claim: term, term: gate.term });
            }
            let stands = match without {
                ClaimTerm => true,
                ClaimFirst => term >= gate.term,
                _ => term > gate.term,
            };
            if !stands {
                return Ok(Verdict::Void);
            }
            (gate.term, gate.owner) = (term, owner);
            if without != Restart {
                gate.next_seq = 0;
            }
            Ok(Verdict::Claimed)
        }
        Header::Entry { term, owner, seq, number, previous } => {
            if term > gate.term && without != EntryAhead {
                return Err(Halt::EntryAhead { entry: term, term: gate.term });
            }
            let of_term = without == EntryTerm || term == gate.term;
            let of_owner = without == Owner || owner == gate.owner;
            let begun = without == TermZero || gate.term > 0;
            let next = match without {
                Seq => true,
                SeqOnce => seq <= gate.next_seq,
                SeqNext => seq >= gate.next_seq,
                _ => seq == gate.next_seq,
            };
            if !(of_term && of_owner && begun && next) {
                return Ok(Verdict::Void);
            }
            if number != gate.number + 1 && without != Number {
                return Err(Halt::Number { found: number, expected: gate.number + 1 });
            }
            if previous != gate.digest && without != Previous {
                return Err(Halt::Previous { number, found: previous, expected: gate.digest });
            }
            (gate.next_seq, gate.number, gate.digest) = (seq + 1, gate.number + 1, digest);
            Ok(Verdict::Admitted)
        }
    }
}

/// Each part of the rule, and the rule without it.
pub(super) const MUTANTS: &[(Without, Rule)] = &[
    (Without::ClaimTerm, |g, h, d| rule(Without::ClaimTerm, g, h, d)),
    (Without::ClaimFirst, |g, h, d| rule(Without::ClaimFirst, g, h, d)),
    (Without::ClaimNext, |g, h, d| rule(Without::ClaimNext, g, h, d)),
    (Without::Restart, |g, h, d| rule(Without::Restart, g, h, d)),
    (Without::EntryAhead, |g, h, d| rule(Without::EntryAhead, g, h, d)),
    (Without::EntryTerm, |g, h, d| rule(Without::EntryTerm, g, h, d)),
    (Without::TermZero, |g, h, d| rule(Without::TermZero, g, h, d)),
    (Without::Owner, |g, h, d| rule(Without::Owner, g, h, d)),
    (Without::Seq, |g, h, d| rule(Without::Seq, g, h, d)),
    (Without::SeqOnce, |g, h, d| rule(Without::SeqOnce, g, h, d)),
    (Without::SeqNext, |g, h, d| rule(Without::SeqNext, g, h, d)),
    (Without::Number, |g, h, d| rule(Without::Number, g, h, d)),
    (Without::Previous, |g, h, d| rule(Without::Previous, g, h, d)),
];

/// Any header out of few, so that they often meet a gate they nearly fit.
pub(super) fn near(term: u8, owner: u8, seq: u8, number: u8, previous: u8, claim: bool) -> Header {
    let (term, owner) = (u64::from(term), OwnerId([owner; 16]));
    if claim {
        Header::Claim { term, owner, code_version: 1 }
    } else {
        Header::Entry { term, owner, seq: seq.into(), number: number.into(), previous: Digest([previous; 32]) }
    }
}
