//! A sign-in that was sent to a provider, kept until it comes back: once, soon, and by the same browser (RFC 9700, section 4.7).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use daybook_kernel::Tenant;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use uuid::Uuid;

use crate::{
    sealed::sha256,
    sql,
    store::{Fault, Store},
    tokens,
};

/// How long somebody may take at the provider.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What has to come back, and what is shown then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// What the ID token has to repeat.
    pub nonce: String,
    /// What shows the provider that who exchanges the code has asked for it (RFC 7636).
    pub verifier: String,
    /// The same between the client and us: the code it is sent back with serves only who knows what this is the hash of.
    pub challenge: String,
    /// Where the browser goes afterwards.
    pub return_to: Option<String>,
}

/// A sign-in that has come back.
#[derive(Debug)]
pub struct Back {
    /// The tenant it was begun in.
    pub tenant: Tenant,
    /// The provider it was sent to.
    pub provider: Uuid,
    /// What was kept of it.
    pub begun: Begun,
}

impl Begun {
    /// One that begins now.
    pub fn new(challenge: String, return_to: Option<String>) -> Self {
        let (nonce, verifier) = (tokens::fresh("dbn"), tokens::fresh("dbc"));
        Self { nonce, verifier, challenge, return_to }
    }
}

/// The challenge that a verifier answers (RFC 7636, section 4.2: S256, the only one taken).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

/// Whether a text is a challenge.
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok_and(|hash| hash.len() == 32)
}

/// The name under which it is sealed: moved to another state, it opens no more.
fn name(state: &[u8]) -> String {
    format!("federation/{}", URL_SAFE_NO_PAD.encode(state))
}

impl Store {
    /// Keeps a sign-in that begins, by its state and by what the browser holds.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn begin_federation(
        &self,
        (state, browser): (&str, &str),
        (tenant, provider): (Tenant, Uuid),
        begun: &Begun,
    ) -> Result<(), Fault> {
        let state = tokens::hash(state);
        let clear = serde_json::to_vec(begun).map_err(|_| Fault::Unopenable)?;
        let query = sqlx::query(sql::ADD_FEDERATION).bind(state.to_vec()).bind(tokens::hash(browser).to_vec());
        let query = query.bind(tenant).bind(provider).bind(self.safe().seal(&name(&state), &clear));
        query.bind(PATIENCE.as_secs_f64()).execute(self.pool()).await?;
        Ok(())
    }

    /// Takes a sign-in that comes back. None where it was not begun, came back already, took too long, or is another browser's.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn end_federation(&self, state: &str, browser: &str) -> Result<Option<Back>, Fault> {
        let state = tokens::hash(state);
        let query = sqlx::query(sql::TAKE_FEDERATION).bind(state.to_vec());
        let Some(row) = query.fetch_optional(self.pool()).await? else { return Ok(None) };
        let kept: Vec<u8> = row.try_get("browser")?;
        if !row.try_get::<bool, _>("is_live")? || !tokens::is_of(browser, &kept) {
            return Ok(None);
        }
        let sealed: Vec<u8> = row.try_get("sealed")?;
        let clear = self.safe().open(&name(&state), &sealed).ok_or(Fault::Unopenable)?;
        let begun = serde_json::from_slice(&clear).map_err(|_| Fault::Unopenable)?;
        Ok(Some(Back { tenant: row.try_get("tenant")?, provider: row.try_get("provider")?, begun }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_the_hash_of_its_verifier() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(&challenge(verifier)));
        for wrong in ["", verifier.get(1..).unwrap_or_default(), "+9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"] {
            assert!(!is_challenge(wrong), "{wrong}");
        }
    }
}
