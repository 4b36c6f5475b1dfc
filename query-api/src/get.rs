//! One aggregate: as it is now, or as it was known at a time.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use daybook_kernel::{Kind, Time};
use daybook_platform::ApiError;
use uuid::Uuid;

use crate::app::{App, Scope, parse_id, unknown};
use crate::asker::Asker;
use crate::document::{Shown, Stored};
use crate::freshness::Position;
use crate::history::as_of::as_of;
use crate::list::statement::{Bind, Statement};
use crate::list::view;
use crate::params::{Params, malformed};
use crate::stores::Fault;
use crate::stores::postgres::Reading;

/// The statement that reads one aggregate of a kind.
pub fn statement(kind: &dyn Kind, scope: &Scope, id: Uuid) -> Statement {
    let mut one = Statement::new("", vec![Bind::Id(scope.tenant), Bind::Id(id)]);
    let clear = one.is_clear(kind, &scope.clear);
    one.sql = format!(
        "SELECT id, version, (extract(epoch FROM created_at) * 1000000)::bigint AS created_at, \
         (extract(epoch FROM updated_at) * 1000000)::bigint AS updated_at, {clear}, doc FROM {} v \
         WHERE tenant = $1 AND id = $2",
        view(kind)
    );
    one.of(kind, &scope.rows)
}

/// The aggregate as it is now, if the caller may know of it.
///
/// # Errors
/// 404, or 503 when Postgres is away.
pub async fn present(
    reading: &mut Reading,
    kind: &'static dyn Kind,
    scope: &Scope,
    id: Uuid,
) -> Result<Stored, ApiError> {
    if !scope.includes(id) {
        return Err(unknown(kind, id));
    }
    let row = statement(kind, scope, id).query().fetch_optional(&mut **reading).await.map_err(Fault::from)?;
    Ok(Stored::read(&row.ok_or_else(|| unknown(kind, id))?)?)
}

/// Whether the caller may see what is personal in an aggregate; whose it is now decides about its past, too.
///
/// # Errors
/// 404 where the caller may not know of it, or 503 when Postgres is away.
pub async fn is_clear(
    reading: &mut Reading,
    kind: &'static dyn Kind,
    scope: &Scope,
    id: Uuid,
) -> Result<bool, ApiError> {
    if scope.rows.is_everything() && scope.clear.is_everything() {
        return Ok(true);
    }
    Ok(present(reading, kind, scope, id).await?.is_clear)
}

/// Answers `GET /api/v1/{path}/{id}`.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    app: App,
    kind: &'static dyn Kind,
    id: String,
    caller: Asker,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let scope = Scope::of(kind, &caller)?;
    let id = parse_id(kind, &id)?;
    let positions = Position::of(&headers)?;
    let shown =
        Shown::read(kind.meta().shape, params.take("fields")?.as_deref()).map_err(|error| malformed([error]))?;
    let at = params.take("as_of")?.map(|said| {
        let message = format!("must be a time such as 2026-11-21T09:00:00Z (RFC 3339), not {said:?}");
        Time::parse(&said).ok_or_else(|| ApiError::field("as_of", message))
    });
    let at = at.transpose()?;
    params.end(&["fields", "as_of"])?;
    app.tides.postgres.passed(scope.tenant, &positions).await?;

    let stored = match at {
        Some(_) if !scope.includes(id) => return Err(unknown(kind, id)),
        Some(at) => as_of(&app, kind, &scope, id, at).await?,
        None => present(&mut scope.reading(&app).await?, kind, &scope, id).await?,
    };
    let mut keys = BTreeSet::new();
    stored.keys(&mut keys);
    let tag = tag(&stored);
    let mut response = match names(&headers, &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            let ring = app.ring(scope.tenant, keys).await?;
            Json(shown.of(stored, scope.tenant, &ring)?).into_response()
        }
    };
    response.headers_mut().insert(ETAG, HeaderValue::from_str(&tag).expect("digits in quotes are a header's value"));
    // Kept by the caller's own cache only, and asked about each time.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// The tag of an aggregate as it is shown: whoever may see more of it than before is given it anew.
fn tag(stored: &Stored) -> String {
    format!("\"{}{}\"", stored.version, if stored.is_clear { "" } else { "-masked" })
}

/// Whether `If-None-Match` names the tag (RFC 9110, 13.1.2: compared weakly).
fn names(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|said| {
            let said = said.trim();
            said == "*" || said.strip_prefix("W/").unwrap_or(said) == tag
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_compared_weakly() {
        let headers = |value: &str| HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())]);
        assert!(names(&headers(r#""3""#), r#""3""#));
        assert!(names(&headers(r#""1", W/"3""#), r#""3""#));
        assert!(names(&headers("*"), r#""3""#));
        assert!(!names(&headers(r#""31""#), r#""3""#));
        assert!(!names(&HeaderMap::new(), r#""3""#));
    }
}
