//! Who is calling: the bearer token of a request, verified, and what it lets its caller do.
//!
//! Tokens are JWTs signed with RS256 by an issuer of the settings: sign-in, and for local work the development issuer. Each
//! has its own keys, and a token is held to those of the issuer that it names. Everything that does not hold is a 401 that
//! says what: nothing of it helps a forger, and much of it helps who has set a clock or an audience wrong. What only a
//! forger or a thief sends is logged with `security_event`, and counted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use tracing::Span;
use uuid::Uuid;

use crate::basis::{Basis, Endings};
use crate::error::ApiError;
use crate::jwks::{Jwks, JwksError};
use crate::limits;
use crate::request;
use crate::sections::Auth;
use crate::token_cache::{Fingerprint, TokenCache, Verified};

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// How many verified tokens are remembered.
const REMEMBERED: usize = 20_000;

/// The way that stands for more than one factor (RFC 8176, section 2).
const MULTI_FACTOR: &str = "mfa";

/// The tenant whose books hold what is unique across tenants, as a token names it.
pub const PLATFORM: &str = "platform";

/// Who makes a request, and what they may do. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The user (`sub`).
    pub user: Uuid,
    /// The tenant in whose books the user acts (`tenant_id`); nil is the platform itself.
    pub tenant: Uuid,
    /// The user's roles, for display; what may be done is in the permissions.
    pub roles: Arc<[String]>,
    /// What the user may do, such as `incident:report`, `incident:*` or `*`.
    pub permissions: Arc<BTreeSet<String>>,
    /// The token's id (`jti`), if it has one.
    pub token_id: Option<Arc<str>>,
    /// What the token stands on, where it is one of sign-in for a person or a program.
    pub basis: Option<Basis>,
    /// Whether the person showed a second factor when the session began that the token stands on.
    pub second_factor: bool,
}

impl Caller {
    /// Whether the caller may do what `permission` (such as `incident:report`) names: by that permission, by `incident:*`,
    /// or by `*`.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
            || self.permissions.contains("*")
            || permission
                .match_indices(':')
                .any(|(colon, _)| self.permissions.contains(&format!("{}:*", &permission[..colon])))
    }

    /// Nothing, if the caller may do it; else the 403 that names the permission.
    pub fn must(&self, permission: &str) -> Result<(), ApiError> {
        if self.may(permission) { Ok(()) } else { Err(ApiError::forbidden(permission)) }
    }

    /// Whether the caller acts for the platform itself.
    pub fn is_platform(&self) -> bool {
        self.tenant.is_nil()
    }
}

/// What a token says, beside what is checked and forgotten (`iss`, `aud`, `nbf`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Uuid,
    /// The tenant's id, or `platform`.
    pub tenant_id: String,
    /// Role names.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Permissions, such as `incident:report`.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// The token's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The session the token stands on (OpenID Connect Front-Channel Logout 1.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// The API key the token stands on (RFC 9068).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Uuid>,
    /// The ways in which the person showed who it is when the session began (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

impl Claims {
    /// Whether the person showed more than one factor. Only sessions have them: whatever else a token stands on, nobody was
    /// there to show anything.
    fn second_factor(&self) -> bool {
        self.sid.is_some() && self.amr.iter().any(|way| way == MULTI_FACTOR)
    }
}

/// The claims with the one time that the cache needs.
#[derive(Deserialize)]
struct Dated {
    exp: u64,
    #[serde(flatten)]
    claims: Claims,
}

/// An issuer whose tokens are believed, and how they are held to it.
struct Believed {
    issuer: String,
    jwks: Arc<Jwks>,
    validation: Validation,
}

impl Believed {
    fn new(issuer: &str, jwks: Jwks, settings: &Auth) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = settings.leeway_s;
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self { issuer: issuer.to_owned(), jwks: Arc::new(jwks), validation }
    }
}

/// Verifies tokens. Made once for a process and shared by its handlers.
pub struct Authenticator {
    believed: Vec<Believed>,
    endings: Option<Arc<dyn Endings>>,
    leeway: u64,
    cache: TokenCache,
}

