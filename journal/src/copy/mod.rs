//! A journal as it lies in its log, record for record: what a backup holds, and what a restore puts back.
//!
//! Claims and void records are copied too, so that offsets, positions and digests are the same afterwards. Who restores
//! calls [`begin`] first and [`end`] last: between the two every process of ours refuses the journal, so that nobody
//! writes behind half of a history.

mod logs;
mod unfinished;

use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Header as NamedBytes, Headers, Message, OwnedHeaders};

use crate::digest::{Digest, OwnerId};
use crate::error::JournalError;
use crate::gate::{Gate, Halt};
use crate::header::{GATE, Header};
use crate::sending::Item;
use crate::track::{Passage, Record, Track};

pub use logs::{Excerpt, Logs, Restoring};
pub use unfinished::{begin, end, unfinished};

/// A record of a log, as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// Its Kafka offset.
    pub offset: i64,
    /// When it was appended, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its key; a journal's records have none.
    pub key: Option<Vec<u8>>,
    /// Header names and values, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

impl Raw {
    fn of(message: &BorrowedMessage<'_>) -> Raw {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Raw {
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(0),
            key: message.key().map(<[u8]>::to_vec),
            headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
            value: message.payload().map(<[u8]>::to_vec),
        }
    }

    /// What stands where the source had an offset without a record, such as the end of somebody's transaction: a record of
    /// term 0, which is void for everyone.
    fn filler(offset: i64, timestamp: i64) -> Raw {
        let nothing = Header::Entry { term: 0, owner: OwnerId::default(), seq: 0, number: 0, previous: Digest::NONE };
        let headers = vec![(GATE.to_owned(), Some(nothing.encode()))];
        Raw { offset, timestamp, headers, ..Raw::default() }
    }

    fn item(&self, partition: i32) -> Item<'_> {
        let named = OwnedHeaders::new_with_capacity(self.headers.len());
        Item {
            partition,
            timestamp: Some(self.timestamp),
            key: self.key.as_deref(),
            headers: self
                .headers
                .iter()
                .fold(named, |all, (key, value)| all.insert(NamedBytes { key, value: value.as_deref() })),
            value: self.value.as_deref(),
        }
    }
}

/// What a partition amounts to after the records that were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Records, of whatever kind.
    pub records: u64,
    /// Claims that stood.
    pub claims: u64,
    /// Records that are void.
    pub voids: u64,
    /// The gate after the last of them: the last number and the end of the chain of digests.
    pub gate: Gate,
}

/// Looks at a partition's records, from the first on, by the admission rule.
#[derive(Debug)]
pub struct Audit {
    track: Track,
    records: u64,
    claims: u64,
}

impl Audit {
    /// Nothing has been looked at yet.
    pub fn new(topic: &str, partition: i32) -> Audit {
        Audit { track: Track::new(topic.into(), partition, None), records: 0, claims: 0 }
    }

    /// Looks at the next record.
    ///
    /// # Errors
    /// The log was cut or altered before it.
    pub fn take(&mut self, raw: &Raw) -> Result<(), Halt> {
        let headers = raw.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        let record = Record::from_parts(raw.offset, raw.timestamp, headers, raw.value.as_deref())?;
        if let Passage::Claimed { .. } = self.track.read(&record)? {
            self.claims += 1;
        }
        self.records += 1;
        Ok(())
    }

    /// What the records amount to.
    pub fn tip(&self) -> Tip {
        let Track { voids, gate, .. } = self.track;
        Tip { records: self.records, claims: self.claims, voids, gate }
    }
}

/// Why a partition cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Kafka refused or could not be reached.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log does not reach from offset 0 to the end that was asked for.
    #[error("{topic}/{partition}: {halt}")]
    Cut {
        /// The journal topic.
        topic: Arc<str>,
        /// Its partition.
        partition: i32,
        /// What is missing.
        halt: Halt,
    },
    /// A copy begins with an empty log.
    #[error("{topic}/{partition} holds records up to offset {end} already: nothing is appended behind them")]
    NotEmpty {
        /// The journal topic.
        topic: Arc<str>,
        /// Its partition.
        partition: i32,
        /// Where its log ends.
        end: i64,
    },
}
