//! What the browser says of a ceremony (section 5.8.1, "Client Data Used in WebAuthn Signatures").

use serde::Deserialize;

use super::Flaw;

/// What was asked of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceremony {
    /// To make a passkey.
    Create,
    /// To sign with one.
    Get,
}

/// What the browser says of it; what else it says is for later versions.
#[derive(Debug, Deserialize)]
pub struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    /// The challenge, as it was sent: base64url.
    pub challenge: String,
    /// The origin of the page.
    pub origin: String,
    #[serde(rename = "crossOrigin", default)]
    is_within_another: bool,
}

impl ClientData {
    /// Reads it, and sees that it is of that ceremony, on a page of its own.
    ///
    /// # Errors
    /// When it is not.
    pub fn read(bytes: &[u8], ceremony: Ceremony) -> Result<Self, Flaw> {
        let data: Self = serde_json::from_slice(bytes).map_err(|_| Flaw::Form("clientDataJSON"))?;
        let kind = match ceremony {
            Ceremony::Create => "webauthn.create",
            Ceremony::Get => "webauthn.get",
        };
        match data.kind == kind {
            true if data.is_within_another => Err(Flaw::Origin),
            true => Ok(data),
            false => Err(Flaw::Ceremony),
        }
    }
}
