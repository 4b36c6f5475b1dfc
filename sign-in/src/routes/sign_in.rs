//! Signing in, and keeping a session up.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, header::USER_AGENT},
    response::Response,
};
use daybook_kernel::Tenant;
use daybook_platform::{ApiError, Secret};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{api_keys, given::Given};
use crate::{
    app::{App, Codes},
    passkeys::Assertion,
    people::Person,
    refusals::{self, security},
};

/// No failure is answered sooner, so that the time does not tell why.
const FLOOR: Duration = Duration::from_millis(300);

/// Who signs in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The organisation: its slug, or its id; `platform` for the platform's staff.
    organization: String,
    /// The address.
    email: String,
    /// The password.
    password: Secret,
    /// The code of an authenticator app.
    code: Option<String>,
    /// A recovery code.
    recovery_code: Option<String>,
    /// What a passkey has signed.
    credential: Option<Assertion>,
}

/// `POST /api/v1/auth/login`.
pub async fn login(
    State(app): State<App>,
    headers: HeaderMap,
    Given(credentials): Given<Credentials>,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let outcome = sign_in(&app, &headers, &credentials).await;
    if outcome.is_err() {
        sleep_until(begun + FLOOR).await;
    }
    outcome
}

async fn sign_in(app: &App, headers: &HeaderMap, said: &Credentials) -> Result<Response, ApiError> {
    let organization = app.store.organization(&said.organization).await?;
    let tenant = organization.map_or(Tenant::nil(), |organization| organization.tenant);
    let person = match organization {
        Some(_) => app.store.with_address(app.vault.sealer(), tenant, &said.email).await?,
        None => None,
    };
    let secret = app.password(tenant, person.as_ref(), said.password.expose()).await?;
    let person = match (person, secret) {
        (None, _) => return Err(refusals::invalid_credentials()),
        (Some(person), None) => return Err(app.failed(tenant, &person).await),
        (Some(person), Some(_)) => person,
    };
    let (code, recovery_code) = (said.code.as_deref(), said.recovery_code.as_deref());
    let codes = Codes { code, recovery_code, credential: said.credential.as_ref() };
    let second = app.second(tenant, &person, codes).await?;
    let amr = [&["pwd"][..], second.ways()].concat();
    let mut body = json!({ "user": person.id, "method": "password", "amr": amr, "secret": secret });
    if let Some(device) = device(headers) {
        body["device"] = json!(device);
    }
    // What was looked at may be old by now; the book knows better.
    match app.desk.give(tenant, "sessions", &body).await {
        Ok(receipt) => app.grant(tenant, &person, receipt.id, 0, amr.iter().map(ToString::to_string).collect()).await,
        Err(no) if no.is("WRONG_PASSWORD") => Err(refusals::invalid_credentials()),
        Err(no) if no.is("SECOND_FACTOR_REQUIRED") => Err(refusals::second_factor_required()),
        Err(no) => Err(no.into()),
    }
}

/// The device and program, as they call themselves.
pub fn device(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    let device: String = agent.trim().chars().take(200).collect();
    Some(device).filter(|device| !device.is_empty())
}

/// A refresh token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    refresh_token: Secret,
}

/// `POST /api/v1/auth/refresh`.
pub async fn refresh(State(app): State<App>, Given(said): Given<Refresh>) -> Result<Response, ApiError> {
    keep_up(&app, said.refresh_token.expose()).await
}

async fn keep_up(app: &App, token: &str) -> Result<Response, ApiError> {
    let shown = app.store.shown(token, &["refresh"]).await?;
    let known = shown.and_then(|shown| Some((shown.tenant, shown.owner, shown.session?, shown.generation?)));
    let Some((tenant, owner, session, generation)) = known else { return Err(refusals::session_ended()) };
    let body = json!({ "generation": generation });
    let receipt = match app.desk.give(tenant, &format!("sessions/{session}/refresh"), &body).await {
        Ok(receipt) => receipt,
        Err(no)
            if ["INVALID_TRANSITION", "SESSION_EXPIRED", "NOT_FOUND", "UNKNOWN_GENERATION"]
                .iter()
                .any(|code| no.is(code)) =>
        {
            return Err(refusals::session_ended());
        }
        Err(no) => return Err(no.into()),
    };
    // Its sign-in is the first version of a session and each refresh one more; of a token that was used before, the version is
    // higher, and the session has ended.
    if i64::try_from(receipt.version).ok() != Some(i64::from(generation) + 2) {
        security("refresh_token.reused", tenant, Some(owner));
        return Err(refusals::token_reused());
    }
    let person: Option<Person> = app.store.person(tenant, owner).await?;
    let amr = app.ways(tenant, session, &receipt).await?;
    app.grant(tenant, &person.ok_or_else(refusals::session_ended)?, session, generation + 1, amr).await
}

/// A grant of OAuth 2.0 (RFC 6749).
#[derive(Deserialize)]
pub struct Grant {
    grant_type: String,
    organization: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
    code: Option<String>,
    recovery_code: Option<String>,
    refresh_token: Option<Secret>,
    client_secret: Option<Secret>,
}

/// `POST /api/v1/auth/token`: for a password, a refresh token, or an API key as `client_secret`.
pub async fn token(
    State(app): State<App>,
    headers: HeaderMap,
    Given(said): Given<Grant>,
) -> Result<Response, ApiError> {
    let required = |field: &'static str| move || ApiError::field(field, "is required for this grant");
    match said.grant_type.as_str() {
        "password" => {
            let credentials = Credentials {
                organization: said.organization.ok_or_else(required("organization"))?,
                email: said.username.ok_or_else(required("username"))?,
                password: said.password.ok_or_else(required("password"))?,
                code: said.code,
                recovery_code: said.recovery_code,
                credential: None,
            };
            login(State(app), headers, Given(credentials)).await
        }
        "refresh_token" => {
            let token = said.refresh_token.ok_or_else(required("refresh_token"))?;
            keep_up(&app, token.expose()).await
        }
        "client_credentials" => {
            let key = said.client_secret.ok_or_else(required("client_secret"))?;
            api_keys::exchange(&app, key.expose()).await
        }
        _ => Err(ApiError::field("grant_type", "must be password, refresh_token or client_credentials")),
    }
}
