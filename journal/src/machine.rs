//! What an owner decides with: the one place where a user of the journal plugs in.

use crate::checkpoint::Checkpoint;
use crate::entry::Admitted;

/// The state of one partition and how commands are decided on it.
///
/// It holds two states: the *admitted* one, which follows [`admitted`](Machine::admitted), and the
/// *speculative* one on top, which also has what was decided and not read back yet. Everything is called
/// on the owner's own thread, so it needs no locks, and should not wait.
pub trait Machine: Send + 'static {
    /// A request to change something.
    type Command: Send + 'static;
    /// What is said to who asked.
    type Answer: Send + 'static;

    /// The book a command belongs to. Books of a partition are served in turn.
    fn queue(command: &Self::Command) -> u128;

    /// How many bytes of memory a command holds, about.
    fn weight(command: &Self::Command) -> usize;

    /// Decides a command on the speculative state and applies the outcome to it.
    ///
    /// `number` is the number that its entry would get, `now_micros` the time it would have: microseconds
    /// since 1970, higher at each call, and above [`latest_micros`](Machine::latest_micros).
    fn decide(&mut self, command: &Self::Command, number: u64, now_micros: i64) -> Decision<Self::Answer>;

    /// The value of an entry without events, likewise applied to the speculative state.
    fn barrier(&mut self, number: u64, now_micros: i64) -> Vec<u8>;

    /// Takes every admitted entry, in order. If `entry.own`, it was decided here and is applied
    /// speculatively already.
    ///
    /// # Errors
    /// The entry cannot be applied: this partition stops here and is not served.
    fn admitted(&mut self, entry: &Admitted<'_>) -> Result<(), Poison>;

    /// Makes the speculative state the admitted one again. Harmless when they are the same.
    fn roll_back(&mut self);

    /// The time of the latest entry this machine knows of, in microseconds since 1970, so that a new owner
    /// whose clock is behind still gives higher times.
    fn latest_micros(&self) -> i64;

    /// Where the admitted state stands with which this machine was made, if it was kept somewhere; reading goes on after it.
    fn resume(&self) -> Option<Resume> {
        None
    }

    /// The admitted state stands here. Called some twenty times a second, so that a machine that keeps its state somewhere
    /// can do so, together with this; it should not wait.
    ///
    /// # Errors
    /// The state can be kept no longer, and memory will not do: this partition stops here and is not served.
    fn keep(&mut self, _at: &Resume) -> Result<(), Poison> {
        Ok(())
    }

    /// What is said to who sent a command in which [`decide`](Machine::decide) panicked.
    fn panicked(command: &Self::Command, message: String) -> Self::Answer;
}

/// What has to be known to read on after an entry, as if all before it had been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The last entry applied.
    pub checkpoint: Checkpoint,
    /// The highest code version that has claimed up to here.
    pub highest_code: u32,
    /// The forwarding URL of the claim that stands.
    pub owner_url: String,
}

/// What became of a command.
#[derive(Debug)]
pub enum Decision<A> {
    /// It is accepted: this entry is to be appended, and the answer given once it is admitted.
    Append {
        /// The entry.
        value: Vec<u8>,
        /// The trace context it is appended under.
        traceparent: Option<String>,
        /// What is said then.
        answer: A,
    },
    /// Nothing changes: a rejection, a repetition. It rests on state, so it is said only once an entry
    /// appended after the command's arrival is admitted.
    Answer(A),
}

/// Why an admitted entry cannot be applied, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub String);
