//! Where an entry stands: the place a receipt names, and the partition a tenant's books live in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::error::FormError;

/// The place of an admitted entry, written `journal.incident/3#4711`.
///
/// Numbers count a partition's admitted entries from 1 without gaps; 0 means "before the first".
/// Unlike a Kafka offset a position never moves, whatever void records lie in between.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The journal topic, such as `journal.incident`.
    pub topic: Arc<str>,
    /// The topic's partition.
    pub partition: i32,
    /// How many entries of the partition have been admitted, this one included.
    pub number: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.topic, self.partition, self.number)
    }
}

impl FromStr for Position {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let refused = || FormError::new("position", text, "TOPIC/PARTITION#NUMBER, as journal.incident/3#4711");
        let (place, number) = text.rsplit_once('#').ok_or_else(refused)?;
        let (topic, partition) = place.rsplit_once('/').ok_or_else(refused)?;
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        if topic.is_empty() || topic.len() > 249 || !topic.bytes().all(legal) {
            return Err(refused());
        }
        Ok(Position {
            topic: topic.into(),
            partition: plain(partition).and_then(|n| i32::try_from(n).ok()).ok_or_else(refused)?,
            number: plain(number).ok_or_else(refused)?,
        })
    }
}

/// A decimal number in its one canonical form: no sign, no leading zero.
pub(crate) fn plain(text: &str) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|c| c.is_ascii_digit()));
    if canonical { text.parse().ok() } else { None }
}

/// The partition that holds a tenant's books: the first 8 bytes, big endian, of the SHA-256 of the
/// tenant's 16 bytes, modulo the number of partitions.
///
/// We compute it ourselves, since Kafka clients disagree on the partition of a key.
///
/// # Panics
/// Never for `partitions > 0`; a topic has at least one.
pub fn partition_of(tenant: &[u8; 16], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition, not {partitions}");
    let hash = Sha256::digest(tenant);
    let head = hash[..8].iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    (head % partitions as u64) as i32
}
