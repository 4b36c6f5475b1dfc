//! Signing in by an identity provider (OpenID Connect, authorization code flow with PKCE): there, back, and the tokens.
//!
//! No token is ever in an address. The browser comes back with a code of ours that serves once, for a minute, and only who began:
//! the client keeps a verifier and says its hash at the beginning, as RFC 7636 has it between us and the provider.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{COOKIE, LOCATION, SET_COOKIE},
    },
    response::{IntoResponse, Response},
};
use daybook_platform::{ApiError, Secret};
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use sqlx::Row as _;
use uuid::Uuid;

use super::{given::Given, sign_in};
use crate::{
    app::App,
    federation::{
        begun::{self, Back, Begun, challenge, is_challenge},
        exchange::Failed,
        issuer::Trouble,
        provider::Provider,
        token::{self, Refused},
    },
    grants::secret,
    refusals::{self, security},
    sql,
    store::{self, Fault},
    tokens,
};

/// How long the code serves by which a client takes its tokens.
const CODE: Duration = Duration::from_secs(60);

/// What of a person we ask a provider for.
const SCOPE: &str = "openid email profile";

/// Which organisation is asked for.
#[derive(Deserialize)]
pub struct Which {
    /// Its slug, or its id.
    organization: String,
}

/// `GET /api/v1/auth/federation`: the providers of an organisation by which people can sign in, for the page where they do.
pub async fn list(State(app): State<App>, Query(which): Query<Which>) -> Result<impl IntoResponse, ApiError> {
    let mut items = Vec::new();
    if let Some(organization) = app.store.organization(&which.organization).await? {
        let query = sqlx::query(sql::PROVIDERS).bind(organization.tenant);
        for row in query.fetch_all(app.store.pool()).await.map_err(Fault::from)? {
            let (id, name): (Uuid, String) =
                (row.try_get("id").map_err(Fault::from)?, row.try_get("name").map_err(Fault::from)?);
            items.push(json!({ "id": id, "name": name }));
        }
    }
    Ok(Json(json!({ "items": items })))
}

/// The provider that a path names.
///
/// # Errors
/// 404 where there is none.
pub async fn named(app: &App, (organization, provider): (String, String)) -> Result<Provider, ApiError> {
    let unknown = || ApiError::not_found(format!("identity provider {provider}"));
    let id: Uuid = provider.parse().map_err(|_| unknown())?;
    let organization = app.store.organization(&organization).await?.ok_or_else(unknown)?;
    app.store.provider(organization.tenant, id).await?.ok_or_else(unknown)
}

/// How somebody begins.
#[derive(Deserialize)]
pub struct Begin {
    /// The hash of the verifier that the client keeps (S256).
    challenge: String,
    /// Where the browser is sent afterwards; one of the settings' addresses. Without, it is answered in JSON.
    return_to: Option<String>,
}

/// `GET /api/v1/auth/federation/{organization}/{provider}/start`.
pub async fn start(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    Query(begin): Query<Begin>,
) -> Result<Response, ApiError> {
    if !is_challenge(&begin.challenge) {
        return Err(ApiError::field("challenge", "must be the SHA-256 of the verifier in base64url: 43 characters"));
    }
    // As a whole (RFC 9700, section 4.1.3): an address that only begins so may be somebody else's.
    if begin.return_to.as_ref().is_some_and(|return_to| !app.settings.return_urls.contains(return_to)) {
        return Err(ApiError::field("return_to", "must be one of the addresses of sign_in.return_urls"));
    }
    let provider = named(&app, path).await?;
    if !provider.is_in_use() || provider.admission.is_none() {
        return Err(refusals::provider_not_in_use());
    }
    let document =
        app.issuers.document(&provider.endpoint).await.map_err(|trouble| unreachable(&provider, &trouble))?;
    let (state, browser) = (tokens::fresh("dbs"), tokens::fresh("dbb"));
    let begun = Begun::new(begin.challenge, begin.return_to);
    app.store.begin_federation((&state, &browser), (provider.tenant, provider.id), &begun).await?;
    let mut there = Url::parse(&document.authorization_endpoint).map_err(|_| refusals::provider_unreachable())?;
    there.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", &provider.client),
        ("redirect_uri", &app.redirect_uri(&provider)),
        ("scope", SCOPE),
        ("state", &state),
        ("nonce", &begun.nonce),
        ("code_challenge", &challenge(&begun.verifier)),
        ("code_challenge_method", "S256"),
    ]);
    sent(there.as_str(), &cookie(&state, &browser, begun::PATIENCE))
}

/// What a provider sends back.
#[derive(Deserialize)]
pub struct Sent {
    state: Option<String>,
    code: Option<Secret>,
    /// Who sends it (RFC 9207).
    iss: Option<String>,
    error: Option<String>,
}

/// `GET /api/v1/auth/federation/{organization}/{provider}/callback`.
pub async fn callback(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    Query(sent_back): Query<Sent>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let state = sent_back.state.as_deref().ok_or_else(refusals::unknown_state)?;
    let browser = held(&headers, state).unwrap_or_default();
    let provider = named(&app, path).await?;
    let back = app.store.end_federation(state, browser).await?;
    let Some(Back { begun, .. }) = back.filter(|back| (back.tenant, back.provider) == (provider.tenant, provider.id))
    else {
        security("federation.state", provider.tenant, None);
        return Err(refusals::unknown_state());
    };
    let device = sign_in::device(&headers);
    let outcome = signed_in(&app, &provider, &begun, &sent_back, device).await;
    let over = cookie(state, "", Duration::ZERO);
    match (&begun.return_to, outcome) {
        (None, Err(refused)) => Err(refused),
        (None, Ok(code)) => {
            let answer = secret(json!({ "code": code, "expires_in": CODE.as_secs() }));
            Ok(([(SET_COOKIE, over)], answer).into_response())
        }
        (Some(to), outcome) => {
            let mut to = Url::parse(to).map_err(|_| ApiError::internal())?;
            match &outcome {
                Ok(code) => to.query_pairs_mut().append_pair("code", code),
                Err(refused) => to.query_pairs_mut().append_pair("error", &refused.code),
            };
            sent(to.as_str(), &over)
        }
    }
}

