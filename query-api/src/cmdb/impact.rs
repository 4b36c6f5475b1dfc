//! Impact analysis: what a configuration item needs, what is affected when it fails, and which incidents are open there.

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_kernel::{Kind, Tenant};
use daybook_platform::{ApiError, Caller};
use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use super::graph::{Direction, Edge, reach};
use super::items::{EDGES, edge, kind, named, relation_types};
use super::types_of;
use crate::app::{App, Scope, parse_id, permission};
use crate::freshness::Position;
use crate::get::present;
use crate::params::Params;
use crate::stores::Fault;
use crate::stores::postgres::Reading;

/// The relationships over which a failure spreads: who has one does not work without the other. A whole fails with its part.
const SPREADING: [&str; 3] = ["depends_on", "runs_on", "contains"];

/// Relationships on the longest way that is followed.
const DEEPEST: i64 = 20;

/// Most items in an answer.
const MOST: i64 = 1_000;

/// Open incidents that concern any of these items, most urgent first, with the items each concerns.
pub const OPEN_INCIDENTS: &str = "
SELECT i.id, i.number, i.status, i.priority, ARRAY(SELECT c::uuid FROM jsonb_array_elements_text(i.doc->'cis') AS c) AS cis
FROM incident.incidents i
WHERE i.tenant = $1 AND i.status = ANY('{new,assigned,in_progress,pending}') AND i.doc->'cis' ?| $2::text[]
ORDER BY i.priority, i.id LIMIT $3";

/// Answers `GET /api/v1/cmdb/cis/{id}/impact-analysis`.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    app: App,
    id: String,
    caller: Caller,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let kind = kind();
    let scope = Scope::of(kind, &caller)?;
    let id = parse_id(kind, &id)?;
    let positions = Position::of(&headers)?;
    let direction = match params.take("direction")?.as_deref() {
        None | Some("downstream") => Direction::Downstream,
        Some("upstream") => Direction::Upstream,
        Some(said) => {
            return Err(ApiError::field("direction", format!("must be upstream or downstream, not {said:?}")));
        }
    };
    let depth = params.number("depth", 1, 5, DEEPEST)?;
    let most = params.number("limit", 1, MOST, MOST)?;
    let types = match types_of(&mut params, relation_types())? {
        all if all.len() == relation_types().len() => SPREADING.map(str::to_owned).to_vec(),
        chosen => chosen,
    };
    params.end(&["direction", "depth", "type", "limit"])?;
    app.tides.postgres.passed(scope.tenant, &positions).await?;

    let mut reading = app.postgres.reading(scope.tenant).await?;
    present(&mut reading, kind, scope, id).await?;
    let rows = sqlx::query(EDGES).bind(scope.tenant).bind(types).fetch_all(&mut *reading).await.map_err(Fault::from)?;
    let edges: Vec<Edge> = rows.iter().map(edge).collect::<Result<_, _>>()?;
    let (found, truncated) = reach(&edges, id, direction, depth, most as usize);

    let ids: Vec<Uuid> = std::iter::once(id).chain(found.iter().map(|found| found.id)).collect();
    let cis = named(&mut reading, scope.tenant, &ids).await?;
    let is_service = |id: &Uuid| cis.get(id).is_some_and(|ci| ci["ci_type"] == "service");
    let services: Vec<Uuid> = found.iter().map(|found| found.id).filter(is_service).collect();
    let items: Vec<Value> = found
        .iter()
        .map(|found| json!({ "ci": cis.get(&found.id), "depth": found.depth, "via": { "from": found.from, "type": found.kind } }))
        .collect();
    let mut answer = json!({
        "ci": cis.get(&id), "direction": direction.name(), "depth": depth, "items": items, "truncated": truncated, "services": services,
    });
    // Who may not read incidents is not told of them.
    let incident =
        daybook_contents::kind("incident.Incident").filter(|incident: &&dyn Kind| caller.may(&permission(*incident)));
    if incident.is_some() {
        answer["open_incidents"] = open_incidents(&mut reading, scope.tenant, &ids).await?;
    }
    Ok(Json(answer).into_response())
}

async fn open_incidents(reading: &mut Reading, tenant: Tenant, cis: &[Uuid]) -> Result<Value, Fault> {
    let texts: Vec<_> = cis.iter().map(Uuid::to_string).collect();
    let rows = sqlx::query(OPEN_INCIDENTS).bind(tenant).bind(texts).bind(MOST).fetch_all(&mut **reading).await?;
    rows.iter()
        .map(|row| {
            let concerned: Vec<Uuid> = row.try_get("cis")?;
            let concerned: Vec<_> = concerned.into_iter().filter(|ci| cis.contains(ci)).collect();
            let text = |name: &str| row.try_get::<String, _>(name);
            Ok(json!({
                "id": row.try_get::<Uuid, _>("id")?,
                "number": text("number")?,
                "status": text("status")?,
                "priority": text("priority")?,
                "cis": concerned,
            }))
        })
        .collect()
}
