//! Key-encryption keys as a port: they wrap data keys and are never in the database that these lie in.
//!
//! The port has the shape of a key management service (wrap and unwrap under a key that is named, bound to a context), so that one
//! fits behind it; the implementation here is a folder of files ([`crate::folder`]).

use std::{future::Future, pin::Pin};

use daybook_kernel::Tenant;
use thiserror::Error;
use uuid::Uuid;

/// A data key could not be wrapped or unwrapped. Says which key-encryption key, never what it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KekError {
    /// There is no such key: it was never here, or was taken away too early.
    #[error("there is no key-encryption key {0:?}")]
    Unknown(String),
    /// A key cannot be read, or is none.
    #[error("{0}")]
    Unreadable(String),
    /// The wrapped key is damaged, or of another row.
    #[error("a data key does not unwrap under the key-encryption key {0:?}: its row was altered")]
    Altered(String),
}

/// The answer of a port that may be far away.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, KekError>> + Send + 'a>>;

/// Who holds the key-encryption keys.
pub trait KeyEncryption: Send + Sync {
    /// The id of the key under which new data keys are wrapped.
    ///
    /// # Errors
    /// There is none.
    fn current(&self) -> Result<String, KekError>;

    /// Wraps a data key, bound to that context.
    fn wrap<'a>(&'a self, kek: &'a str, secret: &'a [u8; 32], context: &'a [u8]) -> Answer<'a, Vec<u8>>;

    /// Unwraps what was wrapped under that key and context.
    fn unwrap<'a>(&'a self, kek: &'a str, wrapped: &'a [u8], context: &'a [u8]) -> Answer<'a, [u8; 32]>;
}

/// What a wrapped data key is bound to: a row that is copied over another's opens nothing.
pub(crate) fn context(tenant: Tenant, id: Uuid) -> Vec<u8> {
    [b"daybook vault v1", tenant.as_bytes().as_slice(), id.as_bytes()].concat()
}
