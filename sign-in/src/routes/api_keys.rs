//! API keys: given out once in clear, found by their prefix, and exchanged for a token that holds for minutes.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use daybook_kernel::Time;
use daybook_platform::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use super::given::{Bearer, Given};
use crate::{
    app::App,
    desk::As,
    grants::secret,
    keys::LIFETIME,
    people::Held,
    refusals::{self, security},
    sql,
    store::{Fault, id_in},
    tokens,
};

/// What is said of a new key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What it is for.
    name: String,
    /// What a program may do with it.
    scopes: BTreeSet<String>,
    /// Until when it can be used.
    expires_at: String,
}

/// `POST /api/v1/auth/api-keys`. The command is the person's own, so the book sees whose the key is and what may be passed on.
pub async fn issue(State(app): State<App>, bearer: Bearer, Given(said): Given<Request>) -> Result<Response, ApiError> {
    let (tenant, owner) = (bearer.caller.tenant, bearer.caller.user);
    let (key, prefix) = tokens::api_key();
    let id = Uuid::now_v7();
    app.store.keep_api_key(id, (&key, &prefix), tenant, owner, None).await?;
    let body = json!({ "name": said.name, "scopes": said.scopes, "expires_at": said.expires_at, "secret": id });
    let receipt = app.desk.give_as(As::Bearer(&bearer.token), tenant, "api-keys", &body).await?;
    app.store.name_api_key(id, receipt.id).await?;
    app.shown(&receipt).await;
    let answer = json!({ "id": receipt.id, "key": key, "prefix": prefix, "position": receipt.position });
    Ok((StatusCode::CREATED, secret(answer)).into_response())
}

/// `POST /api/v1/auth/api-keys/{id}/rotate`: the key before serves no longer.
pub async fn rotate(State(app): State<App>, Path(id): Path<String>, bearer: Bearer) -> Result<Response, ApiError> {
    let of: Uuid = id.parse().map_err(|_| ApiError::not_found(format!("API key {id}")))?;
    let (tenant, owner) = (bearer.caller.tenant, bearer.caller.user);
    let (key, prefix) = tokens::api_key();
    let secret_id = Uuid::now_v7();
    app.store.keep_api_key(secret_id, (&key, &prefix), tenant, owner, Some(of)).await?;
    let path = format!("api-keys/{of}/rotate");
    let receipt = app.desk.give_as(As::Bearer(&bearer.token), tenant, &path, &json!({ "secret": secret_id })).await?;
    app.shown(&receipt).await;
    Ok(secret(json!({ "id": of, "key": key, "prefix": prefix, "position": receipt.position })))
}

/// Which keys are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// What their prefixes begin with.
    #[serde(default)]
    prefix: String,
}

/// `GET /api/v1/auth/api-keys`: the person's own, by their prefixes.
pub async fn list(
    State(app): State<App>,
    Query(which): Query<Which>,
    Bearer { caller, .. }: Bearer,
) -> Result<impl IntoResponse, ApiError> {
    if !which.prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(ApiError::field("prefix", "must be letters, digits and underscores"));
    }
    let query = sqlx::query(sql::API_KEYS_OF).bind(caller.tenant).bind(caller.user).bind(which.prefix);
    let mut items = Vec::new();
    for row in query.fetch_all(app.store.pool()).await.map_err(Fault::from)? {
        let (id, prefix): (Uuid, String) =
            (row.try_get("id").map_err(Fault::from)?, row.try_get("prefix").map_err(Fault::from)?);
        let doc: Value = row.try_get("doc").map_err(Fault::from)?;
        items.push(json!({
            "id": id,
            "prefix": prefix,
            "name": doc["name"],
            "status": doc["status"],
            "scopes": doc["scopes"],
            "expires_at": doc["expires_at"],
        }));
    }
    Ok(Json(json!({ "items": items })))
}

/// Exchanges a key for a token: what its scopes name, as far as its owner may do it still.
///
/// # Errors
/// 401 for every key that cannot be used.
pub async fn exchange(app: &App, key: &str) -> Result<Response, ApiError> {
    let (token, lifetime) = token(app, key).await?;
    Ok(secret(json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime.as_secs() })))
}

/// The token for a key, and how long it holds.
///
/// # Errors
/// 401 for every key that cannot be used.
pub async fn token(app: &App, key: &str) -> Result<(String, Duration), ApiError> {
    let prefix = tokens::prefix_of(key).ok_or_else(refusals::invalid_client)?;
    let row = sqlx::query(sql::API_KEY).bind(prefix).fetch_optional(app.store.pool()).await.map_err(Fault::from)?;
    let row = row.ok_or_else(refusals::invalid_client)?;
    let hash: Vec<u8> = row.try_get("hash").map_err(Fault::from)?;
    let tenant: Uuid = row.try_get("tenant").map_err(Fault::from)?;
    let refused = || {
        security("api_key.refused", tenant, None);
        refusals::invalid_client()
    };
    if !tokens::is_of(key, &hash) {
        return Err(refused());
    }
    let secret: Uuid = row.try_get("secret").map_err(Fault::from)?;
    let id: Option<Uuid> = row.try_get("key").map_err(Fault::from)?;
    let doc: Option<Value> = row.try_get("doc").map_err(Fault::from)?;
    let Some((id, doc)) = id.zip(doc) else { return Err(refused()) };
    let until = doc["expires_at"].as_str().and_then(Time::parse).map_or(0, |until| until.0);
    let left = until - jiff::Timestamp::now().as_microsecond();
    let is_live = doc["status"] == "active" && id_in(&doc, "secret") == Some(secret) && left >= 1_000_000;
    if !is_live {
        return Err(refused());
    }
    let scopes = doc["scopes"].as_array().into_iter().flatten().filter_map(|scope| Some(scope.as_str()?.to_owned()));
    let mut permissions: BTreeSet<String> = scopes.collect();
    let owner = id_in(&doc, "owner");
    let mut roles = Vec::new();
    if let Some(owner) = owner {
        let person = app.store.person(tenant, owner).await?;
        let person = person.filter(|person| ["active", "locked"].contains(&person.status())).ok_or_else(refused)?;
        let held = app.store.held(tenant, &person).await?;
        permissions.retain(|permission| held.permissions.contains(permission));
        roles = held.roles;
    }
    let lifetime = LIFETIME.min(Duration::from_micros(u64::try_from(left).unwrap_or_default()));
    let token = app.grant_key(tenant, owner.unwrap_or(id), id, Held { roles, permissions }, lifetime).await?;
    Ok((token, lifetime))
}
