//! As of: an aggregate as it was known at a time, folded from its events up to then.

use daybook_kernel::{Kind, State, Time, json};
use daybook_platform::ApiError;
use serde_json::Value as Json;
use uuid::Uuid;

use super::event::{BEFORE, Recorded};
use crate::app::{App, Scope, unknown};
use crate::document::Stored;
use crate::get::is_clear;
use crate::stores::{Fault, Store};

/// The aggregate as it was known at that time: after the last event recorded by then.
///
/// # Errors
/// 404 when it had not begun; 503 when Postgres is away.
pub async fn as_of(app: &App, kind: &'static dyn Kind, scope: &Scope, id: Uuid, at: Time) -> Result<Stored, ApiError> {
    let mut reading = scope.reading(app).await?;
    // Whose it is now decides about its past.
    let is_clear = is_clear(&mut reading, kind, scope, id).await?;
    let rows = sqlx::query(BEFORE)
        .bind(scope.tenant)
        .bind(kind.meta().type_name)
        .bind(id)
        .bind(at.to_string())
        .fetch_all(&mut *reading)
        .await
        .map_err(Fault::from)?;
    let mut folded: Option<(State, Stored)> = None;
    for row in &rows {
        let event = Recorded::read(row)?;
        let (_, index, body) = app.history.read(&mut reading, &event).await?;
        let created_at = folded.as_ref().map_or(event.when(), |(_, stored)| stored.created_at);
        let state = kind.evolve(folded.map(|(state, _)| state), index, body);
        let state =
            state.map_err(|error| Fault::unreadable(Store::Postgres, format!("event {}: {error}", event.id)))?;
        let stored = Stored {
            id,
            version: event.version,
            created_at,
            updated_at: event.when(),
            is_clear,
            document: serde_json::Map::new(),
        };
        folded = Some((kind.settle(state), stored));
    }
    let (state, mut stored) = folded.ok_or_else(|| unknown(kind, id))?;
    if let Json::Object(document) = json::write_record(kind.meta().shape, &kind.to_datum(&state)) {
        stored.document = document;
    }
    Ok(stored)
}
