//! Passwords: which are good enough (NIST SP 800-63B, section 5.1.1.2), and their hashes (argon2id, RFC 9106).

pub mod breached;
pub mod hashing;
pub mod rules;

pub use hashing::{Hash, Hasher};
pub use rules::Rules;

use unicode_normalization::UnicodeNormalization as _;

/// A password as it is compared: NFKC, so that it does not matter how a keyboard composes letters.
pub fn normalized(password: &str) -> String {
    password.nfkc().collect()
}
