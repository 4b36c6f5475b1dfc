//! Personal data, sealed at the edge before anything is decided and opened only where an answer may show it.
//!
//! AES-256-GCM under a key of its own for each aggregate; the key's id is associated data. The nonce is derived from the
//! text and its field (a synthetic nonce, as in RFC 8452's construction), so the same text in the same field of the same
//! aggregate is sealed into the same bytes: saying the same thing twice is noticed without opening anything. What that
//! gives away is just this equality, inside one aggregate.
//!
//! Here is the cryptography alone. Which keys there are, and which were destroyed, the vault knows (`vault/`).

mod key;
mod mask;
mod ring;

use std::fmt;

use crate::hex::unhex;
use aws_lc_rs::{
    hkdf::{HKDF_SHA256, Prk, Salt},
    hmac,
};
use daybook_kernel::{Datum, RecordShape, Shape, Tenant};
use thiserror::Error;
use uuid::Uuid;

pub use key::DataKey;
pub use mask::{mask, mask_json};
pub use ring::{Held, Ring, Unopenable, keys_in, keys_of};

/// The secret of an installation: requests, cursors and blind indexes are hashed with it; and from before keys were managed, data keys
/// were derived from it, which still open what was sealed with them.
pub struct Sealer {
    master: Prk,
    fingerprints: hmac::Key,
}

/// Personal data could not be sealed or opened. Says where, never what.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealingError {
    /// The master key of the settings is not one.
    #[error("sealing.key must be 32 bytes as 64 hexadecimal digits")]
    MasterKey,
    /// The bytes were altered, or the key is not the one they were sealed with.
    #[error("{at}: cannot be opened: the key is not the one it was sealed with, or the bytes were altered")]
    Unopenable {
        /// The path of the field.
        at: String,
    },
    /// Only what is a text can be sealed.
    #[error("{at}: only a text can be sealed, not {found}")]
    NotText {
        /// The path of the field.
        at: String,
        /// What was found.
        found: &'static str,
    },
    /// The datum does not have the shape given.
    #[error("{at}: expected {expected}, found {found}")]
    Shape {
        /// The path of the field.
        at: String,
        /// What the shape says.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(keys not shown)")
    }
}

impl Sealer {
    /// A sealer with that master key.
    pub fn new(master: &[u8; 32]) -> Self {
        let master = Salt::new(HKDF_SHA256, &[]).extract(master);
        let fingerprints = hmac::Key::new(hmac::HMAC_SHA256, &key::expand(&master, &[b"daybook fingerprint v1"]));
        Self { master, fingerprints }
    }

    /// A sealer with the master key that these 64 hexadecimal digits say.
    ///
    /// # Errors
    /// When they are not 64 hexadecimal digits; the error does not repeat them.
    pub fn from_hex(master: &str) -> Result<Self, SealingError> {
        let bytes: Option<[u8; 32]> = unhex(master.trim()).and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| Self::new(&bytes)).ok_or(SealingError::MasterKey)
    }

    /// The data key of that id that is derived from the master key.
    pub fn derived(&self, tenant: Tenant, id: Uuid) -> DataKey {
        DataKey::of(&self.master, tenant, id)
    }

    /// A ring without any key: it opens what was sealed with derived ones.
    pub fn ring(&self) -> Ring {
        Ring::new(self.master.clone())
    }

    /// HMAC-SHA256 over parts, each behind its length, so that no two lists of parts look the same: tells whether two
    /// requests are the same without keeping what they say.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hmac = hmac::Context::with_key(&self.fingerprints);
        for part in parts {
            hmac.update(&(part.len() as u64).to_be_bytes());
            hmac.update(part);
        }
        key::first(hmac.sign().as_ref())
    }
}

/// Whether a record holds anything personal in clear, which is to be sealed.
///
/// # Errors
/// When the datum does not have the record's shape.
pub fn is_in_clear(shape: &RecordShape, datum: &mut Datum) -> Result<bool, SealingError> {
    let mut found = false;
    each_in_record(shape, datum, &mut String::new(), &mut |_, datum| {
        found |= !matches!(datum, Datum::Sealed(_));
        Ok(())
    })?;
    Ok(found)
}

type Each<'a> = &'a mut dyn FnMut(&str, &mut Datum) -> Result<(), SealingError>;

/// Visits every personal value that is there; `at` holds the names of the fields on the way, without places in lists,
/// so that a value keeps its seal when the list around it changes.
fn each_in_record(
    shape: &RecordShape,
    datum: &mut Datum,
    at: &mut String,
    visit: Each<'_>,
) -> Result<(), SealingError> {
    let fields = match datum {
        Datum::Record(fields) if fields.len() == shape.fields.len() => fields,
        other => {
            let at = if at.is_empty() { shape.name.to_owned() } else { at.clone() };
            return Err(SealingError::Shape { at, expected: "a record of its fields", found: other.kind() });
        }
    };
    for (field, datum) in shape.fields.iter().zip(fields) {
        if field.shape.holds_personal() {
            let length = at.len();
            if length > 0 {
                at.push('.');
            }
            at.push_str(field.name);
            each(&field.shape, datum, at, visit)?;
            at.truncate(length);
        }
    }
    Ok(())
}

fn each(shape: &Shape, datum: &mut Datum, at: &mut String, visit: Each<'_>) -> Result<(), SealingError> {
    match (shape, datum) {
        (Shape::Optional(_), Datum::Null) => Ok(()),
        (Shape::Optional(of), datum) => each(of, datum, at, visit),
        (Shape::Personal(_), datum) => visit(at, datum),
        (Shape::List { of, .. }, Datum::List(items)) => items.iter_mut().try_for_each(|item| each(of, item, at, visit)),
        (Shape::Map { of, .. }, Datum::Map(items)) => items.values_mut().try_for_each(|item| each(of, item, at, visit)),
        (Shape::Record(record), datum) => each_in_record(record, datum, at, visit),
        (Shape::Log(record), Datum::Log { fresh, .. }) => {
            fresh.iter_mut().try_for_each(|item| each_in_record(record, item, at, visit))
        }
        (_, other) => {
            let expected = "what its shape says";
            Err(SealingError::Shape { at: at.clone(), expected, found: other.kind() })
        }
    }
}
