//! Signing in by a passkey alone.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use daybook_platform::ApiError;
use serde::Deserialize;
use serde_json::json;

use super::{given::Given, sign_in::device};
use crate::{
    app::{App, Second},
    passkeys::Assertion,
    refusals::{self, security},
};

/// `POST /api/v1/auth/passkeys/challenge`: what a browser hands to `navigator.credentials.get`.
pub async fn challenge(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    Ok(([(CACHE_CONTROL, "no-store")], Json(app.passkey_to_show().await?)))
}

/// What a passkey has signed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    credential: Assertion,
}

/// `POST /api/v1/auth/passkeys/login`. Whose it is, and of which organisation, the passkey says.
pub async fn login(
    State(app): State<App>,
    headers: HeaderMap,
    Given(said): Given<Login>,
) -> Result<Response, ApiError> {
    let passkey = app.passkey_shown(&said.credential).await?;
    let person = app.store.person(passkey.tenant, passkey.owner).await?.ok_or_else(refusals::invalid_passkey)?;
    let amr = Second::Passkey { is_synced: passkey.is_synced }.ways();
    let mut body = json!({ "user": person.id, "method": "webauthn", "amr": amr, "secret": passkey.id });
    if let Some(device) = device(&headers) {
        body["device"] = json!(device);
    }
    match app.desk.give(passkey.tenant, "sessions", &body).await {
        Ok(receipt) => {
            let amr = amr.iter().map(ToString::to_string).collect();
            app.grant(passkey.tenant, &person, receipt.id, 0, amr).await
        }
        // It was the person's second factor once.
        Err(no) if no.is("WRONG_PASSKEY") => {
            security("passkey.replaced", passkey.tenant, Some(passkey.owner));
            Err(refusals::invalid_passkey())
        }
        Err(no) => Err(no.into()),
    }
}
