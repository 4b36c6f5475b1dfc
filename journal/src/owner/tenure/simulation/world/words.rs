//! What happens in a run, in words.

use crate::header::Header;
use crate::owner::answer::Outcome;
use crate::owner::tenure::simulation::ledger::{Answer, Line};

/// A record.
pub(super) fn in_words(header: &[u8], value: &[u8]) -> String {
    match Header::decode(header) {
        Ok(Header::Claim { term, owner, code_version }) => {
            format!("claim {:.4} of term {term} by code version {code_version}", owner.to_string())
        }
        Ok(Header::Entry { term, owner, seq, number, .. }) => {
            let Line { id, attempt, .. } = Line::decode(value);
            let what = if id == 0 { "a barrier".to_owned() } else { format!("line {id}, attempt {attempt}") };
            format!("entry {seq} of claim {:.4} (term {term}, number {number}, {what})", owner.to_string())
        }
        Err(halt) => halt.to_string(),
    }
}

/// How a command ended.
pub(super) fn outcome_in_words(outcome: &Outcome<Answer>) -> String {
    match outcome {
        Ok(answered) => format!("{:?}, confirmed by entry {}", answered.answer, answered.confirmed.number),
        Err(refused) => format!("«{refused}»"),
    }
}