/// The code for whom the provider has signed in.
async fn signed_in(
    app: &App,
    provider: &Provider,
    begun: &Begun,
    sent: &Sent,
    device: Option<String>,
) -> Result<String, ApiError> {
    if !provider.is_in_use() {
        return Err(refusals::provider_not_in_use());
    }
    let document = app.issuers.document(&provider.endpoint).await.map_err(|trouble| unreachable(provider, &trouble))?;
    let is_theirs = match &sent.iss {
        Some(issuer) => *issuer == provider.endpoint,
        None => !document.authorization_response_iss_parameter_supported,
    };
    if !is_theirs {
        security("federation.mixed_up", provider.tenant, None);
        return Err(refusals::not_vouched());
    }
    let Some(code) = sent.code.as_ref().filter(|_| sent.error.is_none()) else {
        return Err(refusals::provider_refused());
    };
    let token = app.exchanged(provider, begun, code.expose()).await.map_err(|failed| failure(provider, failed))?;
    let said = token::id_token(&app.issuers, provider, &token, &begun.nonce).await;
    let said = said.map_err(|refused| match refused {
        Refused::Trouble(trouble) => unreachable(provider, &trouble),
        Refused::Token(reason) => {
            security("federation.token", provider.tenant, None);
            tracing::warn!(provider = %provider.id, reason, "an ID token was refused");
            refusals::not_vouched()
        }
    })?;
    let (owner, receipt) = app.admit(provider, &said, device).await?;
    app.shown(&receipt).await;
    let code = tokens::fresh("dbf");
    let given = store::Given {
        kind: "federated",
        tenant: provider.tenant,
        owner,
        session: Some(receipt.id),
        generation: Some(0),
        lifetime: Some(CODE),
    };
    app.store.give(&bound(&code, &begun.challenge), given).await?;
    Ok(code)
}

/// A code, as it is kept: only together with the challenge it was begun with.
fn bound(code: &str, challenge: &str) -> String {
    format!("{code}.{challenge}")
}

/// A code, and the verifier of who began.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    code: Secret,
    verifier: Secret,
}

/// `POST /api/v1/auth/federation/redeem`: the tokens of the session.
pub async fn redeem(State(app): State<App>, Given(said): Given<Redeem>) -> Result<Response, ApiError> {
    let shown = bound(said.code.expose(), &challenge(said.verifier.expose()));
    let taken = app.store.taken(&shown, &["federated"]).await?.ok_or_else(refusals::wrong_code_of_return)?;
    let session = taken.session.ok_or_else(refusals::wrong_code_of_return)?;
    let person = app.store.person(taken.tenant, taken.owner).await?.ok_or_else(refusals::wrong_code_of_return)?;
    let amr = app.store.ways(taken.tenant, session).await?.unwrap_or_default();
    app.grant(taken.tenant, &person, session, 0, amr).await
}

fn failure(provider: &Provider, failed: Failed) -> ApiError {
    match failed {
        Failed::Store(fault) => fault.into(),
        Failed::Trouble(trouble) => unreachable(provider, &trouble),
        Failed::Refused(reason) => {
            tracing::warn!(provider = %provider.id, reason, "an identity provider refuses a code");
            refusals::provider_refused()
        }
        Failed::Secret => {
            tracing::error!(provider = %provider.id, error = %failed, "an identity provider cannot be shown who we are");
            refusals::provider_unreachable()
        }
    }
}

fn unreachable(provider: &Provider, trouble: &Trouble) -> ApiError {
    tracing::warn!(provider = %provider.id, %trouble, "an identity provider gives no answer that can be used");
    refusals::provider_unreachable()
}

/// The cookie by which the browser is known that began; of one sign-in, so that two at a time do not disturb each other. It is sent
/// back by TLS only, to this origin, and when somebody comes here from elsewhere.
fn cookie(state: &str, value: &str, lifetime: Duration) -> String {
    let name = cookie_name(state);
    format!("{name}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax", lifetime.as_secs())
}

fn cookie_name(state: &str) -> String {
    format!("__Host-daybook-{}", state.get(4..16).unwrap_or_default())
}

/// What the browser holds for a sign-in.
fn held<'a>(headers: &'a HeaderMap, state: &str) -> Option<&'a str> {
    let name = cookie_name(state);
    let pairs =
        headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok()).flat_map(|text| text.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Sends the browser there.
fn sent(to: &str, cookie: &str) -> Result<Response, ApiError> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| ApiError::internal());
    Ok((StatusCode::FOUND, [(LOCATION, value(to)?), (SET_COOKIE, value(cookie)?)]).into_response())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_by_the_cookie_of_its_own_sign_in() {
        let (state, other) = (tokens::fresh("dbs"), tokens::fresh("dbs"));
        let pair = |state: &str, value: &str| cookie(state, value, CODE).split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, format!("{}; a=b", pair(&other, "x")).parse().unwrap());
        assert_eq!(held(&headers, &state), None);
        headers.append(COOKIE, pair(&state, "y").parse().unwrap());
        assert_eq!((held(&headers, &state), held(&headers, &other)), (Some("y"), Some("x")));
        let whole = cookie(&state, "y", CODE);
        for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "__Host-"] {
            assert!(whole.contains(part), "{whole}");
        }
    }
}
