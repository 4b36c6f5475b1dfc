//! What a device says of itself and of what it did (section 6.1, "Authenticator Data"), and the object in which it says so of a
//! new passkey (section 6.5, "Attestation").

use minicbor::Decoder;

use super::Flaw;

/// The longest id of a passkey (section 5.8.3).
const LONGEST_ID: usize = 1_023;

/// More fields than any object of these has.
const FIELDS_MAX: u64 = 32;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_PASSKEY: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// What a device says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// The SHA-256 of the domain that the passkey is for.
    pub party: &'a [u8; 32],
    flags: u8,
    /// How often it has signed, where it counts.
    pub count: u32,
    /// The passkey that was made.
    pub made: Option<Made<'a>>,
}

/// A passkey that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made<'a> {
    /// The id that the device has given it.
    pub id: &'a [u8],
    /// Its public key, as COSE has it (RFC 9052).
    pub key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads it, to the last byte.
    ///
    /// # Errors
    /// When it is not in its form.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Flaw> {
        Self::parts(bytes).ok_or(Flaw::Form("authenticatorData"))
    }

    fn parts(bytes: &'a [u8]) -> Option<Self> {
        let (party, rest) = bytes.split_first_chunk::<32>()?;
        let (&[flags], rest) = rest.split_first_chunk::<1>()?;
        let (count, mut rest) = rest.split_first_chunk::<4>()?;
        let mut made = None;
        if flags & HAS_PASSKEY != 0 {
            let (_model, after) = rest.split_first_chunk::<16>()?;
            let (length, after) = after.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (id, after) = after.split_at_checked(length).filter(|_| (1..=LONGEST_ID).contains(&length))?;
            let (key, after) = map(after)?;
            (made, rest) = (Some(Made { id, key }), after);
        }
        if flags & HAS_EXTENSIONS != 0 {
            (_, rest) = map(rest)?;
        }
        // A passkey that cannot be in a second place is not in one.
        let is_sound = flags & (BACKUP_ELIGIBLE | BACKED_UP) != BACKED_UP;
        (rest.is_empty() && is_sound).then_some(Self { party, flags, count: u32::from_be_bytes(*count), made })
    }

    /// Whether somebody was there and has unlocked the device.
    pub fn is_unlocked(&self) -> bool {
        self.flags & (USER_PRESENT | USER_VERIFIED) == USER_PRESENT | USER_VERIFIED
    }

    /// Whether the passkey may be in several devices of its owner ("backup eligible").
    pub fn is_synced(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }
}

/// A CBOR map at the beginning, as its bytes, and what comes after it.
fn map(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut decoder = Decoder::new(bytes);
    decoder.clone().map().ok()?.filter(|fields| *fields <= FIELDS_MAX)?;
    decoder.skip().ok()?;
    bytes.split_at_checked(decoder.position())
}

/// The authenticator data in an attestation object. The statement beside it, by which makers vouch for their devices, is not
/// asked for and not looked at.
///
/// # Errors
/// When it is not in its form.
pub fn attested(object: &[u8]) -> Result<&[u8], Flaw> {
    let read = || -> Option<&[u8]> {
        let mut decoder = Decoder::new(object);
        let fields = decoder.map().ok()?.filter(|fields| *fields <= FIELDS_MAX)?;
        let mut data = None;
        for _ in 0..fields {
            match decoder.str().ok()? {
                "authData" if data.is_none() => data = Some(decoder.bytes().ok()?),
                "authData" => return None,
                _ => decoder.skip().ok()?,
            }
        }
        data.filter(|_| decoder.position() == object.len())
    };
    read().ok_or(Flaw::Form("attestationObject"))
}
