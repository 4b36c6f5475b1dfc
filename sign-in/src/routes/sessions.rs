//! Who one is, where one is signed in, and signing out.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header::CACHE_CONTROL},
    response::IntoResponse,
};
use daybook_kernel::{Tenant, Time};
use daybook_platform::{ApiError, Basis, Caller};
use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use crate::{
    app::App,
    sql,
    store::{Fault, id_in},
};

/// `GET /api/v1/auth/me`: what the token says, and how the person signs in.
pub async fn me(State(app): State<App>, caller: Caller) -> Result<impl IntoResponse, ApiError> {
    let person = app.store.person(caller.tenant, caller.user).await?;
    let session = match caller.basis {
        Some(Basis::Session(id)) => Some(id),
        _ => None,
    };
    let answer = json!({
        "user": caller.user,
        "tenant": if caller.is_platform() { "platform".to_owned() } else { caller.tenant.to_string() },
        "session": session,
        "roles": caller.roles,
        "permissions": caller.permissions,
        "mfa_enabled": person.is_some_and(|person| person.has_factor()),
        "mfa_required": app.mfa_required(caller.tenant).await?,
    });
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(answer)))
}

/// `GET /api/v1/auth/sessions`: where the person is signed in.
pub async fn list(State(app): State<App>, caller: Caller) -> Result<impl IntoResponse, ApiError> {
    let query = sqlx::query(sql::SESSIONS).bind(caller.tenant).bind(caller.user);
    let rows = query.fetch_all(app.store.pool()).await.map_err(Fault::from)?;
    let documents: Vec<Value> =
        rows.iter().map(|row| row.try_get("doc")).collect::<Result<_, _>>().map_err(Fault::from)?;
    let ring = app.ring(caller.tenant, documents.iter().map(|doc| &doc["device"])).await?;
    let mut items = Vec::with_capacity(rows.len());
    for (row, mut doc) in rows.iter().zip(documents) {
        let id: Uuid = row.try_get("id").map_err(Fault::from)?;
        let created_at: i64 = row.try_get("created_at").map_err(Fault::from)?;
        // A device whose key is gone is forgotten, and its session is still to be seen.
        if ring.open_json(caller.tenant, &mut doc["device"]).is_err() {
            doc["device"] = Value::Null;
        }
        items.push(json!({
            "id": id,
            "signed_in_at": Time(created_at).to_string(),
            "expires_at": doc["expires_at"],
            "amr": doc["amr"],
            "device": doc["device"],
            "is_this": caller.basis == Some(Basis::Session(id)),
        }));
    }
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(json!({ "items": items }))))
}

/// `POST /api/v1/auth/logout`: ends the session of the token.
pub async fn logout(State(app): State<App>, caller: Caller) -> Result<StatusCode, ApiError> {
    match caller.basis {
        Some(Basis::Session(id)) => sign_out(&app, caller.tenant, id).await,
        _ => Err(ApiError::validation("the token is of no session: there is nothing to sign out of")),
    }
}

/// `DELETE /api/v1/auth/sessions/{id}`: ends another session of the person's own.
pub async fn end(State(app): State<App>, Path(id): Path<String>, caller: Caller) -> Result<StatusCode, ApiError> {
    let unknown = || ApiError::not_found(format!("session {id} of yours"));
    let session: Uuid = id.parse().map_err(|_| unknown())?;
    let query = sqlx::query(sql::SESSION).bind(caller.tenant).bind(session);
    let row = query.fetch_optional(app.store.pool()).await.map_err(Fault::from)?.ok_or_else(unknown)?;
    let doc: Value = row.try_get("doc").map_err(Fault::from)?;
    if id_in(&doc, "user") != Some(caller.user) {
        return Err(unknown());
    }
    sign_out(&app, caller.tenant, session).await
}

async fn sign_out(app: &App, tenant: Tenant, session: Uuid) -> Result<StatusCode, ApiError> {
    match app.desk.give(tenant, &format!("sessions/{session}/logout"), &json!({})).await {
        Ok(receipt) => {
            app.shown(&receipt).await;
            Ok(StatusCode::NO_CONTENT)
        }
        Err(no) if no.is("INVALID_TRANSITION") => Ok(StatusCode::NO_CONTENT),
        Err(no) => Err(no.into()),
    }
}