impl Authenticator {
    /// Reads the development issuer's keys; without them none of its tokens can be believed, so the caller should not start to
    /// serve. Those of sign-in are read when they are first needed.
    pub async fn new(settings: &Auth) -> Result<Self, JwksError> {
        let mut believed = Vec::new();
        if !settings.jwks.is_empty() || settings.sign_in_jwks.is_none() {
            believed.push(Believed::new(&settings.issuer, Jwks::open(&settings.jwks).await?, settings));
        }
        if let Some(place) = &settings.sign_in_jwks {
            believed.push(Believed::new(&settings.sign_in_issuer, Jwks::at(place)?, settings));
        }
        Ok(Self { believed, endings: None, leeway: settings.leeway_s, cache: TokenCache::new(REMEMBERED) })
    }

    /// The same, which learns there what has ended. Without, no token is believed that stands on a session or a key.
    #[must_use]
    pub fn watching(self, endings: Arc<dyn Endings>) -> Self {
        Self { endings: Some(endings), ..self }
    }

    /// The caller of a request with these headers, counted for their limits.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        match self.believed(headers).await {
            Ok(caller) => {
                request::known(caller.tenant, caller.user);
                limits::count(&caller).await.map(|()| caller)
            }
            Err(refusal) => limits::count_stranger().await.and(Err(refusal)),
        }
    }

    async fn believed(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Some(header) = headers.get(AUTHORIZATION) else {
            let message = "send an access token: Authorization: Bearer <token>";
            return Err(ApiError::unauthenticated(message, r#"Bearer realm="daybook""#));
        };
        let token = header
            .to_str()
            .ok()
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return Err(refused("the Authorization header is not of the form Bearer <token>"));
        };
        let caller = self.verify(token.trim()).await?;
        self.stands(&caller).await?;
        Ok(caller)
    }

    /// The caller that a token names, if its signature and its claims hold. Whether what it stands on has ended is not asked.
    pub async fn verify(&self, token: &str) -> Result<Caller, ApiError> {
        if token.len() > LONGEST {
            return Err(suspicious("token.oversized", &format!("the token is longer than {LONGEST} bytes")));
        }
        let fingerprint = fingerprint(token);
        if let Some(caller) = self.cache.get(&fingerprint, self.generation(), now()) {
            return Ok(caller);
        }
        let kid = key_id(token)?;
        let believed = self.issuer_of(token)?;
        let mut keys = believed.jwks.keys();
        if keys.find(&kid).is_none() {
            keys = believed.jwks.keys_anew().await;
        }
        let Some(key) = keys.find(&kid) else {
            let reason = "the token is signed with a key that its issuer does not have";
            return Err(suspicious("token.unknown_key", reason));
        };
        // Before the check: keys that change meanwhile make it void.
        let generation = self.generation();
        let dated = check(token, key, &believed.validation)?;
        let until = dated.exp.saturating_add(self.leeway);
        let caller = named(dated.claims).map_err(|reason| refused(&reason))?;
        self.cache.put(fingerprint, Verified { caller: caller.clone(), until, generation });
        Ok(caller)
    }

    /// Nothing, if what the caller's token stands on has not ended.
    async fn stands(&self, caller: &Caller) -> Result<(), ApiError> {
        let Some(basis) = caller.basis else { return Ok(()) };
        let Some(endings) = &self.endings else {
            return Err(refused("the token stands on a session, and this service does not know of sessions"));
        };
        match endings.has_ended(caller.tenant, basis).await? {
            false => Ok(()),
            true => Err(suspicious("token.ended", "what the token stands on has ended: sign in again")),
        }
    }

    /// Changes whenever keys of any issuer do.
    fn generation(&self) -> u64 {
        self.believed.iter().map(|believed| believed.jwks.keys().generation).sum()
    }

    /// The issuer that a token names. Only its keys are looked at, so that none vouches for another.
    fn issuer_of(&self, token: &str) -> Result<&Believed, ApiError> {
        #[derive(Deserialize)]
        struct Payload {
            iss: Option<serde_json::Value>,
        }
        let payload = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        let payload = payload.and_then(|payload| serde_json::from_slice::<Payload>(&payload).ok());
        let Some(Payload { iss }) = payload else { return Err(refused("the token is not a JWT")) };
        let Some(iss) = iss else { return Err(refused("the token lacks the claim iss")) };
        let believed = self.believed.iter().find(|believed| iss.as_str() == Some(&believed.issuer));
        believed.ok_or_else(|| suspicious("token.issuer", "the token is of another issuer"))
    }
}

