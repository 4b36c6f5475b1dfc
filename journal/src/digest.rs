//! Fingerprints and owner ids: the two byte strings that make a log's history its own.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::error::FormError;

/// SHA-256 of an entry: over its gate header's bytes, then its value's.
///
/// Every entry carries the digest of the admitted entry before it, so that equal digests mean equal
/// histories.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// What the first entry of a partition names as its predecessor: 32 zero bytes.
    pub const NONE: Digest = Digest([0; 32]);

    /// The digest of an entry with this gate header and this value.
    pub fn of(header: &[u8], value: &[u8]) -> Digest {
        Digest(Sha256::new().chain_update(header).chain_update(value).finalize().into())
    }
}

/// The name an owner gives itself in one claim: 16 random bytes, never used again.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct OwnerId(pub [u8; 16]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl FromStr for Digest {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        read_hex(text).map(Digest).ok_or_else(|| FormError::new("digest", text, "64 hexadecimal digits"))
    }
}

impl FromStr for OwnerId {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        read_hex(text).map(OwnerId).ok_or_else(|| FormError::new("owner", text, "32 hexadecimal digits"))
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}
