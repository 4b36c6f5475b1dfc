//! A broken promise.

use crate::entry::Place;

/// What is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Violation {
    /// What was acknowledged is in no journal.
    #[error("lost: {command} of {book} was acknowledged at {told}, and is not in the journal")]
    Lost {
        /// The book.
        book: String,
        /// The command.
        command: String,
        /// Where it should be.
        told: Place,
    },
    /// What was acknowledged stands elsewhere.
    #[error("misplaced: {command} of {book} was acknowledged at {told}, and stands at {stands}")]
    Misplaced {
        /// The book.
        book: String,
        /// The command.
        command: String,
        /// Where it should be.
        told: Place,
        /// Where it is.
        stands: Place,
    },
    /// It is where it was said to be, but did something else.
    #[error("misreported: {command} at {told} was said to make version {version} of {aggregate}, which it does not")]
    Misreported {
        /// The command.
        command: String,
        /// Where it stands.
        told: Place,
        /// What it should have changed.
        aggregate: String,
        /// To which version.
        version: u64,
    },
    /// It is in the journal, though every attempt was answered as having changed nothing.
    #[error("phantom: {command} of {book} stands at {stands}, though it was answered as void or rejected")]
    Phantom {
        /// The book.
        book: String,
        /// The command.
        command: String,
        /// Where it is.
        stands: Place,
    },
    /// It is in the journal, and nobody has asked for it.
    #[error("never asked: {command} of {book} stands at {stands}")]
    NeverAsked {
        /// The book.
        book: String,
        /// The command.
        command: String,
        /// Where it is.
        stands: Place,
    },
    /// The same command was carried out twice.
    #[error("twice: {command} of {book} stands at {first} and at {second}")]
    Twice {
        /// The book.
        book: String,
        /// The command.
        command: String,
        /// Where it stands first.
        first: Place,
        /// And where again.
        second: Place,
    },
    /// Two attempts of one command were told different things, though the first answer had come before the second was sent.
    #[error("two results: {command} of {book} was answered otherwise to attempt {second} than to attempt {first}")]
    TwoResults {
        /// The book.
        book: String,
        /// The command.
        command: String,
        /// An attempt.
        first: u64,
        /// A later one.
        second: u64,
    },
    /// A command stands before one that had been answered before it was sent.
    #[error("out of order: {later} was sent after {earlier} had been answered, and stands before it, at {stands}")]
    OutOfOrder {
        /// What was answered first.
        earlier: String,
        /// What was sent then.
        later: String,
        /// Where that stands.
        stands: Place,
    },
    /// A rejection rests on an older state than had been told before it was asked for.
    #[error(
        "stale: attempt {attempt} was rejected on version {version} of {aggregate}, though version {known} had been told"
    )]
    Stale {
        /// The attempt.
        attempt: u64,
        /// The aggregate.
        aggregate: String,
        /// The version it rests on.
        version: u64,
        /// The version that was known.
        known: u64,
    },
    /// A rejection rests on a state that never was.
    #[error("unfounded: attempt {attempt} was rejected on version {version} of {aggregate}, which never was")]
    Unfounded {
        /// The attempt.
        attempt: u64,
        /// The aggregate.
        aggregate: String,
        /// The version it rests on.
        version: u64,
    },
    /// The numbers of a log's entries are not 1, 2, 3 …
    #[error("a gap in {log}: entry {found} after entry {before}")]
    LogGap {
        /// The log.
        log: String,
        /// A number.
        before: u64,
        /// The next one.
        found: u64,
    },
    /// The numbers of a book's entries are not 1, 2, 3 …
    #[error("a gap in book {book}: number {found} after {before}, at {stands}")]
    BookGap {
        /// The book.
        book: String,
        /// A number.
        before: u64,
        /// The next one.
        found: u64,
        /// Where that stands.
        stands: Place,
    },
    /// An aggregate's versions are not 1, 2, 3 …
    #[error("a gap in {aggregate}: version {found} after {before}, at {stands}")]
    VersionGap {
        /// The aggregate.
        aggregate: String,
        /// A version.
        before: u64,
        /// The next one.
        found: u64,
        /// Where that stands.
        stands: Place,
    },
    /// Entries are not in the order of their times.
    #[error("a step back in time at {stands}")]
    TimeGap {
        /// The entry that is not later than the one before it.
        stands: Place,
    },
    /// A store holds something else than the fold of the journal.
    #[error("{store} holds {aggregate} as {found}, and the journal says {expected}")]
    Row {
        /// The store.
        store: String,
        /// The aggregate.
        aggregate: String,
        /// What it holds; `nothing` for no row.
        found: String,
        /// What it should hold; `nothing` for no row.
        expected: String,
    },
}
