//! Actions: the commands that this caller may give to this aggregate now.

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_authority::{Resource, decide};
use daybook_kernel::{Kind, json};
use daybook_platform::ApiError;
use daybook_schemas::openapi::body_name;
use serde_json::{Value, json};

use crate::app::{App, Scope, parse_id};
use crate::asker::Asker;
use crate::freshness::Position;
use crate::get::present;
use crate::params::Params;
use crate::stores::{Fault, Store};

/// Answers `GET /api/v1/{path}/{id}/actions`: what the life cycle allows and the caller may do. A rule that looks at
/// more than the status may still say no when the command is given.
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
    let unreadable =
        |why: String| Fault::unreadable(Store::Postgres, format!("{} {id}: {why}", kind.meta().shape.name));
    let state = json::restore(kind.meta().shape, &Value::Object(stored.document))
        .map_err(|errors| unreadable(format!("{errors:?}")))
        .and_then(|datum| kind.from_datum(datum).map_err(|error| unreadable(error.to_string())))?;

    let resource = Resource::of(kind, id, &state);
    let actions: Vec<_> = kind
        .allowed(Some(&state))
        .into_iter()
        .filter(|command| decide(&caller.principal, kind.permission(*command), &resource, caller.moment).permitted)
        .map(|command| shown(&app, kind, &id.to_string(), command))
        .collect();
    Ok(Json(json!({ "id": id, "version": stored.version, "status": kind.status(&state), "actions": actions }))
        .into_response())
}

fn shown(app: &App, kind: &dyn Kind, id: &str, command: usize) -> Value {
    let shape = &kind.commands()[command];
    let (base, path) = (app.settings.command_url.trim_end_matches('/'), kind.meta().path);
    json!({
        "command": shape.name,
        "description": shape.doc,
        "permission": kind.permission(command),
        "leads_to": kind.transition(command).to,
        "method": "POST",
        "href": format!("{base}/api/v1/{path}/{id}/{}", shape.name),
        "body_schema": format!("{base}/openapi.json#/components/schemas/{}", body_name(kind, command)),
    })
}
