//! Who is calling: the bearer token of a request, verified, and what it lets its caller do.
//!
//! Tokens are JWTs signed with RS256 by the one issuer of the settings. Everything that does not hold is a 401 that says
//! what: nothing of it helps a forger, and much of it helps who has set a clock or an audience wrong.

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
}

/// The claims with the one time that the cache needs.
#[derive(Deserialize)]
struct Dated {
    exp: u64,
    #[serde(flatten)]
    claims: Claims,
}

/// Verifies tokens. Made once for a process and shared by its handlers.
pub struct Authenticator {
    jwks: Arc<Jwks>,
    validation: Validation,
    cache: TokenCache,
}

impl Authenticator {
    /// Reads the issuer's keys; without them no token can be believed, so the caller should not start to serve.
    pub async fn new(settings: &Auth) -> Result<Self, JwksError> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = settings.leeway_s;
        validation.validate_nbf = true;
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Ok(Self { jwks: Arc::new(Jwks::open(&settings.jwks).await?), validation, cache: TokenCache::new(REMEMBERED) })
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
        self.verify(token.trim()).await
    }

    /// The caller that a token names, if it holds.
    pub async fn verify(&self, token: &str) -> Result<Caller, ApiError> {
        if token.len() > LONGEST {
            return Err(refused(&format!("the token is longer than {LONGEST} bytes")));
        }
        let mut keys = self.jwks.keys();
        let fingerprint = fingerprint(token);
        if let Some(caller) = self.cache.get(&fingerprint, keys.generation, now()) {
            return Ok(caller);
        }
        let kid = key_id(token).map_err(|reason| refused(&reason))?;
        if keys.find(&kid).is_none() {
            keys = self.jwks.keys_anew().await;
        }
        let Some(key) = keys.find(&kid) else {
            return Err(refused("the token is signed with a key that its issuer does not have"));
        };
        let dated = self.check(token, key).map_err(|reason| refused(&reason))?;
        let until = dated.exp.saturating_add(self.validation.leeway);
        let caller = named(dated.claims).map_err(|reason| refused(&reason))?;
        self.cache.put(fingerprint, Verified { caller: caller.clone(), until, generation: keys.generation });
        Ok(caller)
    }

    fn check(&self, token: &str, key: &DecodingKey) -> Result<Dated, String> {
        jsonwebtoken::decode::<Dated>(token, key, &self.validation).map(|token| token.claims).map_err(|error| {
            match error.kind() {
                ErrorKind::ExpiredSignature => "the token has expired".to_owned(),
                ErrorKind::ImmatureSignature => "the token is not valid yet".to_owned(),
                ErrorKind::InvalidSignature => "the token's signature does not fit".to_owned(),
                ErrorKind::InvalidIssuer => "the token is of another issuer".to_owned(),
                ErrorKind::InvalidAudience => "the token is for another audience".to_owned(),
                ErrorKind::MissingRequiredClaim(claim) => {
                    format!("the token lacks the claim {claim}")
                }
                ErrorKind::Json(error) => {
                    format!("the token's claims are not as they must be: {error}")
                }
                _ => "the token cannot be read".to_owned(),
            }
        })
    }
}

/// The id of the key a token says it is signed with, if it is signed in the one way that is accepted.
fn key_id(token: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        kid: Option<String>,
        crit: Option<serde::de::IgnoredAny>,
    }
    let unreadable = || "the token is not a JWT".to_owned();
    let (header, rest) = token.split_once('.').ok_or_else(unreadable)?;
    if rest.split('.').count() != 2 {
        return Err(unreadable());
    }
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| unreadable())?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| unreadable())?;
    // Checked before any key is chosen: a token must not pick the way in which it is verified.
    if header.alg != "RS256" {
        return Err("the token is not signed with RS256".to_owned());
    }
    if header.crit.is_some() {
        return Err("the token demands an extension (crit) that is not supported".to_owned());
    }
    header.kid.ok_or_else(|| "the token does not say which key (kid) it is signed with".to_owned())
}

fn named(claims: Claims) -> Result<Caller, String> {
    let tenant = match claims.tenant_id.as_str() {
        PLATFORM => Uuid::nil(),
        id => match Uuid::parse_str(id) {
            Ok(id) if !id.is_nil() => id,
            _ => return Err("the token's tenant_id is neither a UUID nor `platform`".to_owned()),
        },
    };
    Ok(Caller {
        user: claims.sub,
        tenant,
        roles: claims.roles.into(),
        permissions: Arc::new(claims.permissions.into_iter().collect()),
        token_id: claims.jti.map(Into::into),
    })
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
