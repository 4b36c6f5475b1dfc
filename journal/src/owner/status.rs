//! How an owner's partitions stand, for readiness, for operators and for who forwards commands.

use std::sync::Arc;

use crate::gate::Halt;

/// Who decides a partition's commands, as far as this instance has read: what the way of a command depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// The term of the claim that stands; 0 before the first.
    pub term: u64,
    /// The forwarding URL in that claim; empty before the first.
    pub url: Arc<str>,
    /// This instance's part.
    pub role: Role,
}

/// What becomes of a command that is given to this instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The log has not been read to its end once: who owns the partition is not known yet.
    #[default]
    Behind,
    /// It is refused: another instance owns the partition, or nobody.
    Follower,
    /// It waits in the queue until this instance has claimed.
    Candidate,
    /// It is decided.
    Owner,
    /// It is refused, and will be until somebody has looked after this partition or this process.
    Halted,
}

/// What an instance is to a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not read the log to its end yet.
    CatchingUp,
    /// Another instance owns it, or nobody.
    Following,
    /// It has sent a claim and not read it back yet.
    Claiming,
    /// It decides commands.
    Serving,
    /// It has been deposed and waits for a random time before it claims again.
    BackingOff,
    /// Its claims would be of older code than the highest that has claimed.
    Outdated {
        /// That highest code version.
        highest: u32,
    },
    /// The log is not what it has to be; this partition is not served.
    Halted(Halt),
    /// The owner's thread has ended.
    Stopped,
}

/// One partition of an [`Owner`](crate::Owner).
#[derive(Clone, Debug)]
pub struct PartitionStatus {
    /// The partition.
    pub partition: i32,
    /// What this instance is to it.
    pub standing: Standing,
    /// The group says that this instance should own it.
    pub assigned: bool,
    /// The term of the claim that stands.
    pub term: u64,
    /// The forwarding URL in that claim; empty before the first claim.
    pub owner_url: String,
    /// The number of the last admitted entry read.
    pub number: u64,
    /// The offset of the next record to be read.
    pub next_offset: i64,
    /// How many records of the log are known to lie beyond; 0 at the end.
    pub lag: u64,
    /// Entries read as admitted since this process started.
    pub admitted: u64,
    /// Records read as void since this process started.
    pub voids: u64,
    /// Claims this instance has made.
    pub claims: u64,
    /// How often this instance was deposed.
    pub deposed: u64,
    /// Commands that wait to be decided.
    pub queued: usize,
    /// Entries appended and not read back yet.
    pub in_flight: usize,
    /// Answers that wait for an entry to confirm them.
    pub waiting: usize,
    /// Entries have not come back for longer than [`Limits::stall`](crate::Limits::stall): commands are refused meanwhile.
    pub stalled: bool,
}
