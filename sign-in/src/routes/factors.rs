//! The second factor, an authenticator app or a passkey: set up, shown to work, taken away.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use daybook_kernel::Tenant;
use daybook_platform::{ApiError, Secret};
use serde::Deserialize;
use serde_json::json;

use super::given::{Bearer, Given};
use crate::{
    app::{App, Codes},
    grants::secret,
    passkeys::{Assertion, Registration},
    people::Person,
    refusals, store, tokens,
    totp::{self, Seed},
};

/// How many recovery codes somebody is given.
const RECOVERY_CODES: usize = 10;

/// The password once more, and what there is of a second factor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Once {
    /// The present password.
    password: Secret,
    /// A code, where there is a second factor already.
    code: Option<String>,
    /// A recovery code in its place.
    recovery_code: Option<String>,
    /// What a passkey has signed, where it is the second factor.
    credential: Option<Assertion>,
}

/// The same, and what is set up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    password: Secret,
    code: Option<String>,
    recovery_code: Option<String>,
    credential: Option<Assertion>,
    #[serde(default)]
    method: Method,
}

/// A kind of second factor.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    /// Codes of an authenticator app.
    #[default]
    Totp,
    /// A passkey.
    Webauthn,
}

/// The person who asks, after showing once more who it is: a token alone does not change how somebody signs in.
async fn shown(app: &App, bearer: &Bearer, said: &Once) -> Result<(Tenant, Person), ApiError> {
    let tenant = bearer.caller.tenant;
    let person = app.store.person(tenant, bearer.caller.user).await?.ok_or_else(refusals::wrong_password)?;
    if app.password(tenant, Some(&person), said.password.expose()).await?.is_none() {
        app.failed(tenant, &person).await;
        return Err(refusals::wrong_password());
    }
    let (code, recovery_code) = (said.code.as_deref(), said.recovery_code.as_deref());
    let codes = Codes { code, recovery_code, credential: said.credential.as_ref() };
    app.second(tenant, &person, codes).await?;
    Ok((tenant, person))
}

/// `POST /api/v1/auth/mfa/enable`: a seed for an authenticator app, or what a device is asked to make a passkey with. It is not
/// asked for before it was shown to work.
pub async fn enable(
    State(app): State<App>,
    bearer: Bearer,
    Given(said): Given<Enrolment>,
) -> Result<Response, ApiError> {
    let Enrolment { password, code, recovery_code, credential, method } = said;
    let once = Once { password, code, recovery_code, credential };
    let (tenant, person) = shown(&app, &bearer, &once).await?;
    let (answer, id, method) = match method {
        Method::Totp => {
            let seed = Seed::fresh();
            let id = app.store.keep("totp", tenant, person.id, seed.bytes()).await?;
            (json!({ "secret": seed.base32(), "otpauth_uri": seed.uri(&person.id.to_string()) }), id, "totp")
        }
        Method::Webauthn => {
            let (options, id) = app.passkey_to_make(tenant, &person).await?;
            (options, id, "webauthn")
        }
    };
    let body = json!({ "method": method, "secret": id });
    let receipt = app.desk.give(tenant, &format!("credentials/{}/enable_mfa", person.id), &body).await?;
    app.shown(&receipt).await;
    Ok(secret(answer))
}

/// A code of the app that is being set up, or the passkey that the device has made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    code: Option<String>,
    credential: Option<Registration>,
}

/// `POST /api/v1/auth/mfa/verify`: from now on it is asked for. The recovery codes are shown once.
pub async fn verify(
    State(app): State<App>,
    Bearer { caller, .. }: Bearer,
    Given(said): Given<Proof>,
) -> Result<Response, ApiError> {
    let tenant = caller.tenant;
    let person = app.store.person(tenant, caller.user).await?.ok_or_else(not_enrolling)?;
    let step = match (person.enrolling_totp(), person.enrolling_passkey()) {
        (Some(id), _) => {
            let code = said.code.ok_or_else(|| ApiError::field("code", "is required"))?;
            let seed = app.seed(tenant, &person, Some(id)).await?;
            Some(seed.and_then(|seed| seed.step(&code, totp::now())).ok_or_else(refusals::wrong_code)?)
        }
        (None, Some(id)) => {
            let made = said.credential.ok_or_else(|| ApiError::field("credential", "is required"))?;
            app.passkey_made(tenant, person.id, id, &made).await?;
            None
        }
        (None, None) => return Err(not_enrolling()),
    };
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| tokens::recovery_code()).collect();
    let mut ids = BTreeSet::new();
    for code in &codes {
        let given = store::Given { kind: "recovery", tenant, owner: person.id, ..store::Given::default() };
        ids.insert(app.store.give(&tokens::typed(code), given).await?);
    }
    let body = json!({ "step": step, "recovery_codes": ids });
    let receipt = app.desk.give(tenant, &format!("credentials/{}/verify_mfa", person.id), &body).await?;
    app.shown(&receipt).await;
    app.store.forget_passkeys(tenant, person.id, person.enrolling_passkey()).await?;
    Ok(secret(json!({ "recovery_codes": codes })))
}

fn not_enrolling() -> ApiError {
    let message = "no second factor is being set up: begin with mfa/enable";
    ApiError::new(StatusCode::CONFLICT, "NOT_ENROLLING", message)
}

/// `POST /api/v1/auth/mfa/disable`.
pub async fn disable(
    State(app): State<App>,
    bearer: Bearer,
    Given(said): Given<Once>,
) -> Result<impl IntoResponse, ApiError> {
    if app.mfa_required(bearer.caller.tenant).await? {
        let message = "the organisation wants everybody to have a second factor";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "MFA_REQUIRED", message));
    }
    let (tenant, person) = shown(&app, &bearer, &said).await?;
    let receipt = app.desk.give(tenant, &format!("credentials/{}/disable_mfa", person.id), &json!({})).await?;
    app.shown(&receipt).await;
    app.store.forget_passkeys(tenant, person.id, None).await?;
    Ok(Json(json!({ "user": person.id, "position": receipt.position })))
}
