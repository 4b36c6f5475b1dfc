//! ID tokens (OpenID Connect Core 1.0, section 3.1.3.7) and logout tokens (Back-Channel Logout 1.0, section 2.6), held to what they
//! have to be. What a token is refused for is told to the operator, not to who brings it.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::Value as Json;

use super::{
    issuer::{Issuers, Trouble},
    provider::Provider,
};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 32 * 1024;

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;

/// How old a token may be when it comes, in seconds.
const OLDEST: u64 = 5 * 60;

/// The event that a logout token is of.
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Why a token is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The provider's keys are not known.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// It is not as it has to be.
    #[error("{0}")]
    Token(String),
}

fn no<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Token(why.into()))
}

/// What a logout token asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logout {
    /// The token's id: it serves once.
    pub id: String,
    /// Whose sessions end.
    pub subject: Option<String>,
    /// Which of the provider's sessions it is.
    pub sid: Option<String>,
}

/// How long a logout token that was taken has to be remembered, in seconds: afterwards it is too old.
pub const REMEMBERED: u64 = OLDEST + 2 * LEEWAY;

/// What an ID token says that was issued for us in answer to `nonce`.
///
/// # Errors
/// What is wrong with it.
pub async fn id_token(issuers: &Issuers, provider: &Provider, token: &str, nonce: &str) -> Result<Json, Refused> {
    let (kind, said) = verified(issuers, provider, token, &["exp", "iss", "aud", "sub"]).await?;
    if kind.is_some_and(|kind| kind != "jwt") {
        return no("it is a token of another kind");
    }
    if said["nonce"].as_str() != Some(nonce) {
        return no("its nonce is another: it answers somebody else's sign-in");
    }
    let parties = said["aud"].as_array().map_or(1, Vec::len);
    match said.get("azp") {
        Some(azp) if azp.as_str() != Some(&provider.client) => return no("it was issued to another client (azp)"),
        None if parties > 1 => return no("it is for several, and does not say to whom it was issued (azp)"),
        _ => {}
    }
    match said["sub"].as_str() {
        Some(subject) if !subject.is_empty() && subject.len() <= 255 => Ok(said),
        _ => no("its subject is none"),
    }
}

/// What a logout token asks for.
///
/// # Errors
/// What is wrong with it.
pub async fn logout_token(issuers: &Issuers, provider: &Provider, token: &str) -> Result<Logout, Refused> {
    let (kind, said) = verified(issuers, provider, token, &["exp", "iss", "aud"]).await?;
    if kind.as_deref() != Some("logout+jwt") {
        return no("it is not of the type logout+jwt");
    }
    if !said["events"].get(LOGOUT).is_some_and(Json::is_object) {
        return no("it is of no logout");
    }
    if said.get("nonce").is_some() {
        return no("it has a nonce, as only ID tokens do");
    }
    let text = |claim: &str| said[claim].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let logout = Logout {
        id: text("jti").ok_or_else(|| Refused::Token("it has no id (jti)".to_owned()))?,
        subject: text("sub"),
        sid: text("sid"),
    };
    match (&logout.subject, &logout.sid) {
        (None, None) => no("it names neither a person (sub) nor a session (sid)"),
        _ => Ok(logout),
    }
}

/// The type and the claims of a token that the provider has signed for us a moment ago.
async fn verified(
    issuers: &Issuers,
    provider: &Provider,
    token: &str,
    required: &[&str],
) -> Result<(Option<String>, Json), Refused> {
    if token.len() > LONGEST {
        return no("it is too long");
    }
    // `none` and whatever else is no signature is not read at all.
    let header = decode_header(token).map_err(|error| Refused::Token(format!("its head cannot be read: {error}")))?;
    // Before any key is chosen: a token does not pick the way in which it is verified.
    if ![Algorithm::RS256, Algorithm::ES256].contains(&header.alg) {
        return no(format!("it is signed by {:?}, which is not taken", header.alg));
    }
    let key = issuers.key(&provider.endpoint, header.kid.as_deref(), header.alg).await?;
    let Some(key) = key else { return no("the provider has no such key") };
    let mut validation = Validation::new(key.algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[&provider.endpoint]);
    validation.set_audience(&[&provider.client]);
    validation.set_required_spec_claims(required);
    let said = decode::<Json>(token, &key.key, &validation).map_err(|error| Refused::Token(error.to_string()))?.claims;
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    let Some(issued) = said["iat"].as_f64().map(|issued| issued as u64) else {
        return no("it does not say when (iat)");
    };
    if issued > now + LEEWAY || issued + OLDEST + LEEWAY < now {
        return no("it was not issued a moment ago");
    }
    let kind = header.typ.map(|kind| kind.to_ascii_lowercase().trim_start_matches("application/").to_owned());
    Ok((kind, said))
}
