//! The members of an organisation, with what may be known of each user.

use std::collections::{BTreeSet, HashMap};

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_kernel::Kind;
use daybook_platform::ApiError;
use daybook_schemas::sealing::{keys_in, mask_json};
use serde_json::{Value, json};
use sqlx::{Row as _, types};
use uuid::Uuid;

use crate::app::{App, Scope, parse_id};
use crate::asker::Asker;
use crate::freshness::Position;
use crate::get::present;
use crate::list::statement::{Bind, Statement};
use crate::params::Params;
use crate::stores::{Fault, Store};

/// The statement that reads what is shown of users: their names are personal.
pub fn statement(kind: &dyn Kind, scope: &Scope, ids: &[Uuid]) -> Statement {
    let mut users = Statement::new("", vec![Bind::Id(scope.tenant), Bind::Ids(ids.to_vec())]);
    let clear = users.is_clear(kind, &scope.clear);
    users.sql = format!(
        "SELECT id, status, doc->'name' AS name, {clear} FROM identity.users v WHERE tenant = $1 AND id = ANY($2)"
    );
    users.of(kind, &scope.rows)
}

/// Answers `GET /api/v1/organizations/{id}/members`. Who may not read users sees ids and roles alone, who may
/// not see what is personal no names.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    app: App,
    kind: &'static dyn Kind,
    id: String,
    caller: Asker,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::of(kind, &caller)?;
    let id = parse_id(kind, &id)?;
    let positions = Position::of(&headers)?;
    params.end(&[])?;
    app.tides.postgres.passed(scope.tenant, &positions).await?;

    let stored = present(&mut scope.reading(&app).await?, kind, &scope, id).await?;
    let members = stored.document.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
    let user = |member: &Value| member["user"].as_str().and_then(|id| id.parse::<Uuid>().ok());
    let kind = daybook_contents::kind("identity.User").ok_or_else(ApiError::internal)?;
    // The users are the organisation's own: the platform's staff has no rows there.
    let readable = Scope::of(kind, &caller).ok().map(|scope| Scope { tenant: id, ..scope });
    let may_read_users = readable.is_some();
    let users = match &readable {
        Some(scope) => users(&app, scope, &members.iter().filter_map(user).collect::<Vec<_>>()).await?,
        None => HashMap::new(),
    };
    let items: Vec<Value> = members
        .iter()
        .map(|member| {
            let mut shown = json!({ "user": member["user"], "role": member["role"] });
            if may_read_users {
                let (name, status) = user(member).and_then(|id| users.get(&id).cloned()).unwrap_or_default();
                shown["name"] = name;
                shown["status"] = status;
            }
            shown
        })
        .collect();
    Ok(Json(json!({ "id": id, "version": stored.version, "items": items })).into_response())
}

/// Name and status of users of a tenant, by id.
async fn users(app: &App, scope: &Scope, ids: &[Uuid]) -> Result<HashMap<Uuid, (Value, Value)>, Fault> {
    let (tenant, mut reading) = (scope.tenant, scope.reading(app).await?);
    let kind = daybook_contents::kind("identity.User").expect("the contents hold users");
    let rows = statement(kind, scope, ids).query().fetch_all(&mut *reading).await?;
    drop(reading);
    let mut keys = BTreeSet::new();
    for row in &rows {
        let types::Json(name): types::Json<Value> = row.try_get("name")?;
        if row.try_get("is_clear")? {
            keys_in(&name, &mut keys);
        }
    }
    let ring = app.ring(tenant, keys).await?;
    rows.iter()
        .map(|row| {
            let id: Uuid = row.try_get("id")?;
            let types::Json(mut name): types::Json<Value> = row.try_get("name")?;
            if row.try_get("is_clear")? {
                let opened = ring.open_json(tenant, &mut name);
                opened.map_err(|error| Fault::unreadable(Store::Postgres, format!("User {id}, name: {error}")))?;
            } else {
                mask_json(&mut name);
            }
            Ok((id, (name, row.try_get::<String, _>("status")?.into())))
        })
        .collect()
}
