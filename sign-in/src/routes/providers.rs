//! What an administrator does with an identity provider beside its commands: gives its secret, and has it tried.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use daybook_platform::{ApiError, Secret};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::given::{Bearer, Given};
use crate::{
    app::App,
    desk::As,
    federation::{
        exchange::{ClientSecret, Failed},
        provider::Provider,
    },
};

/// The longest secret.
const LONGEST: usize = 1_000;

/// What a provider is shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownSecret {
    endpoint: String,
    client: String,
    secret: Secret,
}

/// `POST /api/v1/auth/identity-providers/secrets`: keeps what a provider is shown; its id is for `configure` and `reconfigure`. It
/// serves for that issuer and that client only.
pub async fn keep_secret(
    State(app): State<App>,
    bearer: Bearer,
    Given(said): Given<ShownSecret>,
) -> Result<impl IntoResponse, ApiError> {
    bearer.caller.must("idp:configure")?;
    let tenant = bearer.caller.tenant;
    if said.secret.expose().is_empty() || said.secret.expose().len() > LONGEST {
        return Err(ApiError::field("secret", format!("must have 1 to {LONGEST} bytes")));
    }
    let secret = said.secret.expose().to_owned();
    let kept = ClientSecret { endpoint: said.endpoint, client: said.client, secret };
    let clear = serde_json::to_vec(&kept).map_err(|_| ApiError::internal())?;
    let id = app.store.keep("client", tenant, tenant, &clear).await?;
    Ok((StatusCode::CREATED, Json(json!({ "secret": id }))))
}

/// `POST /api/v1/auth/identity-providers/{id}/test`: reads what the provider publishes of itself, and tells the book what came of it.
/// Who asks needs the permission twice: here, so that nobody else has us call an address, and in the book.
pub async fn test(
    State(app): State<App>,
    Path(id): Path<String>,
    bearer: Bearer,
) -> Result<impl IntoResponse, ApiError> {
    bearer.caller.must("idp:test")?;
    let tenant = bearer.caller.tenant;
    let unknown = || ApiError::not_found(format!("identity provider {id}"));
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let provider = app.store.provider(tenant, id).await?.ok_or_else(unknown)?;
    let note = tried(&app, &provider).await?;
    let body = json!({ "passed": note.is_none(), "note": note });
    let path = format!("identity-providers/{id}/test");
    let receipt = app.desk.give_as(As::Bearer(&bearer.token), tenant, &path, &body).await?;
    app.shown(&receipt).await;
    Ok(Json(json!({ "passed": note.is_none(), "note": note, "position": receipt.position })))
}

/// What is wrong with a provider; nothing, if people could sign in by it.
async fn tried(app: &App, provider: &Provider) -> Result<Option<String>, ApiError> {
    if provider.protocol != "oidc" {
        return Ok(Some("only OpenID Connect is spoken here: have a broker speak the rest".to_owned()));
    }
    match app.store.client_secret(provider).await {
        Ok(_) => {}
        Err(Failed::Store(fault)) => return Err(fault.into()),
        Err(failed) => return Ok(Some(failed.to_string())),
    }
    let note = app.issuers.tried(&provider.endpoint).await.err().map(|trouble| trouble.to_string());
    Ok(note.map(|note| note.chars().filter(|letter| !letter.is_control()).take(400).collect()))
}
