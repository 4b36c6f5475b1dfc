//! A logout at the identity provider (OpenID Connect Back-Channel Logout 1.0): it ends our sessions that began with its own.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::{StatusCode, header::CACHE_CONTROL},
    response::IntoResponse,
};
use daybook_platform::{ApiError, Secret};
use serde::Deserialize;
use serde_json::json;

use super::{federation::named, given::Given};
use crate::{
    app::App,
    federation::{
        provider::Provider,
        token::{self, Logout, Refused},
    },
    refusals::{self, security},
};

/// What the provider sends.
#[derive(Deserialize)]
pub struct Request {
    logout_token: Secret,
}

/// `POST /api/v1/auth/federation/{organization}/{provider}/logout`.
pub async fn logout(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    Given(said): Given<Request>,
) -> Result<impl IntoResponse, ApiError> {
    let provider = named(&app, path).await?;
    let logout = token::logout_token(&app.issuers, &provider, said.logout_token.expose()).await;
    let logout = logout.map_err(|refused| match refused {
        Refused::Trouble(trouble) => {
            tracing::warn!(provider = %provider.id, %trouble, "a logout token could not be looked at");
            refusals::provider_unreachable()
        }
        Refused::Token(reason) => refused_token(&provider, &reason),
    })?;
    let remembered = Duration::from_secs(token::REMEMBERED);
    if !app.store.take_logout(&provider, &logout.id, remembered).await? {
        return Err(refused_token(&provider, "it was taken before"));
    }
    if let Err(error) = end(&app, &provider, &logout).await {
        // The provider may send it again: what it asks for was not done.
        app.store.give_back_logout(&provider, &logout.id).await?;
        return Err(error);
    }
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")]))
}

/// Ends the sessions that it is about; those that have ended already are.
async fn end(app: &App, provider: &Provider, logout: &Logout) -> Result<(), ApiError> {
    for session in app.store.provider_sessions(provider, logout).await? {
        match app.desk.give(provider.tenant, &format!("sessions/{session}/logout"), &json!({})).await {
            Err(no) if !no.is("INVALID_TRANSITION") => return Err(no.into()),
            _ => {}
        }
    }
    Ok(())
}

fn refused_token(provider: &Provider, reason: &str) -> ApiError {
    security("federation.logout", provider.tenant, None);
    tracing::warn!(provider = %provider.id, reason, "a logout token was refused");
    refusals::wrong_logout_token()
}
