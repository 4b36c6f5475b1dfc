//! Histories: what clients asked and were told, judged against what the journals hold. Pure: no input, no output, no clock.
//!
//! A [`History`] is two lists: the admitted [entries](Entry) of the journals, and the [calls](Call) of the clients. From
//! them [`violations`](History::violations) finds every way in which a promise was broken; none for a run in which nothing
//! was. [`compare`] holds a store's rows against a fold of the same entries.
//!
//! It takes nothing for granted that an owner of a journal checks itself, and uses none of its code: what is wrong there
//! must not be wrong here in the same way. `examples/check.rs` reads journals and a record of calls, and judges them.

mod call;
mod entry;
mod judge;
mod record;
mod violation;

pub use call::{Call, Outcome};
pub use entry::{Change, Entry, Place};
pub use judge::rows::{compare, last_versions};
pub use record::{RecordError, read_record};
pub use violation::Violation;

/// How long the same command id means the same command: 24 h of entry time, in microseconds.
pub const WINDOW_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// A run, as it is known from outside.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The admitted entries of whole journals in the order in which they stand, one log after the other or mixed; barriers
    /// too.
    pub entries: Vec<Entry>,
    /// Every attempt of every client that could have written into the books these calls name. In other books only the
    /// numbers are judged.
    pub calls: Vec<Call>,
}

impl History {
    /// Everything that is wrong; in no particular order, but always the same.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = judge::numbers::violations(&self.entries);
        found.extend(judge::results::violations(&self.entries, &self.calls));
        found.extend(judge::order::violations(&self.entries, &self.calls));
        found
    }
}
