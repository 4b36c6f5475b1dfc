//! Sinks: the stores that follow the journals, each with its own way to keep rows and progress together.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::Arc,
};

use daybook_journal::Checkpoint;
use thiserror::Error;

use crate::batch::{Batch, ParkedBook};

/// A partition of a journal.
pub type Partition = (Arc<str>, i32);

/// Where a sink stands, as its store holds it.
#[derive(Debug, Default)]
pub struct Standing {
    /// The last applied entry of each partition that has one.
    pub checkpoints: HashMap<Partition, Checkpoint>,
    /// Books that are not followed.
    pub parked: Vec<ParkedBook>,
    /// The cut of a batch that was announced and may be stored in part: for each of its partitions the number of its
    /// last entry. The first batch must end exactly there.
    pub cut: HashMap<Partition, u64>,
    /// Topics that are not followed for now.
    pub held: HashSet<String>,
}

/// Why a batch is not stored.
#[derive(Debug, Error)]
pub enum SinkError {
    /// The store cannot be reached, or cannot write now. The same batch is tried again.
    #[error("{0}")]
    Unavailable(String),
    /// The store refuses something in the rows. The entry at fault is looked for, and its book parked.
    #[error("{0}")]
    Refused(String),
    /// This entry cannot be projected; its book is parked.
    #[error("{reason}")]
    Poison {
        /// The entry's place in the batch.
        entry: usize,
        /// Why.
        reason: String,
    },
    /// The store is not where this process left it: another instance has gone on, or the last commit did succeed.
    #[error("the store is further than this process: {0}")]
    Overtaken(String),
    /// This process cannot go on at all; an operator must act.
    #[error("{0}")]
    Stopped(String),
}

/// A store that follows the journals.
pub trait Sink: Send + 'static {
    /// Its name in checkpoints, metrics and health.
    fn name(&self) -> &'static str;

    /// Whether an entry that it applies belongs to the trace of the command behind it. A build reads old entries again.
    fn is_traced(&self) -> bool {
        true
    }

    /// Prepares the store and reads where it stands. Asked at the start, and whenever the engine has lost its footing.
    fn resume(&mut self) -> impl Future<Output = Result<Standing, SinkError>> + Send;

    /// Stores the entries' rows and the progress together, or nothing. A batch that may have been stored already is
    /// given again unchanged, and must then change nothing.
    fn apply(&mut self, batch: &Batch) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// All that was appended before this time is applied, in milliseconds since 1970; told now and then.
    fn applied_until(&mut self, _millis: i64) {}

    /// Whether there is a reason to ask the store again where it stands: an operator wants a parked book to be tried
    /// again, or a topic that was held can be followed.
    fn look_again(&mut self) -> impl Future<Output = Result<bool, SinkError>> + Send {
        async { Ok(false) }
    }
}
