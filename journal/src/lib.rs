//! An append-only journal on Kafka with one writer per partition and no transactions.
//!
//! Kafka has no conditional append. Here the log itself arbitrates: an owner *claims* a partition, each
//! of its *entries* names its place in the claim and in the history, and every reader applies the same
//! small [admission rule](Gate) and comes to the same history, whatever late, repeated or deposed
//! records lie in between. See the README for the protocol in a page.
//!
//! - [`topics`] makes the topics and refuses those that would lose history.
//! - [`Owner`] decides commands with a [`Machine`] of yours and appends what it decides.
//! - [`Reader`] yields the admitted entries and [checkpoints](Checkpoint) to go on from.
//! - [`copy`] reads and writes whole logs, for backups.
//! - [`Shelf`] keeps a small table in a compacted topic; [`Outlet`] sends to topics for others.
//!
//! The journal knows bytes: what an entry says is its user's affair.

mod checkpoint;
mod client;
pub mod copy;
#[cfg(feature = "cqrs-es")]
pub mod cqrs;
mod digest;
mod entry;
mod error;
mod gate;
mod header;
mod machine;
mod outlet;
mod owner;
mod position;
mod reader;
mod sending;
mod settings;
mod shelf;
pub mod topics;
mod track;
mod void;

pub use checkpoint::Checkpoint;
pub use digest::{Digest, OwnerId};
pub use entry::Admitted;
pub use error::{FormError, JournalError};
pub use gate::{Gate, Halt, Verdict};
pub use header::{GATE, Header, TRACEPARENT};
pub use machine::{Decision, Machine, Poison, Resume};
pub use outlet::{Outlet, PublicRecord};
pub use owner::{Answered, Owner, Ownership, PartitionStatus, Refused, Role, Scope, Standing, Submission};
pub use position::{Position, partition_of};
pub use reader::{Aside, Batch, From, Lag, Reader, Start, What};
pub use settings::{Limits, Settings};
pub use shelf::Shelf;
pub use void::Void;
