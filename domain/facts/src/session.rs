//! What others know of a session: whether it has ended, so that its tokens are refused.

use daybook_kernel::{Choice, Fact, Referable};

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Somebody is signed in.
    Active,
    /// Over for good.
    Ended,
}

/// Somebody's being signed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Where it stands.
    pub status: Status,
}

impl Referable for Session {
    const TYPE: &'static str = "identity.Session";
}

impl Fact for Session {}
