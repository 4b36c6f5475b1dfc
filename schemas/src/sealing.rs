//! Personal data, sealed at the edge before anything is decided and opened only where an answer may show it.
//!
//! AES-256-GCM under a key of its own for each aggregate; the key's id is associated data. The nonce is derived from the
//! text and its field (a synthetic nonce, as in RFC 8452's construction), so the same text in the same field of the same
//! aggregate is sealed into the same bytes: saying the same thing twice is noticed without opening anything. What that
//! gives away is just this equality, inside one aggregate.

use std::fmt;

use crate::hex::unhex;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{self, HKDF_SHA256, Prk, Salt},
    hmac,
};
use daybook_kernel::{Datum, RecordShape, Sealed, Shape, Tenant, json};
use serde_json::Value as Json;
use thiserror::Error;
use uuid::Uuid;

/// Seals and opens the personal data of all tenants.
///
/// Until keys are managed, every key is derived from one master key by HKDF-SHA256; destroying a single one comes with
/// key management, and changes nothing on the wire.
pub struct Sealer {
    master: Prk,
    fingerprints: hmac::Key,
}

/// Personal data could not be sealed or opened. Says where, never what.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealingError {
    /// The master key of the settings is not one.
    #[error("sealing.key must be 32 bytes as 64 hexadecimal digits")]
    MasterKey,
    /// The bytes were altered, or the key is not the one they were sealed with.
    #[error("{at}: cannot be opened: the key is not the one it was sealed with, or the bytes were altered")]
    Unopenable {
        /// The path of the field.
        at: String,
    },
    /// Only what is a text can be sealed.
    #[error("{at}: only a text can be sealed, not {found}")]
    NotText {
        /// The path of the field.
        at: String,
        /// What was found.
        found: &'static str,
    },
    /// The datum does not have the shape given.
    #[error("{at}: expected {expected}, found {found}")]
    Shape {
        /// The path of the field.
        at: String,
        /// What the shape says.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(keys not shown)")
    }
}

impl Sealer {
    /// A sealer with that master key.
    pub fn new(master: &[u8; 32]) -> Self {
        let master = Salt::new(HKDF_SHA256, &[]).extract(master);
        let fingerprints = hmac::Key::new(hmac::HMAC_SHA256, &expand(&master, &[b"daybook fingerprint v1"]));
        Self { master, fingerprints }
    }

    /// A sealer with the master key that these 64 hexadecimal digits say.
    ///
    /// # Errors
    /// When they are not 64 hexadecimal digits; the error does not repeat them.
    pub fn from_hex(master: &str) -> Result<Self, SealingError> {
        let bytes: Option<[u8; 32]> = unhex(master.trim()).and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| Self::new(&bytes)).ok_or(SealingError::MasterKey)
    }

    /// Seals every personal value in clear; those sealed already stay as they are.
    ///
    /// # Errors
    /// When the datum does not have the record's shape, or a personal value is no text.
    pub fn seal(
        &self,
        tenant: Tenant,
        key_id: Uuid,
        shape: &RecordShape,
        datum: &mut Datum,
    ) -> Result<(), SealingError> {
        if shape.fields.iter().all(|field| !field.shape.holds_personal()) {
            return Ok(());
        }
        let key = self.key(tenant, key_id);
        each_in_record(shape, datum, &mut String::new(), &mut |at, datum| {
            let sealed = match datum {
                Datum::Sealed(_) => return Ok(()),
                Datum::Text(text) => key.seal(at, text),
                other => return Err(SealingError::NotText { at: at.to_owned(), found: other.kind() }),
            };
            *datum = Datum::Sealed(Box::new(sealed));
            Ok(())
        })
    }

    /// Opens every sealed value.
    ///
    /// # Errors
    /// When one cannot be opened, or the datum does not have the record's shape; then the rest may stay sealed.
    pub fn open(&self, tenant: Tenant, shape: &RecordShape, datum: &mut Datum) -> Result<(), SealingError> {
        each_in_record(shape, datum, &mut String::new(), &mut |at, datum| {
            if let Datum::Sealed(sealed) = datum {
                let text =
                    self.open_text(tenant, sealed).ok_or_else(|| SealingError::Unopenable { at: at.to_owned() })?;
                *datum = Datum::text(text);
            }
            Ok(())
        })
    }

    /// Opens every `{"sealed": …}` in a document.
    ///
    /// # Errors
    /// When one cannot be opened; then the rest may stay sealed.
    pub fn open_json(&self, tenant: Tenant, document: &mut Json) -> Result<(), SealingError> {
        self.open_json_at(tenant, document, "")
    }

    fn open_json_at(&self, tenant: Tenant, json: &mut Json, at: &str) -> Result<(), SealingError> {
        match json {
            Json::Object(object) if object.len() == 1 && object.contains_key("sealed") => {
                let text = json::read_sealed(json).and_then(|sealed| self.open_text(tenant, &sealed));
                *json = Json::String(text.ok_or_else(|| SealingError::Unopenable { at: at.to_owned() })?);
                Ok(())
            }
            Json::Object(object) => {
                let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
                object.iter_mut().try_for_each(|(name, json)| self.open_json_at(tenant, json, &path(name)))
            }
            Json::Array(items) => items.iter_mut().try_for_each(|json| self.open_json_at(tenant, json, at)),
            _ => Ok(()),
        }
    }

    /// The text of a sealed value; `None` when the key is not the one it was sealed with, or the bytes were altered.
    pub fn open_text(&self, tenant: Tenant, sealed: &Sealed) -> Option<String> {
        self.key(tenant, sealed.key).open(sealed)
    }

    /// HMAC-SHA256 over parts, each behind its length, so that no two lists of parts look the same: tells whether two
    /// requests are the same without keeping what they say.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hmac = hmac::Context::with_key(&self.fingerprints);
        for part in parts {
            hmac.update(&(part.len() as u64).to_be_bytes());
            hmac.update(part);
        }
        first(hmac.sign().as_ref())
    }

    fn key(&self, tenant: Tenant, id: Uuid) -> DataKey {
        let derive = |purpose: &[u8]| expand(&self.master, &[purpose, tenant.as_bytes(), id.as_bytes()]);
        let cipher =
            UnboundKey::new(&AES_256_GCM, &derive(b"daybook personal v1")).expect("32 bytes are an AES-256 key");
        DataKey {
            id,
            cipher: LessSafeKey::new(cipher),
            // A key of its own: one secret never serves two algorithms.
            nonces: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"daybook nonce v1")),
        }
    }
}

