//! Personal data: sealed from the moment it enters, so that a log that is never erased can forget.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Datum, Malformed, Shape, Value};

/// A personal value. The domain carries it about and compares it, and never reads it: the edge seals it before a
/// command is decided, with the same bytes for the same text, so that saying the same thing twice is still noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Personal<T> {
    /// In clear: only outside the domain, and in scenarios.
    Open(T),
    /// Sealed: AES-256-GCM under the key named.
    Sealed(Box<Sealed>),
}

/// The sealed form of a personal value. Destroying the key erases it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sealed {
    /// The key's id.
    pub key: Uuid,
    /// The nonce.
    pub nonce: [u8; 12],
    /// The ciphertext with its tag.
    pub ciphertext: Box<[u8]>,
}

impl<T: for<'a> From<&'a str>> From<&str> for Personal<T> {
    fn from(text: &str) -> Self {
        Personal::Open(T::from(text))
    }
}

impl<T: Value> Value for Personal<T> {
    const SHAPE: Shape = Shape::Personal(&T::SHAPE);

    fn to_datum(&self) -> Datum {
        match self {
            Personal::Open(value) => value.to_datum(),
            Personal::Sealed(sealed) => Datum::Sealed(sealed.clone()),
        }
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Sealed(sealed) => Ok(Personal::Sealed(sealed)),
            open => T::from_datum(open).map(Personal::Open),
        }
    }
}
