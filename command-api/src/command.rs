//! A command as it travels from the edge to the owner of its book, and what is answered.

use std::{collections::BTreeSet, sync::Arc};

use daybook_journal::Position;
use daybook_kernel::{Actor, Datum, Kind, Number, Rejection, Tenant, Time, book::Call};
use uuid::Uuid;

use crate::cause::Cause;

/// One request: commands that are accepted all or none, as one entry. Cheap to clone, for it may be given twice.
#[derive(Clone)]
pub struct Command {
    /// The tenant whose book it is; [`daybook_kernel::PLATFORM`] for contexts of the platform.
    pub tenant: Tenant,
    /// What to do, in order. Each step is the first of its alternatives that the status allows.
    pub steps: Arc<[Vec<Call>]>,
    /// The client's key: the same key never does a thing twice.
    pub id: Arc<str>,
    /// A keyed hash of the request, so that the same key with another request is noticed.
    pub fingerprint: [u8; 32],
    /// Who gives it.
    pub actor: Actor,
    /// The tenant the actor acts for: suspended, it gives no commands.
    pub member_of: Tenant,
    /// What the actor's token says: the most that it may.
    pub token: Arc<BTreeSet<String>>,
    /// Whether the actor showed a second factor at sign-in.
    pub second_factor: bool,
    /// When it happened, where that differs from now.
    pub occurred_at: Option<Time>,
    /// The version the aggregate must have (If-Match).
    pub expected: Option<u64>,
    /// Why a policy gives it.
    pub cause: Option<Arc<Cause>>,
    /// Where fresh ids come from.
    pub seed: Uuid,
    /// The id of the request, for finding everything that came of it.
    pub correlation: Arc<str>,
    /// The trace the request belongs to (W3C trace context).
    pub traceparent: Option<String>,
    /// The size of the request's body, in bytes.
    pub size: usize,
}

impl Command {
    /// A step without alternatives.
    pub fn step(kind: &'static dyn Kind, id: Uuid, command: usize, body: Datum) -> Vec<Call> {
        vec![Call { kind, id, command, body }]
    }
}

/// What is said to who gave a command.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Accepted, and in the journal.
    Accepted(Receipt),
    /// What was asked is so already; nothing was written.
    Unchanged {
        /// The aggregate.
        id: Uuid,
        /// Its version.
        version: u64,
    },
    /// The policy that gives it has done this already, or what comes after it; nothing was written.
    AlreadyDone,
    /// The business says no.
    Rejected(Rejection),
    /// The key was used for another request.
    KeyReused,
    /// The entry would be larger than the wire allows.
    TooLarge {
        /// The size it would have, in bytes.
        size: usize,
    },
    /// A defect of ours; nothing was written.
    Defect(String),
}

/// The proof of an accepted command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The aggregate of the first command.
    pub id: Uuid,
    /// Its version after the entry.
    pub version: u64,
    /// Where the entry stands. A query that sends it back sees at least this.
    pub position: Position,
    /// The aggregate's number in its series, where it has one.
    pub number: Option<Number>,
}
