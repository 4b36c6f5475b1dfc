//! Passwords that are forgotten, replaced, changed.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use daybook_platform::{ApiError, Secret};
use serde::Deserialize;
use serde_json::json;

use super::given::{Bearer, Given};
use crate::{
    app::App,
    desk::No,
    mail::Mail,
    refusals::{self, wrong_token},
    store, tokens,
};

/// How long a token serves that replaces a password; the book has the same.
const RESET: Duration = Duration::from_secs(30 * 60);

/// The same of one that gives an invited person the first password, as long as the invitation.
const FIRST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Who has forgotten the password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    /// The organisation: its slug, or its id.
    organization: String,
    /// The address.
    email: String,
}

/// `POST /api/v1/auth/forgot-password`. Answered before anything is looked at: neither words nor time say whether there is
/// such an account.
pub async fn forgot(State(app): State<App>, Given(said): Given<Forgotten>) -> impl IntoResponse {
    tokio::spawn(async move {
        if let Err(error) = send_token(&app, said).await {
            tracing::error!(%error, "a forgotten password could not be seen to");
        }
    });
    (StatusCode::ACCEPTED, Json(json!({ "sent": true })))
}

async fn send_token(app: &App, said: Forgotten) -> Result<(), ApiError> {
    let Some(organization) = app.store.organization(&said.organization).await? else { return Ok(()) };
    let tenant = organization.tenant;
    let Some(person) = app.store.with_address(app.vault.sealer(), tenant, &said.email).await? else { return Ok(()) };
    let (kind, lifetime) = match (&person.credential, person.status()) {
        (Some(_), _) => ("reset", RESET),
        (None, "active") => ("first", RESET),
        (None, "invited") => ("first", FIRST),
        _ => return Ok(()),
    };
    let token = tokens::fresh("dbp");
    let lifetime = Some(lifetime);
    let given = store::Given { kind, tenant, owner: person.id, lifetime, ..store::Given::default() };
    let id = app.store.give(&token, given).await?;
    if kind == "reset" {
        app.desk.give(tenant, &format!("credentials/{}/forgot_password", person.id), &json!({ "token": id })).await?;
    }
    let url = app.settings.link_url.trim_end_matches('/');
    let text = format!(
        "To choose a password for your account at Daybook, open\n\n    {url}/reset-password?token={token}\n\nIt serves once, \
         and not for long. If you have not asked for it, do nothing: your password stays as it is.\n"
    );
    // Not to the address as it was typed: letters that count as the same may belong to somebody else's.
    let to = app.address(tenant, &person).await?;
    app.send(Mail { to, owner: person.id, subject: "Your password at Daybook", text });
    Ok(())
}

/// A new password for a forgotten one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The token from the mail.
    token: Secret,
    /// The new password.
    password: Secret,
}

/// `POST /api/v1/auth/reset-password`. Ends the person's sessions.
pub async fn reset(State(app): State<App>, Given(said): Given<Replacement>) -> Result<impl IntoResponse, ApiError> {
    let shown = app.store.shown(said.token.expose(), &["reset", "first"]).await?.ok_or_else(wrong_token)?;
    let (tenant, owner) = (shown.tenant, shown.owner);
    let password = app.rules.accept("password", said.password.expose(), &[])?;
    let person = app.store.person(tenant, owner).await?.ok_or_else(wrong_token)?;
    let secret = app.new_password(tenant, &person, password).await?;
    let at = format!("credentials/{owner}");
    let given = match shown.kind.as_str() {
        "reset" => {
            let body = json!({ "token": shown.id, "secret": secret });
            app.desk.give(tenant, &format!("{at}/reset_password"), &body).await
        }
        _ => {
            if person.status() == "invited" {
                app.desk.give(tenant, &format!("users/{owner}/accept_invitation"), &json!({})).await?;
            }
            app.desk.give(tenant, &format!("{at}/set_password"), &json!({ "secret": secret })).await
        }
    };
    let receipt = given.map_err(refused)?;
    app.shown(&receipt).await;
    Ok(Json(json!({ "user": owner, "position": receipt.position })))
}

/// Another password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The present password.
    password: Secret,
    /// The new one.
    new_password: Secret,
}

/// `POST /api/v1/auth/change-password`. Ends the person's sessions, this one too.
pub async fn change(
    State(app): State<App>,
    Bearer { caller, .. }: Bearer,
    Given(said): Given<Change>,
) -> Result<impl IntoResponse, ApiError> {
    let tenant = caller.tenant;
    let person = app.store.person(tenant, caller.user).await?.ok_or_else(refusals::wrong_password)?;
    if app.password(tenant, Some(&person), said.password.expose()).await?.is_none() {
        app.failed(tenant, &person).await;
        return Err(refusals::wrong_password());
    }
    let password = app.rules.accept("new_password", said.new_password.expose(), &[])?;
    let secret = app.new_password(tenant, &person, password).await?;
    let at = format!("credentials/{}/change_password", person.id);
    let receipt = app.desk.give(tenant, &at, &json!({ "secret": secret })).await.map_err(refused)?;
    app.shown(&receipt).await;
    Ok(Json(json!({ "user": person.id, "position": receipt.position })))
}

/// The book's no to a new password, in the words of the route.
fn refused(no: No) -> ApiError {
    if no.is("PASSWORD_REUSED") {
        let message = "must be none of your last five passwords";
        return ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "PASSWORD_REUSED", message)
            .with_field("password", message);
    }
    let is_spent =
        ["TOKEN_EXPIRED", "INVALID_TRANSITION", "ALREADY_EXISTS", "WRONG_TOKEN"].iter().any(|code| no.is(code));
    if is_spent { wrong_token() } else { no.into() }
}
