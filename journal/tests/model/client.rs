//! What clients ask, how it is decided, and what they may be told.

use crate::history::History;

/// What an attempt asks for. Two attempts of the same command have the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Writes a line under this command id.
    Write(u8),
    /// The same, but only one such line may stand: a name that is unique.
    Reserve(u8),
    /// Is always rejected; the rejection says on which state.
    Check,
}

/// The command id that is kept in the window.
pub fn name_of(ask: Ask) -> Option<u8> {
    match ask {
        Ask::Write(id) | Ask::Reserve(id) => Some(id),
        Ask::Check => None,
    }
}

/// What is said once the log has confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// It was written, as the entry that confirms it.
    Written,
    /// The same command was written before, under this number.
    Stands(Option<u8>),
    /// It was rejected, on this state.
    Rejected(History),
}

/// How an attempt ends at the owner it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered, and confirmed by the entry of this number.
    Answered(Answer, u8),
    /// It changed nothing and is safe to send again.
    Void,
}

/// Decides on this state: none for a line to be written.
pub fn decide(asks: &[Ask], attempt: usize, state: History) -> Option<Answer> {
    let ask = asks[attempt];
    let id = name_of(ask);
    if let Some(number) = state.find(|other| id.is_some() && name_of(asks[other]) == id) {
        return Some(Answer::Stands(Some(number)));
    }
    let taken = || state.find(|other| matches!(asks[other], Ask::Reserve(_))).is_some();
    match ask {
        Ask::Write(_) => None,
        Ask::Reserve(_) if !taken() => None,
        Ask::Reserve(_) | Ask::Check => Some(Answer::Rejected(state)),
    }
}

/// What is known of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// Not sent.
    New,
    /// Sent, when the highest number that anybody had been told of was this one.
    Open(u8),
    /// It was acknowledged.
    Accepted,
    /// It was rejected, or answered as a repetition.
    Rejected,
    /// It was refused as safe to send again.
    Void,
    /// Its owner crashed: anything may have become of it.
    Undecided,
}
