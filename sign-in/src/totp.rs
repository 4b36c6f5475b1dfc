//! Codes that change with the time (TOTP, RFC 6238): six digits every 30 seconds, HMAC-SHA-1 as authenticator apps have it.

use aws_lc_rs::hmac;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sealed::random;

/// How long a code is shown, in seconds.
const PERIOD: i64 = 30;

/// So many steps before and after the present one are accepted: clocks differ (RFC 6238, section 5.2).
const WINDOW: i64 = 1;

/// Letters of Base32 (RFC 4648).
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What the app and we know.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(Vec<u8>);

impl Seed {
    /// A fresh one of 160 bits (RFC 4226, section 4).
    pub fn fresh() -> Self {
        Self(random::<20>().to_vec())
    }

    /// The one that was kept.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be sealed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it: Base32 without padding.
    pub fn base32(&self) -> String {
        base32(&self.0)
    }

    /// As apps scan it (Key Uri Format).
    pub fn uri(&self, account: &str) -> String {
        let account: String = account.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).collect();
        format!(
            "otpauth://totp/Daybook:{account}?secret={}&issuer=Daybook&algorithm=SHA1&digits=6&period=30",
            self.base32()
        )
    }

    /// The step of a code that is right at that time, in seconds since 1970. Every step of the window is looked at, whichever fits.
    pub fn step(&self, code: &str, now: i64) -> Option<i64> {
        let asked: u32 =
            Some(code).filter(|code| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        let present = now / PERIOD;
        (present - WINDOW..=present + WINDOW)
            .fold(None, |found, step| if self.code(step) == asked { Some(step) } else { found })
    }

    fn code(&self, step: i64) -> u32 {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let place = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes([tag[place], tag[place + 1], tag[place + 2], tag[place + 3]]);
        (number & 0x7fff_ffff) % 1_000_000
    }
}

/// Bytes in Base32 without padding.
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut group = [0; 8];
        group[3..3 + chunk.len()].copy_from_slice(chunk);
        let group = u64::from_be_bytes(group);
        let letters = (chunk.len() * 8).div_ceil(5);
        text.extend((0..letters).map(|n| LETTERS[(group >> (35 - 5 * n) & 31) as usize] as char));
    }
    text
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_rfc_6238() {
        let seed = Seed::from_bytes(b"12345678901234567890".to_vec());
        // Appendix B, the last six of its eight digits.
        for (time, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            assert_eq!(seed.step(code, time), Some(time / 30), "{time}");
            assert_eq!(seed.step(code, time + 30), Some(time / 30), "a step late");
            assert_eq!(seed.step(code, time + 90), None, "three steps late");
        }
        for wrong in ["", "28708", "2870820", "+87082", "28708a", "000000"] {
            assert_eq!(seed.step(wrong, 59), None, "{wrong}");
        }
    }

    #[test]
    fn base32_as_rfc_4648_has_it() {
        for (bytes, text) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        let seed = Seed::from_bytes(b"12345678901234567890".to_vec());
        assert!(seed.uri("a b/c").starts_with("otpauth://totp/Daybook:abc?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"));
    }
}
