//! What a configuration item has to do with others, one step in both directions.

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_platform::ApiError;
use serde_json::{Value, json};
use uuid::Uuid;

use super::items::{EDGES_OF, edge, kind, named, relation_types};
use super::types_of;
use crate::app::{App, Scope, parse_id};
use crate::asker::Asker;
use crate::freshness::Position;
use crate::get::present;
use crate::params::Params;
use crate::stores::Fault;

/// Most relationships in one answer: twice as many as may begin at one item.
const MOST: usize = 1_000;

/// Answers `GET /api/v1/cmdb/cis/{id}/relationships`.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    app: App,
    id: String,
    caller: Asker,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let kind = kind();
    let scope = Scope::of(kind, &caller)?;
    let id = parse_id(kind, &id)?;
    let positions = Position::of(&headers)?;
    let types = types_of(&mut params, relation_types())?;
    let (outgoing, incoming) = match params.take("direction")?.as_deref() {
        None | Some("both") => (true, true),
        Some("outgoing") => (true, false),
        Some("incoming") => (false, true),
        Some(said) => {
            return Err(ApiError::field("direction", format!("must be outgoing, incoming or both, not {said:?}")));
        }
    };
    params.end(&["direction", "type"])?;
    app.tides.postgres.passed(scope.tenant, &positions).await?;

    let mut reading = scope.reading(&app).await?;
    let of = present(&mut reading, kind, &scope, id).await?;
    let query = sqlx::query(EDGES_OF).bind(scope.tenant).bind(id).bind(types);
    let rows = query.fetch_all(&mut *reading).await.map_err(Fault::from)?;
    let mut related: Vec<(&str, String, Uuid)> = Vec::new();
    for row in &rows {
        let edge = edge(row)?;
        match edge.source == id {
            true if outgoing => related.push(("outgoing", edge.kind, edge.target)),
            false if incoming => related.push(("incoming", edge.kind, edge.source)),
            _ => {}
        }
    }
    related.sort_unstable_by(|a, b| (b.0, &a.1, a.2).cmp(&(a.0, &b.1, b.2)));
    let truncated = related.len() > MOST;
    related.truncate(MOST);
    let ids: Vec<_> = related.iter().map(|(.., id)| *id).collect();
    let cis = named(&mut reading, &scope, &ids).await?;
    // Of what the caller may not see, not even the relationship is told.
    related.retain(|(.., id)| cis.contains_key(id));
    let items: Vec<Value> = related
        .iter()
        .map(|(direction, kind, id)| json!({ "direction": direction, "type": kind, "ci": cis.get(id) }))
        .collect();
    Ok(Json(json!({ "id": id, "version": of.version, "items": items, "truncated": truncated })).into_response())
}
