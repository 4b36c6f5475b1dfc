//! Who asks by SCIM: somebody with a token, or a program with an API key, which is what a directory can be given to keep.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts},
};
use daybook_platform::{ApiError, Caller};
use serde_json::{Value as Json, json};

use super::{answer::Refusal, page::Page};
use crate::{
    app::App,
    desk::{As, Receipt},
    routes::api_keys,
    tokens,
};

/// Who asks, and for which page.
pub struct Asker {
    /// Who.
    pub caller: Caller,
    token: String,
    app: App,
    /// What the address says beside the path.
    pub page: Page,
}

impl FromRequestParts<App> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let shown = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).unwrap_or_default();
        let shown = shown.split_once(' ').map(|(_, shown)| shown.trim().to_owned()).unwrap_or_default();
        let caller = match tokens::prefix_of(&shown) {
            None => app.authenticator.caller(&parts.headers).await,
            Some(_) => return Self::with_key(parts, app, &shown).await,
        };
        let page = page(parts).await?;
        Ok(Self { caller: caller?, token: shown, app: app.clone(), page })
    }
}

impl Asker {
    async fn with_key(parts: &mut Parts, app: &App, key: &str) -> Result<Self, Refusal> {
        let token = api_keys::token(app, key).await?.0;
        let mut headers = HeaderMap::new();
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ApiError::internal())?;
        headers.insert(AUTHORIZATION, bearer);
        let caller = app.authenticator.caller(&headers).await?;
        Ok(Self { caller, token, app: app.clone(), page: page(parts).await? })
    }

    /// Insists that who asks may read all such records of the organisation: the place that decides is asked, not the token alone.
    ///
    /// # Errors
    /// 403 naming the permission; 503 where it cannot be told.
    pub async fn reads(&self, permission: &str) -> Result<(), Refusal> {
        self.caller.must(permission)?;
        match self.app.questions.may(&self.token, permission).await? {
            true => Ok(()),
            false => Err(ApiError::forbidden(permission).into()),
        }
    }

    /// Insists that who asks may read all accounts of the organisation and what is personal in them: SCIM has no form for less.
    ///
    /// # Errors
    /// 403 naming the permission; 503 where it cannot be told.
    pub async fn reads_people(&self) -> Result<(), Refusal> {
        self.reads("user:read").await?;
        self.reads("user:read_personal").await
    }

    /// Gives a command with the rights of who asks.
    ///
    /// # Errors
    /// The book's no.
    pub async fn give(&self, path: &str, body: Json) -> Result<Receipt, Refusal> {
        Ok(self.app.desk.give_as(As::Bearer(&self.token), self.caller.tenant, path, &body).await?)
    }

    /// Notes, as sign-in, that a directory vouches for an address.
    ///
    /// # Errors
    /// The book's no.
    pub async fn verify(&self, user: uuid::Uuid, proof: uuid::Uuid) -> Result<Receipt, Refusal> {
        let path = format!("users/{user}/verify_email");
        Ok(self.app.desk.give(self.caller.tenant, &path, &json!({ "token": proof })).await?)
    }
}

async fn page(parts: &mut Parts) -> Result<Page, Refusal> {
    let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, &())
        .await
        .map_err(|error| Refusal::bad("invalidValue", error.to_string()))?;
    Page::of(&pairs)
}

/// Questions to the query API, with somebody's own token.
pub struct Questions {
    client: reqwest::Client,
    url: String,
}

impl Questions {
    /// The query API at that origin.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(url: &str) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    /// Whether the bearer may do this in the whole organisation, as the one place says that decides who may do what.
    ///
    /// # Errors
    /// 503 where it is not answered.
    pub async fn may(&self, token: &str, permission: &str) -> Result<bool, ApiError> {
        let away = || ApiError::unavailable("who may do what cannot be told at present", Duration::from_secs(2));
        let request = self.client.get(format!("{}/api/v1/access/why", self.url)).query(&[("permission", permission)]);
        let answer = request.bearer_auth(token).send().await.map_err(|error| {
            tracing::error!(error = %error.without_url(), "the query API is not there");
            away()
        })?;
        if answer.status().is_client_error() {
            return Ok(false);
        }
        let said: Json = answer.json().await.map_err(|_| away())?;
        said["permitted"].as_bool().ok_or_else(away)
    }
}
