//! What somebody may do by what they hold: each permission with how far it reaches, and the role that gives it.
//!
//! Policies are not in it, for they look at a record and at the moment: of those tells [`crate::why`].

use std::collections::BTreeMap;

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_authority::{Moment, Resource, Standing, decide};
use daybook_facts::user::Status;
use daybook_kernel::Choice;
use daybook_platform::ApiError;
use serde_json::{Value, json};

use crate::app::{App, Scope, parse_id, unknown};
use crate::asker::Asker;
use crate::freshness::Position;
use crate::get::present;
use crate::params::Params;
use crate::why::EXPLAIN;

/// Answers `GET /api/v1/users/{id}/permissions`: of oneself, and of others for who may be told why.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    app: App,
    id: String,
    caller: Asker,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let kind = daybook_contents::kind("identity.User").ok_or_else(ApiError::internal)?;
    let user = parse_id(kind, &id)?;
    params.end(&[])?;
    let positions = Position::of(&headers)?;
    let tenant = caller.tenant();
    app.tides.postgres.passed(tenant, &positions).await?;
    if user != caller.principal.user {
        if !decide(&caller.principal, EXPLAIN, &Resource::default(), caller.moment).permitted {
            return Err(ApiError::forbidden(EXPLAIN));
        }
        let readable = Scope::of(kind, &caller)?;
        present(&mut readable.reading(&app).await?, kind, &readable, user).await?;
    }
    let standing = app.standings.of(&app.postgres, tenant, user, true).await?.ok_or_else(|| unknown(kind, user))?;
    Ok(Json(json!({ "user": user, "items": items(&standing, caller.moment) })).into_response())
}

/// Each permission that is held, once for each role that gives it.
fn items(standing: &Standing, moment: Moment) -> Vec<Value> {
    if standing.status != Status::Active {
        return Vec::new();
    }
    let mut found: BTreeMap<(String, &str, usize), Value> = BTreeMap::new();
    for permission in daybook_contents::permissions::all() {
        for (place, held) in standing.held.iter().enumerate() {
            let Some(reach) = held.reach(&permission, moment.now) else { continue };
            let given = json!({
                "permission": permission,
                "reach": reach.name(),
                "role": held.by.id(),
                "role_name": held.by.name(),
                "through": held.through,
                "domain": held.domain,
            });
            found.insert((permission.to_string(), held.by.name(), place), given);
        }
    }
    found.into_values().collect()
}
