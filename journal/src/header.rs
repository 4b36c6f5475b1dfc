//! The `gate` header: the binary form of what admission looks at, first version and final.
//!
//! Big endian: version `1` (u8), kind (u8: 0 claim, 1 entry), term (u64), owner (16 bytes); then a
//! claim's code version (u32), or an entry's seq (u64), number (u64) and previous digest (32 bytes).

use crate::digest::{Digest, OwnerId};
use crate::gate::Halt;

/// The name of the Kafka record header that holds a [`Header`].
pub const GATE: &str = "gate";

/// The name of the Kafka record header that holds the W3C trace context of an entry.
pub const TRACEPARENT: &str = "traceparent";

const VERSION: u8 = 1;
const CLAIM: u8 = 0;
const ENTRY: u8 = 1;
const CLAIM_LENGTH: usize = 2 + 8 + 16 + 4;
const ENTRY_LENGTH: usize = 2 + 8 + 16 + 8 + 8 + 32;

/// What admission knows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// "From here on I own this partition." The record's value is the owner's forwarding URL.
    Claim {
        /// One more than the term the claimant has read.
        term: u64,
        /// The claimant's fresh name.
        owner: OwnerId,
        /// The version of the claimant's code; nobody claims below the highest seen.
        code_version: u32,
    },
    /// One accepted command with its events, or a barrier.
    Entry {
        /// The term of the claim it was decided under.
        term: u64,
        /// The owner of that claim.
        owner: OwnerId,
        /// Counts 0, 1, 2 … within the claim.
        seq: u64,
        /// The number it gets when it is admitted.
        number: u64,
        /// The digest of the admitted entry before it.
        previous: Digest,
    },
}

impl Header {
    /// The binary form.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENTRY_LENGTH);
        match self {
            Header::Claim { term, owner, code_version } => {
                bytes.extend([VERSION, CLAIM]);
                bytes.extend(term.to_be_bytes());
                bytes.extend(owner.0);
                bytes.extend(code_version.to_be_bytes());
            }
            Header::Entry { term, owner, seq, number, previous } => {
                bytes.extend([VERSION, ENTRY]);
                bytes.extend(term.to_be_bytes());
                bytes.extend(owner.0);
                bytes.extend(seq.to_be_bytes());
                bytes.extend(number.to_be_bytes());
                bytes.extend(previous.0);
            }
        }
        bytes
    }

    /// Reads the binary form. A version, kind or length that this code does not know is no void: it
    /// stops the reader, since it cannot tell what others admit.
    pub fn decode(bytes: &[u8]) -> Result<Header, Halt> {
        match *bytes {
            [] => {
                return Err(Halt::Malformed { reason: "the gate header is empty".into() });
            }
            [VERSION, ..] => {}
            [version, ..] => return Err(Halt::UnknownVersion { version }),
        }
        let mut fields = Fields(&bytes[1..]);
        let header = (|| {
            let [kind] = fields.take()?;
            let term = u64::from_be_bytes(fields.take()?);
            let owner = OwnerId(fields.take()?);
            match kind {
                CLAIM if bytes.len() == CLAIM_LENGTH => {
                    Some(Header::Claim { term, owner, code_version: u32::from_be_bytes(fields.take()?) })
                }
                ENTRY if bytes.len() == ENTRY_LENGTH => Some(Header::Entry {
                    term,
                    owner,
                    seq: u64::from_be_bytes(fields.take()?),
                    number: u64::from_be_bytes(fields.take()?),
                    previous: Digest(fields.take()?),
                }),
                _ => None,
            }
        })();
        header.ok_or_else(|| Halt::Malformed {
            reason: format!("the gate header's {} bytes are neither a claim's nor an entry's", bytes.len()),
        })
    }
}

/// The bytes that are still to be read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}
