//! Public keys as devices say them (COSE, RFC 9052 and RFC 9053), and what is signed with them (section 6.5.1.1 and 6.5.5).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use minicbor::{Decoder, data::Type};

use super::Flaw;

/// The algorithms that are asked for, the best liked first: ES256, EdDSA with Ed25519, RS256, by their numbers in COSE.
pub const ALGORITHMS: [i32; 3] = [ES256, EDDSA, RS256];

const ES256: i32 = -7;
const EDDSA: i32 = -8;
const RS256: i32 = -257;

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// ECDSA with P-256 and SHA-256: the coordinates of a point.
    Es256(&'a [u8; 32], &'a [u8; 32]),
    /// EdDSA with Ed25519.
    Ed25519(&'a [u8; 32]),
    /// RSASSA-PKCS1-v1_5 with SHA-256: the modulus and the exponent.
    Rs256(&'a [u8], &'a [u8]),
}

/// The fields of a key as they come.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<i32>,
    algorithm: Option<i32>,
    curve: Option<i32>,
    /// Those labelled -1, -2 and -3, which each kind of key has for its own.
    parts: [Option<&'a [u8]>; 3],
}

impl<'a> Fields<'a> {
    fn read(cose: &'a [u8]) -> Option<Self> {
        let mut decoder = Decoder::new(cose);
        let mut fields = Self::default();
        for _ in 0..decoder.map().ok()?.filter(|count| *count <= 32)? {
            match decoder.i32().ok()? {
                1 => fields.kind = Some(decoder.i32().ok()?),
                3 => fields.algorithm = Some(decoder.i32().ok()?),
                label @ -3..=-1 if decoder.datatype().ok()? == Type::Bytes => {
                    fields.parts[label.unsigned_abs() as usize - 1] = Some(decoder.bytes().ok()?);
                }
                -1 => fields.curve = Some(decoder.i32().ok()?),
                _ => decoder.skip().ok()?,
            }
        }
        (decoder.position() == cose.len()).then_some(fields)
    }
}

impl<'a> PublicKey<'a> {
    /// Reads a key.
    ///
    /// # Errors
    /// When it is none, or of a kind that is not asked for.
    pub fn read(cose: &'a [u8]) -> Result<Self, Flaw> {
        let fields = Fields::read(cose).ok_or(Flaw::Form("the public key"))?;
        let [first, second, third] = fields.parts;
        let coordinate = |part: Option<&'a [u8]>| part.and_then(|part| part.try_into().ok());
        match (fields.algorithm, fields.kind, fields.curve) {
            (Some(ES256), Some(2), Some(1)) => coordinate(second)
                .zip(coordinate(third))
                .map(|(x, y)| Self::Es256(x, y))
                .ok_or(Flaw::Form("the public key")),
            (Some(EDDSA), Some(1), Some(6)) => {
                coordinate(second).map(Self::Ed25519).ok_or(Flaw::Form("the public key"))
            }
            (Some(RS256), Some(3), None) => {
                first.zip(second).map(|(n, e)| Self::Rs256(n, e)).ok_or(Flaw::Form("the public key"))
            }
            _ => Err(Flaw::Algorithm),
        }
    }

    /// Insists that this key has signed that message.
    ///
    /// # Errors
    /// When it has not.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Flaw> {
        let verified = match self {
            Self::Es256(x, y) => {
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::Rs256(n, e) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        verified.map_err(|_| Flaw::Signature)
    }
}
