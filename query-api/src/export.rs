//! Export: everything that is known of a person, as the law lets the person ask for it (GDPR, articles 15 and 20).
//!
//! The account, whatever shares its id, and every record that is declared to be about the person; each as it is and with all that
//! happened to it, personal data opened.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use daybook_contents::SUBJECTS;
use daybook_kernel::{Kind, blind, json};
use daybook_platform::ApiError;
use daybook_schemas::sealing::keys_of;
use daybook_vault::erasure;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{App, Scope, parse_id};
use crate::asker::Asker;
use crate::document::Shown;
use crate::freshness::Position;
use crate::get::present;
use crate::history::{Recorded, event::AFTER};
use crate::params::Params;
use crate::stores::{Fault, Store};

/// What the caller has to be allowed.
pub const PERMISSION: &str = "user:export";

/// So many records at most are in one answer.
const RECORDS: usize = 1_000;

/// So many events at most of each: more than any record has.
const EVENTS: i64 = 100_000;

/// Answers `GET /api/v1/users/{id}/export`.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked; 422 where there is more than one answer can hold.
pub async fn answer(
    app: App,
    id: String,
    caller: Asker,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let account = daybook_contents::kind(SUBJECTS).expect("the contents hold accounts");
    let scope = Scope::with(account, &caller, PERMISSION)?;
    let id = parse_id(account, &id)?;
    let positions = Position::of(&headers)?;
    params.end(&[])?;
    app.tides.postgres.passed(scope.tenant, &positions).await?;

    present(&mut scope.reading(&app).await?, account, &scope, id).await?;
    // Whoever may have all that is known of a person may have what stands in other kinds' records.
    let scope = Scope { rows: caller.within_walls(), clear: caller.within_walls(), ..scope };

    let of_account = |kind: &&dyn Kind| kind.meta().type_name == SUBJECTS || kind.meta().shares == Some(SUBJECTS);
    let mut records: Vec<(&'static dyn Kind, Uuid)> =
        daybook_contents::kinds().filter(of_account).map(|kind| (kind, id)).collect();
    let about = erasure::about(app.postgres.pool(), scope.tenant, id).await.map_err(Fault::from)?;
    records.extend(about.into_iter().filter_map(|(kind, id)| Some((daybook_contents::kind(&kind)?, id))));
    if records.len() > RECORDS {
        let message = format!("{} records are about this person; one answer holds {RECORDS}", records.len());
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "TOO_MANY_RECORDS", message));
    }
    let mut shown = Vec::new();
    for (kind, id) in records {
        shown.extend(record(&app, kind, &scope, id).await?);
    }
    Ok(Json(json!({ "subject": id, "records": shown })).into_response())
}

/// A record as it is, with all that happened to it; none where there is none.
async fn record(app: &App, kind: &'static dyn Kind, scope: &Scope, id: Uuid) -> Result<Option<Value>, ApiError> {
    let mut reading = scope.reading(app).await?;
    let stored = match present(&mut reading, kind, scope, id).await {
        Err(error) if error.status == StatusCode::NOT_FOUND => return Ok(None),
        stored => stored?,
    };
    let rows = sqlx::query(AFTER)
        .bind(scope.tenant)
        .bind(kind.meta().type_name)
        .bind(id)
        .bind(0_i64)
        .bind(EVENTS)
        .fetch_all(&mut *reading)
        .await
        .map_err(Fault::from)?;
    let (mut read, mut keys) = (Vec::with_capacity(rows.len()), BTreeSet::new());
    for row in &rows {
        let event = Recorded::read(row)?;
        let (kind, index, body) = app.history.read(&mut reading, &event).await?;
        keys_of(&body, &mut keys);
        read.push((event, kind.events()[index].body, body));
    }
    drop(reading);
    stored.keys(&mut keys);
    let ring = app.ring(scope.tenant, keys).await?;
    let mut events = Vec::with_capacity(read.len());
    for (event, shape, mut body) in read {
        let opened = ring.open(scope.tenant, shape, &mut body);
        opened.map_err(|error| Fault::unreadable(Store::Postgres, format!("event {}: {error}", event.id)))?;
        blind::hide(shape, &mut body);
        events.push(event.shown(json::write_record(shape, &body)));
    }
    let version = stored.version;
    let state = Shown::all(kind.meta().shape).of(stored, scope.tenant, &ring)?;
    Ok(Some(json!({
        "type": kind.meta().type_name, "id": id, "version": version, "state": state, "events": events,
    })))
}
