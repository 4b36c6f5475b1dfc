//! Blind indexes, filled at the edge while a body's personal texts are in clear: HMAC-SHA256 under a key of the tenant.
//!
//! The key is derived from the secret that requests are fingerprinted with, so equal texts of two tenants have nothing in
//! common, and a new sealing key is a new index. What is hashed is the field's name and the text as
//! [`blind::normalize`] makes it. The lines of requests never begin as the purpose does.

use aws_lc_rs::hmac;
use daybook_kernel::{Datum, RecordShape, Tenant, blind};

use crate::{hex::Hex, sealing::Sealer};

/// Why the tenant's key is derived.
const PURPOSE: &[u8] = b"daybook blind index v1";

/// Fills the blind indexes of a body that is not sealed yet.
pub fn fill(sealer: &Sealer, tenant: Tenant, shape: &RecordShape, datum: &mut Datum) {
    let key = key(sealer, tenant);
    blind::fill(shape, datum, &|field, text| hash(&key, field, text));
}

/// The index that stands beside a text in that field, in hexadecimal, as views show it: for looking somebody up.
pub fn of(sealer: &Sealer, tenant: Tenant, field: &str, text: &str) -> String {
    Hex(&hash(&key(sealer, tenant), field, &blind::normalize(text))).to_string()
}

fn key(sealer: &Sealer, tenant: Tenant) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &sealer.fingerprint(&[PURPOSE, tenant.as_bytes()]))
}

fn hash(key: &hmac::Key, field: &str, text: &str) -> [u8; 32] {
    let mut hmac = hmac::Context::with_key(key);
    hmac.update(&(field.len() as u64).to_be_bytes());
    hmac.update(field.as_bytes());
    hmac.update(text.as_bytes());
    let hash = hmac.sign();
    std::array::from_fn(|place| hash.as_ref()[place])
}
