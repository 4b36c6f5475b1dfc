//! The relying party: the domain that passkeys are for, the pages they are used on, and the two ceremonies (section 7).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    Flaw,
    authenticator::{self, AuthenticatorData},
    client::{Ceremony, ClientData},
    cose::{ALGORITHMS, PublicKey},
    kept::Passkey,
};
use crate::{sealed::sha256, settings::SignIn};

/// How long somebody may take with the device: five minutes (section 15.1).
pub const PATIENCE_MS: u64 = 5 * 60 * 1_000;

/// The settings of passkeys do not fit each other.
#[derive(Debug, thiserror::Error)]
#[error(
    "sign_in.passkey_origins: {0} must be an origin such as https://desk.example.org, in {1} or below it, and https outside of localhost"
)]
pub struct PartyError(String, String);

/// The relying party.
pub struct Party {
    domain: String,
    hash: [u8; 32],
    origins: Vec<String>,
}

/// A passkey that a device has made: `RegistrationResponseJSON` (section 5.1), as far as it is looked at.
#[derive(Deserialize)]
#[serde(try_from = "Json")]
pub struct Registration {
    id: Base64,
    response: Attestation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client_data: Base64,
    attestation_object: Base64,
}

/// What a device has signed: `AuthenticationResponseJSON` (section 5.1), as far as it is looked at.
#[derive(Deserialize)]
#[serde(try_from = "Json")]
pub struct Assertion {
    /// The id that the device has given the passkey.
    pub id: Base64,
    response: Signed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    #[serde(rename = "clientDataJSON")]
    client_data: Base64,
    authenticator_data: Base64,
    signature: Base64,
    user_handle: Option<Base64>,
}

/// What a browser says of a passkey.
#[derive(Deserialize)]
struct Credential<R> {
    #[serde(rename = "rawId")]
    id: Base64,
    response: R,
}

impl<R: DeserializeOwned> Credential<R> {
    /// Reads it; what is wrong with it names the field it stands in.
    fn read(said: Json) -> Result<Self, String> {
        serde_json::from_value(said)
            .map_err(|error| format!("`credential` must be what PublicKeyCredential.toJSON() gives: {error}"))
    }
}

impl TryFrom<Json> for Registration {
    type Error = String;

    fn try_from(said: Json) -> Result<Self, String> {
        let Credential { id, response } = Credential::read(said)?;
        Ok(Self { id, response })
    }
}

impl TryFrom<Json> for Assertion {
    type Error = String;

    fn try_from(said: Json) -> Result<Self, String> {
        let Credential { id, response } = Credential::read(said)?;
        Ok(Self { id, response })
    }
}

/// Bytes in base64url without padding.
pub struct Base64(pub Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        URL_SAFE_NO_PAD
            .decode(text.as_bytes())
            .map(Self)
            .map_err(|_| serde::de::Error::custom("must be base64url without padding"))
    }
}

/// A passkey that was made, and has passed every check.
#[derive(Debug, PartialEq, Eq)]
pub struct New {
    /// The id that the device has given it.
    pub id: Vec<u8>,
    /// Its public key, as COSE has it.
    pub key: Vec<u8>,
    /// Whether it may be in several devices of its owner.
    pub is_synced: bool,
    /// How often it has signed, where it counts.
    pub count: u32,
}

