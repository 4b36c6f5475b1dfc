//! What others know of an API key: whether it can be used, so that tokens got for it are refused when it cannot.

use daybook_kernel::{Fact, Referable};

/// What a user gave a program.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// Whether it can be used.
    pub is_live: bool,
}

impl Referable for ApiKey {
    const TYPE: &'static str = "identity.ApiKey";
}

impl Fact for ApiKey {}
