//! Items of growing lists, such as an incident's comments: each list has a table of its own.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_kernel::{Field, Kind, RecordShape, Shape, Time};
use daybook_platform::ApiError;
use daybook_schemas::sealing::{Ring, keys_in, mask_json};
use serde_json::{Map, Value};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _, types};

use crate::app::{App, Scope, parse_id};
use crate::asker::Asker;
use crate::document::{MASKED, in_order};
use crate::freshness::Position;
use crate::get::present;
use crate::list::view;
use crate::params::Params;
use crate::sequence::Sequence;
use crate::stores::{Fault, Store};

/// The growing lists of a kind: each field, and the shape of its items.
pub fn logs(kind: &dyn Kind) -> impl Iterator<Item = (&'static Field, &'static RecordShape)> {
    kind.meta().shape.fields.iter().filter_map(|field| match field.shape {
        Shape::Log(item) => Some((field, item)),
        _ => None,
    })
}

/// The statement that reads a page of a growing list.
pub fn statement(kind: &dyn Kind, field: &str, descending: bool) -> String {
    let (beyond, direction) = if descending { ("<", "DESC") } else { (">", "ASC") };
    format!(
        "SELECT item, (extract(epoch FROM at) * 1000000)::bigint AS at, doc FROM {}_{field} \
         WHERE tenant = $1 AND id = $2 AND item {beyond} $3 ORDER BY item {direction} LIMIT $4",
        view(kind)
    )
}

/// Answers `GET /api/v1/{path}/{id}/{field}`, oldest first.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    app: App,
    kind: &'static dyn Kind,
    (field, shape): (&'static Field, &'static RecordShape),
    id: String,
    caller: Asker,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::of(kind, &caller)?;
    let id = parse_id(kind, &id)?;
    let positions = Position::of(&headers)?;
    let sequence = Sequence::read(app.vault.sealer(), scope.tenant, id, field.name, "item", params)?;
    app.tides.postgres.passed(scope.tenant, &positions).await?;

    let mut reading = scope.reading(&app).await?;
    let is_clear = present(&mut reading, kind, &scope, id).await?.is_clear;
    let rows = sqlx::query(AssertSqlSafe(statement(kind, field.name, sequence.descending)))
        .bind(scope.tenant)
        .bind(id)
        .bind(sequence.after)
        .bind(sequence.limit + 1)
        .fetch_all(&mut *reading)
        .await
        .map_err(Fault::from)?;
    drop(reading);
    let rows = rows.iter().map(|row| Ok((row, row.try_get("doc")?))).collect::<Result<Vec<Item<'_>>, sqlx::Error>>();
    let rows = rows.map_err(Fault::from)?;
    let mut keys = BTreeSet::new();
    if is_clear {
        rows.iter().for_each(|(_, document)| document.values().for_each(|value| keys_in(value, &mut keys)));
    }
    let ring = app.ring(scope.tenant, keys).await?;
    let ring = is_clear.then_some(&ring);
    let items: Vec<_> = rows.into_iter().map(|item| shown(ring, &scope, shape, item)).collect::<Result<_, _>>()?;
    Ok(Json(sequence.answer(app.vault.sealer(), items)).into_response())
}

/// A row of a growing list, and what it holds.
type Item<'a> = (&'a PgRow, types::Json<Map<String, Value>>);

/// The item as the caller sees it; without a ring what is personal in it is left out.
fn shown(
    ring: Option<&Ring>,
    scope: &Scope,
    shape: &RecordShape,
    (row, types::Json(mut document)): Item<'_>,
) -> Result<(i64, Value), Fault> {
    let item: i64 = row.try_get("item")?;
    let mut shown = Map::new();
    shown.insert("item".into(), item.into());
    shown.insert("at".into(), Time(row.try_get("at")?).to_string().into());
    for field in shape.fields {
        let mut value = document.remove(field.name).unwrap_or(Value::Null);
        in_order(&field.shape, &mut value);
        match ring {
            _ if !field.shape.holds_personal() => {}
            None => mask_json(&mut value),
            Some(ring) => {
                let opened = ring.open_json(scope.tenant, &mut value);
                opened.map_err(|error| Fault::unreadable(Store::Postgres, format!("item {item}: {error}")))?;
            }
        }
        shown.insert(field.name.into(), value);
    }
    if ring.is_none() {
        shown.insert(MASKED.into(), true.into());
    }
    Ok((item, Value::Object(shown)))
}