impl Party {
    /// As the settings say.
    ///
    /// # Errors
    /// When an origin is none, or is not of the domain: no browser would use its passkeys there.
    pub fn new(settings: &SignIn) -> Result<Self, PartyError> {
        let domain = settings.passkey_domain.clone();
        for origin in &settings.passkey_origins {
            let is_of_it = |url: &Url| {
                let host = url.host_str().unwrap_or_default();
                let is_below =
                    host.strip_suffix(domain.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'));
                let is_safe = url.scheme() == "https" || domain == "localhost";
                is_below && is_safe && url.origin().ascii_serialization() == *origin
            };
            if !Url::parse(origin).is_ok_and(|url| is_of_it(&url)) {
                return Err(PartyError(origin.clone(), domain));
            }
        }
        Ok(Self { hash: sha256(domain.as_bytes()), domain, origins: settings.passkey_origins.clone() })
    }

    /// What a device is asked to make a passkey with: one that it knows by itself, and that has to be unlocked. It is called by
    /// the person's address; its maker is not asked for.
    pub fn creation(&self, challenge: &str, user: Uuid, address: &str) -> Json {
        let kinds: Vec<Json> = ALGORITHMS.iter().map(|alg| json!({ "type": "public-key", "alg": alg })).collect();
        json!({ "publicKey": {
            "rp": { "id": self.domain, "name": "Daybook" },
            "user": { "id": handle(user), "name": address, "displayName": address },
            "challenge": challenge,
            "pubKeyCredParams": kinds,
            "timeout": PATIENCE_MS,
            "authenticatorSelection": { "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
            "attestation": "none",
        } })
    }

    /// What a device is asked to sign with: whichever passkey it has for us, so that nobody learns here who has one.
    pub fn request(&self, challenge: &str) -> Json {
        json!({ "publicKey": {
            "challenge": challenge,
            "rpId": self.domain,
            "timeout": PATIENCE_MS,
            "userVerification": "required",
            "allowCredentials": [],
        } })
    }

    /// A passkey that was made, and the challenge it answers (section 7.1). Whether that was given is for the caller to see.
    ///
    /// # Errors
    /// When it is not to be believed.
    pub fn made(&self, said: &Registration) -> Result<(New, String), Flaw> {
        let challenge = self.page(&said.response.client_data, Ceremony::Create)?;
        let data = AuthenticatorData::read(authenticator::attested(&said.response.attestation_object.0)?)?;
        self.unlocked(&data)?;
        let made = data.made.filter(|made| made.id == said.id.0).ok_or(Flaw::Form("attestationObject"))?;
        PublicKey::read(made.key)?;
        let (id, key) = (made.id.to_vec(), made.key.to_vec());
        Ok((New { id, key, is_synced: data.is_synced(), count: data.count }, challenge))
    }

    /// The challenge that a device has answered with this passkey, and how often it has signed now (section 7.2). Whether it was
    /// given, and whether the count is higher than before, is for the caller to see.
    ///
    /// # Errors
    /// When it is not to be believed.
    pub fn signed(&self, said: &Assertion, passkey: &Passkey) -> Result<(String, u32), Flaw> {
        let Signed { client_data, authenticator_data, signature, user_handle } = &said.response;
        let challenge = self.page(client_data, Ceremony::Get)?;
        let data = AuthenticatorData::read(&authenticator_data.0)?;
        self.unlocked(&data)?;
        let is_its_owner = user_handle.as_ref().is_none_or(|handle| handle.0 == passkey.owner.as_bytes());
        if !is_its_owner || data.is_synced() != passkey.is_synced {
            return Err(Flaw::Another);
        }
        let message = [authenticator_data.0.as_slice(), &sha256(&client_data.0)].concat();
        PublicKey::read(&passkey.key)?.verify(&message, &signature.0)?;
        Ok((challenge, data.count))
    }

    /// The challenge that was answered on a page of ours.
    fn page(&self, client_data: &Base64, ceremony: Ceremony) -> Result<String, Flaw> {
        let data = ClientData::read(&client_data.0, ceremony)?;
        match self.origins.contains(&data.origin) {
            true => Ok(data.challenge),
            false => Err(Flaw::Origin),
        }
    }

    fn unlocked(&self, data: &AuthenticatorData<'_>) -> Result<(), Flaw> {
        match *data.party == self.hash {
            true if data.is_unlocked() => Ok(()),
            true => Err(Flaw::Unverified),
            false => Err(Flaw::Party),
        }
    }
}

/// By what a device knows whose a passkey is: the user's id, which says nothing of the person.
fn handle(user: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(user.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
