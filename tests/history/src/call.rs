//! A call: one attempt of one client to have one command carried out, and what came of it.

use crate::entry::Place;

/// One attempt. Attempts of the same command have the same book and command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// A number of its own.
    pub attempt: u64,
    /// The book it was sent to.
    pub book: String,
    /// The client's key of the command.
    pub command: String,
    /// When it was sent, by one clock that never goes back and that all clients share. Any unit.
    pub invoked: u64,
    /// When the answer had come; none if it never did.
    pub answered: Option<u64>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out, now or by an earlier attempt: the answer is the same.
    Accepted {
        /// Where its entry stands.
        place: Place,
        /// What it changed first.
        aggregate: String,
        /// The version which that had then.
        version: u64,
    },
    /// It changed nothing: a rejection, or there was nothing to do.
    Rejected {
        /// The aggregate and its version that this rests on, where that was said.
        rests_on: Option<(String, u64)>,
    },
    /// It changed nothing and never will: refused before it was decided, or overtaken. Safe to send again.
    Void,
    /// It may have been carried out or not: no answer, or one that promises nothing.
    Unknown,
}
