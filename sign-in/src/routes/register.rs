//! Asking for an account, and showing that the address is one's own.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use daybook_platform::{ApiError, Secret};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::given::Given;
use crate::{app::App, mail::Mail, people::Person, refusals, store, tokens};

/// How long the token that verifies an address serves.
const VERIFY: Duration = Duration::from_secs(24 * 3_600);

/// Who asks for an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The organisation: its slug, or its id.
    organization: String,
    /// The address.
    email: String,
    /// What the person is called.
    name: String,
    /// The language the person is addressed in.
    locale: Option<String>,
}

/// `POST /api/v1/auth/register`. What is answered does not say whether the address has an account already; the mail does.
pub async fn register(State(app): State<App>, Given(said): Given<Registration>) -> Result<impl IntoResponse, ApiError> {
    if !app.settings.sign_up {
        let message = "accounts are given by the organisation: ask for an invitation";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "SIGN_UP_CLOSED", message));
    }
    let organization = app.store.organization(&said.organization).await?.filter(|known| !known.tenant.is_nil());
    let tenant = organization.ok_or_else(|| ApiError::field("organization", "is not known"))?.tenant;
    let user = Uuid::now_v7();
    let token = tokens::fresh("dbv");
    let given = store::Given { kind: "verify", tenant, owner: user, lifetime: Some(VERIFY), ..store::Given::default() };
    let id = app.store.give(&token, given).await?;
    let mut body = json!({ "email": said.email, "name": said.name, "token": id });
    if let Some(locale) = said.locale {
        body["locale"] = json!(locale);
    }
    let (owner, subject, text) = match app.desk.give(tenant, &format!("users/{user}/sign_up"), &body).await {
        Ok(_) => (user, "Your address at Daybook", verify(&app, &token)),
        Err(no) if no.is("NOT_UNIQUE") => {
            let known = app.store.with_address(app.vault.sealer(), tenant, &said.email).await?;
            (known.map_or(user, |known| known.id), "Your account at Daybook", ALREADY.to_owned())
        }
        Err(no) => return Err(no.into()),
    };
    app.send(Mail { to: said.email, owner, subject, text });
    Ok((StatusCode::ACCEPTED, Json(json!({ "sent": true }))))
}

const ALREADY: &str = "Somebody, most likely you, has asked for an account with this address. There is one already: sign in, \
or ask for another password.\n";

fn verify(app: &App, token: &str) -> String {
    let url = app.settings.link_url.trim_end_matches('/');
    format!(
        "Somebody, most likely you, has asked for an account with this address. To take it into use, open\n\n    \
         {url}/verify-email?token={token}\n\nwithin a day. If it was not you, do nothing.\n"
    )
}

/// The proof that somebody reads what is sent to the address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The token from the mail.
    token: Secret,
    /// The first password: nobody but who reads the mail sets it.
    password: Option<Secret>,
}

/// `POST /api/v1/auth/verify-email`.
pub async fn verify_email(
    State(app): State<App>,
    Given(said): Given<Verification>,
) -> Result<impl IntoResponse, ApiError> {
    let shown = app.store.shown(said.token.expose(), &["verify"]).await?.ok_or_else(refusals::wrong_token)?;
    let (tenant, owner) = (shown.tenant, shown.owner);
    let accepted = |password: Secret| app.rules.accept("password", password.expose(), &[]);
    let password = said.password.map(accepted).transpose()?;
    let mut receipt =
        match app.desk.give(tenant, &format!("users/{owner}/verify_email"), &json!({ "token": shown.id })).await {
            Ok(receipt) => receipt,
            Err(no) if no.is("WRONG_TOKEN") || no.is("INVALID_TRANSITION") => return Err(refusals::wrong_token()),
            Err(no) => return Err(no.into()),
        };
    if let Some(password) = password {
        let nobody_yet = Person { id: owner, user: json!({}), credential: None };
        let secret = app.new_password(tenant, &nobody_yet, password).await?;
        let at = format!("credentials/{owner}/set_password");
        match app.desk.give(tenant, &at, &json!({ "secret": secret })).await {
            Ok(set) => receipt = set,
            // A new address of somebody who has one.
            Err(no) if no.is("ALREADY_EXISTS") || no.is("INVALID_TRANSITION") => {}
            Err(no) => return Err(no.into()),
        }
    }
    app.shown(&receipt).await;
    Ok(Json(json!({ "user": owner, "position": receipt.position })))
}
