//! What an identity provider publishes of itself (OpenID Connect Discovery 1.0): where it is spoken to, and the keys it signs with.
//!
//! Both are kept for some minutes. A token that names another key has the keys read anew, so that a provider may change them at
//! any time; at most once a second, so that made-up names are no lever against it. Where it does not answer, what was read stays.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_platform::abroad::{Abroad, AbroadError, Bytes, Request, StatusCode};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value as Json;
use tokio::sync::Mutex;

/// How long what was read is taken as it is.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// The least time between two readings for a key that is not known.
const SELDOM: Duration = Duration::from_secs(1);

/// So many issuers at most are kept.
const KEPT: usize = 1_000;

/// So many keys at most are looked at.
const KEYS: usize = 100;

/// Why nothing is known of a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It cannot be called.
    #[error("{0}: {1}")]
    Call(String, AbroadError),
    /// It answers that it cannot.
    #[error("{0} answers {1}")]
    Status(String, u16),
    /// What it says is not as it has to be.
    #[error("{0}")]
    Said(String),
}

/// What a provider says of itself, as far as it is looked at.
#[derive(Debug, Clone, Deserialize)]
pub struct Document {
    /// Its name.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where codes are exchanged.
    pub token_endpoint: String,
    jwks_uri: String,
    /// How we may show there who we are; by `client_secret_basic` where it is not said.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether it says its name when it sends people back (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// A key that a provider signs with.
#[derive(Clone)]
pub struct Key {
    id: Option<String>,
    /// The one algorithm that it is used with.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
}

#[derive(Clone)]
struct Read {
    document: Arc<Document>,
    keys: Arc<[Key]>,
    at: Instant,
}

/// A provider as last read; who reads it anew holds the lock meanwhile.
type Entry = Arc<Mutex<Option<Read>>>;

/// The providers as last read. Clones share them.
#[derive(Clone)]
pub struct Issuers {
    abroad: Abroad,
    known: Arc<Mutex<HashMap<String, Entry>>>,
}

impl Issuers {
    /// None is read yet.
    pub fn new(abroad: Abroad) -> Self {
        Self { abroad, known: Arc::default() }
    }

    /// The client by which they are called.
    pub fn abroad(&self) -> &Abroad {
        &self.abroad
    }

    /// What the issuer says of itself.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn document(&self, issuer: &str) -> Result<Arc<Document>, Trouble> {
        Ok(self.read(issuer, FRESH).await?.document)
    }

    /// The key of that id for that algorithm; the only one, where a token names none. Read anew where it is not among those known.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub async fn key(&self, issuer: &str, id: Option<&str>, algorithm: Algorithm) -> Result<Option<Key>, Trouble> {
        for age in [FRESH, SELDOM] {
            let read = self.read(issuer, age).await?;
            let mut fit = read.keys.iter().filter(|key| key.algorithm == algorithm);
            let found = match id {
                Some(_) => fit.find(|key| key.id.as_deref() == id),
                None => fit.next().filter(|_| fit.next().is_none()),
            };
            if let Some(key) = found {
                return Ok(Some(key.clone()));
            }
        }
        Ok(None)
    }

    /// Reads the issuer's document and keys, whatever is known.
    ///
    /// # Errors
    /// What is wrong with them, for who set the provider up.
    pub async fn tried(&self, issuer: &str) -> Result<(), Trouble> {
        let entry = self.entry(issuer).await;
        let mut known = entry.lock().await;
        *known = Some(self.fetched(issuer).await?);
        Ok(())
    }

    async fn entry(&self, issuer: &str) -> Entry {
        let mut known = self.known.lock().await;
        if known.len() >= KEPT && !known.contains_key(issuer) {
            known.clear();
        }
        known.entry(issuer.to_owned()).or_default().clone()
    }

    /// What was read at most `age` ago, or is read now.
    async fn read(&self, issuer: &str, age: Duration) -> Result<Read, Trouble> {
        let entry = self.entry(issuer).await;
        // Whoever comes meanwhile waits for this reading rather than beginning another.
        let mut known = entry.lock().await;
        if let Some(read) = known.as_ref().filter(|read| read.at.elapsed() < age) {
            return Ok(read.clone());
        }
        match (self.fetched(issuer).await, known.as_mut()) {
            (Ok(read), _) => *known = Some(read),
            (Err(trouble), None) => return Err(trouble),
            (Err(trouble), Some(read)) => {
                tracing::warn!(issuer, %trouble, "an identity provider could not be read again");
                read.at = Instant::now();
            }
        }
        known.clone().ok_or_else(|| Trouble::Said("nothing was read".to_owned()))
    }

    async fn fetched(&self, issuer: &str) -> Result<Read, Trouble> {
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document: Document = self.get(&place).await?;
        if document.issuer != issuer {
            return Err(Trouble::Said(format!("{place} names another issuer than {issuer}")));
        }
        for endpoint in [&document.authorization_endpoint, &document.token_endpoint] {
            self.abroad.admits(endpoint).map_err(|error| Trouble::Call(endpoint.clone(), error))?;
        }
        let set: KeySet = self.get(&document.jwks_uri).await?;
        let keys: Arc<[Key]> = set.keys.into_iter().take(KEYS).filter_map(key).collect();
        if keys.is_empty() {
            return Err(Trouble::Said(format!("{} has no key for RS256 or ES256", document.jwks_uri)));
        }
        Ok(Read { document: Arc::new(document), keys, at: Instant::now() })
    }

    async fn get<T: DeserializeOwned>(&self, place: &str) -> Result<T, Trouble> {
        let request = Request::get(place).header("accept", "application/json").body(Bytes::new());
        let request = request.map_err(|_| Trouble::Said(format!("{place} is no address")))?;
        let call = |error| Trouble::Call(place.to_owned(), error);
        let answer = self.abroad.send(request).await.map_err(call)?;
        if answer.status() != StatusCode::OK {
            return Err(Trouble::Status(place.to_owned(), answer.status().as_u16()));
        }
        serde_json::from_slice(answer.body()).map_err(|error| Trouble::Said(format!("{place} cannot be read: {error}")))
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Json>,
}

/// A key to check signatures with; others are passed over, for a set may hold keys for other uses and of kinds to come.
fn key(json: Json) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|known| known != named) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(Key { id: jwk.common.key_id, algorithm, key })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_other_uses_are_passed_over() {
        let (n, e) = ("sXchkDqH_8C3bmPLlD1GvWy-8d9ESPxn", "AQAB");
        let rsa = |more: Json| {
            let mut key = json!({ "kty": "RSA", "kid": "1", "n": n, "e": e });
            more.as_object().into_iter().flatten().for_each(|(name, value)| key[name] = value.clone());
            key
        };
        assert!(key(rsa(json!({}))).is_some() && key(rsa(json!({ "use": "sig", "alg": "RS256" }))).is_some());
        for other in [json!({ "use": "enc", "alg": "RSA-OAEP" }), json!({ "alg": "RS512" }), json!({ "alg": "new" })] {
            assert!(key(rsa(other.clone())).is_none(), "{other}");
        }
        assert!(key(json!({ "kty": "oct", "kid": "1", "k": "c2VjcmV0" })).is_none(), "a shared secret");
        assert!(key(json!({ "kty": "of tomorrow" })).is_none());
    }
}
