//! Impact analysis: what a configuration item needs, what is affected when it fails, and which incidents are open there.

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_kernel::Kind;
use daybook_platform::ApiError;
use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use super::graph::{Direction, Edge, reach};
use super::items::{EDGES, edge, kind, named, relation_types};
use super::types_of;
use crate::app::{App, Scope, parse_id};
use crate::asker::Asker;
use crate::freshness::Position;
use crate::get::present;
use crate::list::statement::{Bind, Statement};
use crate::params::Params;
use crate::stores::Fault;
use crate::stores::postgres::Reading;

/// The relationships over which a failure spreads: who has one does not work without the other. A whole fails with its part.
const SPREADING: [&str; 3] = ["depends_on", "runs_on", "contains"];

/// Relationships on the longest way that is followed.
const DEEPEST: i64 = 20;

/// Most items in an answer.
const MOST: i64 = 1_000;

/// Open incidents that concern any of these items, with the items each concerns.
pub const OPEN_INCIDENTS: &str = "
SELECT v.id, v.number, v.status, v.priority, ARRAY(SELECT c::uuid FROM jsonb_array_elements_text(v.doc->'cis') AS c) AS cis
FROM incident.incidents v
WHERE v.tenant = $1 AND v.status = ANY('{new,assigned,in_progress,pending}') AND v.doc->'cis' ?| $2::text[]";

/// The order of them, and so many at most.
const MOST_URGENT: &str = " ORDER BY v.priority, v.id LIMIT 1000";

/// Answers `GET /api/v1/cmdb/cis/{id}/impact-analysis`.
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

    let mut reading = scope.reading(&app).await?;
    present(&mut reading, kind, &scope, id).await?;
    let rows = sqlx::query(EDGES).bind(scope.tenant).bind(types).fetch_all(&mut *reading).await.map_err(Fault::from)?;
    let edges: Vec<Edge> = rows.iter().map(edge).collect::<Result<_, _>>()?;
    let (mut found, truncated) = reach(&edges, id, direction, depth, most as usize);

    let ids: Vec<Uuid> = std::iter::once(id).chain(found.iter().map(|found| found.id)).collect();
    let cis = named(&mut reading, &scope, &ids).await?;
    // What the caller may not see is not there, nor what is open about it.
    found.retain(|found| cis.contains_key(&found.id));
    let ids: Vec<Uuid> = ids.into_iter().filter(|id| cis.contains_key(id)).collect();
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
    let incident = daybook_contents::kind("incident.Incident").ok_or_else(ApiError::internal)?;
    if let Ok(readable) = Scope::of(incident, &caller) {
        answer["open_incidents"] = open_incidents(&mut reading, incident, &readable, &ids).await?;
    }
    Ok(Json(answer).into_response())
}

async fn open_incidents(reading: &mut Reading, kind: &dyn Kind, scope: &Scope, cis: &[Uuid]) -> Result<Value, Fault> {
    let texts: Vec<_> = cis.iter().map(Uuid::to_string).collect();
    let open = Statement::new(OPEN_INCIDENTS, vec![Bind::Id(scope.tenant), Bind::Texts(texts)]);
    let mut open = open.of(kind, &scope.rows);
    open.sql += MOST_URGENT;
    let rows = open.query().fetch_all(&mut **reading).await?;
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
