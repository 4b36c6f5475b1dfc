//! What can be wrong with bytes on the wire, in one sentence each.

use daybook_kernel::Malformed;
use thiserror::Error;

use crate::hex::Hex;

/// Bytes could not be written or read. A reader that meets one stops or parks the book; it never skips.
#[derive(Debug, Error)]
pub enum WireError {
    /// The value does not begin as Confluent's wire format does.
    #[error("an entry begins with byte 0 and a schema id of four bytes, this one does not")]
    Frame,
    /// The envelope's format is of a later version.
    #[error("the envelope has format {0}, this program knows {known} only: upgrade it before it reads on", known = crate::envelope::FORMAT)]
    Format(i32),
    /// A field does not hold what its schema says.
    #[error("{at}: expected {expected}")]
    Field {
        /// The path of the field.
        at: String,
        /// What the schema says.
        expected: &'static str,
    },
    /// A datum does not have its shape.
    #[error("{at}: expected {expected}, found {found}")]
    Datum {
        /// The path of the field.
        at: String,
        /// What the shape says.
        expected: &'static str,
        /// What was given.
        found: &'static str,
    },
    /// Personal data in clear: it is sealed before anything is decided.
    #[error("{at}: personal data must be sealed before it is written")]
    Unsealed {
        /// The path of the field.
        at: String,
    },
    /// Bytes are left over after the last field.
    #[error("{0} bytes are left over after the last field")]
    Trailing(usize),
    /// No aggregate of this program declares the event.
    #[error("no aggregate declares the event {0}")]
    UnknownEvent(String),
    /// The event's schema has not been learned.
    #[error("{event} was written in schema {fingerprint}, which the schemas topic has not shown yet", fingerprint = Hex(fingerprint))]
    UnknownSchema {
        /// The event's type.
        event: String,
        /// SHA-256 of the schema's text.
        fingerprint: [u8; 32],
    },
    /// A schema's text is not a schema.
    #[error("not an Avro schema: {0}")]
    Schema(#[source] Box<apache_avro::Error>),
    /// Bytes of an older schema could not be resolved to the present one.
    #[error("{event} of an older schema cannot be read: {source}")]
    Resolve {
        /// The event's type.
        event: String,
        /// Why.
        source: Box<apache_avro::Error>,
    },
}

impl WireError {
    /// The same error, of a field inside the one named.
    pub(crate) fn inside(mut self, name: &str) -> Self {
        if let WireError::Field { at, .. } | WireError::Datum { at, .. } | WireError::Unsealed { at } = &mut self {
            match at.is_empty() || at.starts_with('[') {
                true => at.insert_str(0, name),
                false => *at = format!("{name}.{at}"),
            }
        }
        self
    }
}

impl From<Malformed> for WireError {
    fn from(error: Malformed) -> Self {
        WireError::Datum { at: error.at, expected: error.expected, found: error.found }
    }
}
