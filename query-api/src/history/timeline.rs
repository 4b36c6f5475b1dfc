//! The timeline: an aggregate's events, with who gave the command and when, personal data opened where it is for the caller.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_kernel::{Kind, blind, json};
use daybook_platform::ApiError;
use daybook_schemas::sealing::{keys_of, mask};

use super::event::{AFTER, BACKWARDS, Recorded};
use crate::app::{App, Scope, parse_id, unknown};
use crate::asker::Asker;
use crate::document::MASKED;
use crate::freshness::Position;
use crate::get::is_clear;
use crate::params::Params;
use crate::sequence::Sequence;
use crate::stores::{Fault, Store};

/// Answers `GET /api/v1/{path}/{id}/timeline`, and `/events`, which is the same.
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
    let sequence = Sequence::read(app.vault.sealer(), scope.tenant, id, "timeline", "version", params)?;
    if !scope.includes(id) {
        return Err(unknown(kind, id));
    }
    app.tides.postgres.passed(scope.tenant, &positions).await?;

    let mut reading = scope.reading(&app).await?;
    let is_clear = is_clear(&mut reading, kind, &scope, id).await?;
    let rows = sqlx::query(if sequence.descending { BACKWARDS } else { AFTER })
        .bind(scope.tenant)
        .bind(kind.meta().type_name)
        .bind(id)
        .bind(sequence.after)
        .bind(sequence.limit + 1)
        .fetch_all(&mut *reading)
        .await
        .map_err(Fault::from)?;
    // Every aggregate has its first event; a page after the last one is empty, but nobody is given a cursor to it.
    if rows.is_empty() {
        return Err(unknown(kind, id));
    }
    let (mut read, mut keys) = (Vec::with_capacity(rows.len()), BTreeSet::new());
    for row in &rows {
        let event = Recorded::read(row)?;
        let (kind, index, body) = app.history.read(&mut reading, &event).await?;
        if is_clear {
            keys_of(&body, &mut keys);
        }
        read.push((event, kind.events()[index].body, body));
    }
    drop(reading);
    let ring = app.ring(scope.tenant, keys).await?;
    let mut events = Vec::with_capacity(read.len());
    for (event, shape, mut body) in read {
        if is_clear {
            let opened = ring.open(scope.tenant, shape, &mut body);
            opened.map_err(|error| Fault::unreadable(Store::Postgres, format!("event {}: {error}", event.id)))?;
        } else {
            mask(&mut body);
        }
        blind::hide(shape, &mut body);
        let (version, mut shown) = (event.version, event.shown(json::write_record(shape, &body)));
        if !is_clear {
            shown[MASKED] = true.into();
        }
        events.push((version, shown));
    }
    Ok(Json(sequence.answer(app.vault.sealer(), events)).into_response())
}
