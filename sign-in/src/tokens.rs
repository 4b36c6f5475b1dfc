//! What is given away once and shown again: tokens for mails, refresh tokens, recovery codes, API keys. They are random, and
//! only their SHA-256 is kept.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    sealed::{random, sha256},
    totp::base32,
};

/// The longest text that is taken for a token.
const LONGEST: usize = 200;

/// A fresh token of 256 bits. It says what it is, so that it is known for a secret where it was left lying about.
pub fn fresh(what: &str) -> String {
    format!("{what}_{}", URL_SAFE_NO_PAD.encode(random::<32>()))
}

/// A fresh challenge of 256 bits, as a browser is given it: base64url.
pub fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// A fresh recovery code of 120 bits, as people copy it: from 112 on a plain hash is enough to keep it (OWASP ASVS 5, 6.5.2).
pub fn recovery_code() -> String {
    let letters = base32(&random::<15>()).to_lowercase();
    let groups: Vec<_> = (0..6).map(|n| &letters[n * 4..n * 4 + 4]).collect();
    groups.join("-")
}

/// A recovery code as it is compared.
pub fn typed(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// What is kept of a token.
pub fn hash(token: &str) -> [u8; 32] {
    // Whatever is longer was given by nobody, and is not worth a long hash.
    sha256(&token.as_bytes()[..token.len().min(LONGEST)])
}

/// Whether the token is that of the hash.
pub fn is_of(token: &str, kept: &[u8]) -> bool {
    verify_slices_are_equal(&hash(token), kept).is_ok()
}

/// A fresh API key, and the prefix by which it is found: `dbk_k2x4mz7q_…`.
pub fn api_key() -> (String, String) {
    let prefix = format!("dbk_{}", base32(&random::<5>()).to_lowercase());
    (fresh(&prefix), prefix)
}

/// The prefix of a text that could be an API key.
pub fn prefix_of(key: &str) -> Option<&str> {
    key.split_at_checked(12)
        .filter(|(prefix, rest)| prefix.starts_with("dbk_") && rest.starts_with('_'))
        .filter(|(prefix, _)| prefix[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .map(|(it, _)| it)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_away_is_known_again() {
        let (key, prefix) = api_key();
        assert_eq!(prefix_of(&key), Some(prefix.as_str()));
        assert!(is_of(&key, &hash(&key)) && !is_of(&(key.clone() + "x"), &hash(&key)));
        for wrong in ["", "dbk_", "dbr_aaaaaaaa_b", "dbk_aaaaaaaab", "dbk_\0aaaaaaa_b", "ééééééééééé"] {
            assert_eq!(prefix_of(wrong), None, "{wrong}");
        }
        let code = recovery_code();
        assert_eq!((code.len(), typed(&code).len()), (29, 24));
        assert_eq!(typed(&code.to_uppercase().replace('-', " ")), typed(&code));
    }
}