/// The key of one aggregate's personal data.
struct DataKey {
    id: Uuid,
    cipher: LessSafeKey,
    nonces: hmac::Key,
}

impl DataKey {
    fn seal(&self, field: &str, text: &str) -> Sealed {
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

    fn open(&self, sealed: &Sealed) -> Option<String> {
        let mut bytes = sealed.ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let text = self.cipher.open_in_place(nonce, Aad::from(self.id.as_bytes()), &mut bytes).ok()?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
}

/// 32 bytes of HKDF-SHA256 for a purpose.
fn expand(master: &Prk, info: &[&[u8]]) -> [u8; 32] {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0; 32];
    master.expand(info, Length).and_then(|okm| okm.fill(&mut key)).expect("HKDF gives up to 8,160 bytes");
    key
}

/// The first bytes of a longer digest.
fn first<const N: usize>(digest: &[u8]) -> [u8; N] {
    std::array::from_fn(|place| digest[place])
}

type Each<'a> = &'a mut dyn FnMut(&str, &mut Datum) -> Result<(), SealingError>;

/// Visits every personal value that is there; `at` holds the names of the fields on the way, without places in lists,
/// so that a value keeps its seal when the list around it changes.
fn each_in_record(
    shape: &RecordShape,
    datum: &mut Datum,
    at: &mut String,
    visit: Each<'_>,
) -> Result<(), SealingError> {
    let fields = match datum {
        Datum::Record(fields) if fields.len() == shape.fields.len() => fields,
        other => {
            let at = if at.is_empty() { shape.name.to_owned() } else { at.clone() };
            return Err(SealingError::Shape { at, expected: "a record of its fields", found: other.kind() });
        }
    };
    for (field, datum) in shape.fields.iter().zip(fields) {
        if field.shape.holds_personal() {
            let length = at.len();
            if length > 0 {
                at.push('.');
            }
            at.push_str(field.name);
            each(&field.shape, datum, at, visit)?;
            at.truncate(length);
        }
    }
    Ok(())
}

fn each(shape: &Shape, datum: &mut Datum, at: &mut String, visit: Each<'_>) -> Result<(), SealingError> {
    match (shape, datum) {
        (Shape::Optional(_), Datum::Null) => Ok(()),
        (Shape::Optional(of), datum) => each(of, datum, at, visit),
        (Shape::Personal(_), datum) => visit(at, datum),
        (Shape::List { of, .. }, Datum::List(items)) => items.iter_mut().try_for_each(|item| each(of, item, at, visit)),
        (Shape::Map { of, .. }, Datum::Map(items)) => items.values_mut().try_for_each(|item| each(of, item, at, visit)),
        (Shape::Record(record), datum) => each_in_record(record, datum, at, visit),
        (Shape::Log(record), Datum::Log { fresh, .. }) => {
            fresh.iter_mut().try_for_each(|item| each_in_record(record, item, at, visit))
        }
        (_, other) => {
            let expected = "what its shape says";
            Err(SealingError::Shape { at: at.clone(), expected, found: other.kind() })
        }
    }
}