fn check(token: &str, key: &DecodingKey, validation: &Validation) -> Result<Dated, ApiError> {
    jsonwebtoken::decode::<Dated>(token, key, validation).map(|token| token.claims).map_err(|error| {
        match error.kind() {
            ErrorKind::InvalidSignature => suspicious("token.signature", "the token's signature does not fit"),
            ErrorKind::ExpiredSignature => refused("the token has expired"),
            ErrorKind::ImmatureSignature => refused("the token is not valid yet"),
            ErrorKind::InvalidIssuer => refused("the token is of another issuer"),
            ErrorKind::InvalidAudience => refused("the token is for another audience"),
            ErrorKind::MissingRequiredClaim(claim) => refused(&format!("the token lacks the claim {claim}")),
            ErrorKind::Json(error) => refused(&format!("the token's claims are not as they must be: {error}")),
            _ => refused("the token cannot be read"),
        }
    })
}

/// The id of the key a token says it is signed with, if it is signed in the one way that is accepted.
fn key_id(token: &str) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        kid: Option<String>,
        crit: Option<serde::de::IgnoredAny>,
    }
    let unreadable = || refused("the token is not a JWT");
    let (header, rest) = token.split_once('.').ok_or_else(unreadable)?;
    if rest.split('.').count() != 2 {
        return Err(unreadable());
    }
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| unreadable())?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| unreadable())?;
    // Checked before any key is chosen: a token must not pick the way in which it is verified.
    if header.alg != "RS256" {
        return Err(suspicious("token.algorithm", "the token is not signed with RS256"));
    }
    if header.crit.is_some() {
        return Err(refused("the token demands an extension (crit) that is not supported"));
    }
    header.kid.ok_or_else(|| refused("the token does not say which key (kid) it is signed with"))
}

fn named(claims: Claims) -> Result<Caller, String> {
    let tenant = match claims.tenant_id.as_str() {
        PLATFORM => Uuid::nil(),
        id => match Uuid::parse_str(id) {
            Ok(id) if !id.is_nil() => id,
            _ => return Err("the token's tenant_id is neither a UUID nor `platform`".to_owned()),
        },
    };
    let second_factor = claims.second_factor();
    Ok(Caller {
        user: claims.sub,
        tenant,
        roles: claims.roles.into(),
        permissions: Arc::new(claims.permissions.into_iter().collect()),
        token_id: claims.jti.map(Into::into),
        basis: claims.sid.map(Basis::Session).or(claims.client_id.map(Basis::ApiKey)),
        second_factor,
    })
}

/// The 401 for a token that nobody sends by mistake, which security is told of.
fn suspicious(event: &'static str, reason: &str) -> ApiError {
    ::metrics::counter!("auth_security_events_total", "event" => event).increment(1);
    tracing::warn!(security_event = event, reason, "a token was refused");
    refused(reason)
}

/// The 401 for a token that is not believed (RFC 6750).
fn refused(reason: &str) -> ApiError {
    let quotable = reason.replace(['"', '\\'], "'");
    let challenge = format!(r#"Bearer realm="daybook", error="invalid_token", error_description="{quotable}""#);
    ApiError::unauthenticated(reason, &challenge)
}

fn fingerprint(token: &str) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    fingerprint
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Handlers take a `Caller` as an argument where their state gives an `Arc<Authenticator>`; log lines and the trace of the
/// request then name the tenant and the user.
impl<S> FromRequestParts<S> for Caller
where
    S: Sync,
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let authenticator = Arc::<Authenticator>::from_ref(state);
        let caller = authenticator.caller(&parts.headers).await?;
        Span::current().record("tenant", tracing::field::display(caller.tenant));
        Span::current().record("actor", tracing::field::display(caller.user));
        Ok(caller)
    }
}
