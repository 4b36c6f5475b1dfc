//! The safe: what has to be opened again is sealed before it is kept (AES-256-GCM, NIST SP 800-38D), under a key that is not
//! in the database. A copy of the tables alone opens nothing, and gives nothing to guess at.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac, rand,
};
use uuid::Uuid;

/// The key is not what it has to be.
#[derive(Debug, thiserror::Error)]
#[error("sign_in.key_file: the key must be 64 hexadecimal digits")]
pub struct KeyError;

/// Why the key of marks is derived.
const MARKS: &[u8] = b"daybook sign-in marks v1";

/// Seals and opens.
pub struct Safe {
    key: LessSafeKey,
    marks: hmac::Key,
}

impl Safe {
    /// A safe with the key that these 64 hexadecimal digits say.
    ///
    /// # Errors
    /// When they are not 64 hexadecimal digits; the error does not repeat them.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let digit =
            |place: usize| text.get(place * 2..place * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..32).map(digit).collect();
        let bytes =
            bytes.filter(|_| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())).ok_or(KeyError)?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| KeyError)?;
        let marks = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), MARKS);
        Ok(Self { key: LessSafeKey::new(key), marks: hmac::Key::new(hmac::HMAC_SHA256, marks.as_ref()) })
    }

    /// Seals something that is kept under that name: moved to another place, it opens no more.
    ///
    /// # Panics
    /// Never below 64 GiB, or where the system gives random bytes.
    pub fn seal(&self, name: &str, clear: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random();
        let mut bytes = clear.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name.as_bytes()), &mut bytes)
            .expect("AES-GCM seals up to 64 GiB");
        [&nonce, bytes.as_slice()].concat()
    }

    /// The mark by which something is known again that is not kept: a keyed hash of these parts, in this order.
    pub fn mark(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mark = hmac::Context::with_key(&self.marks);
        for part in parts {
            mark.update(&(part.len() as u64).to_be_bytes());
            mark.update(part);
        }
        let mark = mark.sign();
        std::array::from_fn(|place| mark.as_ref()[place])
    }

    /// Opens it; none where it was sealed under another key or name, or altered.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, bytes) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = bytes.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        Some(self.key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut bytes).ok()?.to_vec())
    }
}

/// The name under which a secret of somebody is sealed.
pub fn name(kind: &str, id: Uuid) -> String {
    format!("{kind}/{id}")
}

/// Random bytes.
///
/// # Panics
/// Where the system has none, which no secret may pass over.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    std::array::from_fn(|place| digest.as_ref()[place])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_its_parts_and_of_the_key() {
        let (safe, other) = (Safe::from_hex(&"5a".repeat(32)).unwrap(), Safe::from_hex(&"5b".repeat(32)).unwrap());
        assert_eq!(safe.mark(&[b"a", b"bc"]), safe.mark(&[b"a", b"bc"]));
        assert_ne!(safe.mark(&[b"a", b"bc"]), safe.mark(&[b"ab", b"c"]));
        assert_ne!(safe.mark(&[b"a"]), other.mark(&[b"a"]));
    }

    #[test]
    fn only_the_same_key_and_name_open_it() {
        let safe = Safe::from_hex(&"5a".repeat(32)).unwrap();
        let sealed = safe.seal("totp/1", b"seed");
        assert_eq!(safe.open("totp/1", &sealed).unwrap(), b"seed");
        assert!(safe.open("totp/2", &sealed).is_none());
        assert!(Safe::from_hex(&"5b".repeat(32)).unwrap().open("totp/1", &sealed).is_none());
        assert_ne!(safe.seal("totp/1", b"seed"), sealed, "equal secrets do not look equal");
        let mut altered = sealed;
        altered[20] ^= 1;
        assert!(safe.open("totp/1", &altered).is_none() && safe.open("totp/1", &[1, 2]).is_none());
        for wrong in ["", "5a", &"5g".repeat(32), &"+5".repeat(32), &"5a".repeat(33)] {
            assert!(Safe::from_hex(wrong).is_err(), "{wrong}");
        }
    }
}
