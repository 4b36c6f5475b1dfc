//! A data key: what one aggregate's personal data is sealed with.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{self, HKDF_SHA256, Prk, Salt},
    hmac,
};
use daybook_kernel::{Datum, RecordShape, Sealed, Tenant};
use uuid::Uuid;

use super::{SealingError, each_in_record};

/// The key of one aggregate's personal data. What it is made of is not shown.
pub struct DataKey {
    id: Uuid,
    cipher: LessSafeKey,
    nonces: hmac::Key,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

impl DataKey {
    /// The key that 32 random bytes make, for that id in that tenant.
    pub fn new(secret: &[u8; 32], tenant: Tenant, id: Uuid) -> Self {
        Self::of(&Salt::new(HKDF_SHA256, &[]).extract(secret), tenant, id)
    }

    pub(super) fn of(secret: &Prk, tenant: Tenant, id: Uuid) -> Self {
        let derive = |purpose: &[u8]| expand(secret, &[purpose, tenant.as_bytes(), id.as_bytes()]);
        let cipher =
            UnboundKey::new(&AES_256_GCM, &derive(b"daybook personal v1")).expect("32 bytes are an AES-256 key");
        Self {
            id,
            cipher: LessSafeKey::new(cipher),
            // A key of its own: one secret never serves two algorithms.
            nonces: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"daybook nonce v1")),
        }
    }

    /// Seals every personal value in clear; those sealed already stay as they are.
    ///
    /// # Errors
    /// When the datum does not have the record's shape, or a personal value is no text.
    pub fn seal(&self, shape: &RecordShape, datum: &mut Datum) -> Result<(), SealingError> {
        if shape.fields.iter().all(|field| !field.shape.holds_personal()) {
            return Ok(());
        }
        each_in_record(shape, datum, &mut String::new(), &mut |at, datum| {
            let sealed = match datum {
                Datum::Sealed(_) => return Ok(()),
                Datum::Text(text) => self.seal_text(at, text),
                other => return Err(SealingError::NotText { at: at.to_owned(), found: other.kind() }),
            };
            *datum = Datum::Sealed(Box::new(sealed));
            Ok(())
        })
    }

    fn seal_text(&self, field: &str, text: &str) -> Sealed {
        let mut hmac = hmac::Context::with_key(&self.nonces);
        hmac.update(&(field.len() as u64).to_be_bytes());
        hmac.update(field.as_bytes());
        hmac.update(text.as_bytes());
        let nonce: [u8; 12] = first(hmac.sign().as_ref());
        let mut bytes = Vec::with_capacity(text.len() + AES_256_GCM.tag_len());
        bytes.extend_from_slice(text.as_bytes());
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(self.id.as_bytes()), &mut bytes)
            .expect("AES-GCM seals up to 64 GiB");
        Sealed { key: self.id, nonce, ciphertext: bytes.into() }
    }

    /// The text of a sealed value; `None` when it was sealed with another key, or altered.
    pub(super) fn open(&self, sealed: &Sealed) -> Option<String> {
        let mut bytes = sealed.ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let text = self.cipher.open_in_place(nonce, Aad::from(self.id.as_bytes()), &mut bytes).ok()?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
}

/// 32 bytes of HKDF-SHA256 for a purpose.
pub(super) fn expand(secret: &Prk, info: &[&[u8]]) -> [u8; 32] {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0; 32];
    secret.expand(info, Length).and_then(|okm| okm.fill(&mut key)).expect("HKDF gives up to 8,160 bytes");
    key
}

/// The first bytes of a longer digest.
pub(super) fn first<const N: usize>(digest: &[u8]) -> [u8; N] {
    std::array::from_fn(|place| digest[place])
}
