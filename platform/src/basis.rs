//! What a token stands on: a session or an API key, which may have ended since the token was signed.
//!
//! A token is believed for minutes; a session that was ended must be over everywhere within seconds. So whoever takes a
//! token asks each time whether what it stands on has ended, of whatever that service learns it from soonest.

use std::pin::Pin;

use uuid::Uuid;

use crate::error::ApiError;

/// What a token of sign-in stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Somebody is signed in (`sid`).
    Session(Uuid),
    /// A program has shown a key (`client_id`).
    ApiKey(Uuid),
}

/// The answer to whether something has ended, on its way.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<bool, ApiError>> + Send + 'a>>;

/// Where it is known what has ended.
pub trait Endings: Send + Sync + 'static {
    /// Whether it has ended. What is not known there yet has only just begun.
    ///
    /// # Errors
    /// 503 where that is not known at present: nobody is let in on a guess.
    fn has_ended(&self, tenant: Uuid, basis: Basis) -> Asked<'_>;
}
