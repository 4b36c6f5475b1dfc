//! What devices say of passkeys: CBOR and its kin, from whoever likes to send it.

use daybook_sign_in::passkeys::authenticator::{AuthenticatorData, attested};
use daybook_sign_in::passkeys::client::{Ceremony, ClientData};
use daybook_sign_in::passkeys::cose::PublicKey;

/// Whatever is read was there: an id and a key are parts of what came. No key signs nothing.
pub fn passkey(bytes: &[u8]) {
    for data in [Ok(bytes), attested(bytes)].into_iter().flatten() {
        if let Ok(AuthenticatorData { made: Some(made), .. }) = AuthenticatorData::read(data) {
            assert!((1..=1023).contains(&made.id.len()) && made.id.len() + made.key.len() <= data.len());
            key(made.key);
        }
    }
    key(bytes);
    let _ = ClientData::read(bytes, Ceremony::Get);
}

fn key(bytes: &[u8]) {
    if let Ok(key) = PublicKey::read(bytes) {
        assert!(key.verify(bytes, &[]).is_err(), "no signature is none");
    }
}
