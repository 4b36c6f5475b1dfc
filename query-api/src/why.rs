//! Why somebody may do something to a record, or may not: the decision with everything that it looked at.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use daybook_authority::{Considered, Moment, Principal, Resource, decide, explain};
use daybook_kernel::{Kind, json};
use daybook_platform::ApiError;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{App, Scope, parse_id, unknown};
use crate::asker::Asker;
use crate::freshness::Position;
use crate::get::present;
use crate::params::Params;
use crate::stores::{Fault, Store};

/// The permission to be told about others, and about records that one may not read.
pub(crate) const EXPLAIN: &str = "access:explain";

/// Answers `GET /api/v1/access/why?permission=…&type=…&id=…&user=…`. Without a record it is about the whole organisation.
///
/// # Errors
/// What HTTP says to a request that is not answered as asked.
pub async fn answer(
    State(app): State<App>,
    caller: Asker,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let wanted = params.take("permission")?.ok_or_else(|| ApiError::field("permission", "must be given"))?;
    if !daybook_contents::permissions::all().contains(&wanted) {
        return Err(ApiError::field("permission", format!("is none: there is no permission {wanted:?}")));
    }
    let kind = params.take("type")?.map(|name| kind_named(&name)).transpose()?;
    let id = params.take("id")?;
    let user = params.take("user")?.map(|id| {
        id.parse::<Uuid>().map_err(|_| ApiError::field("user", format!("must be the id of a user, not {id:?}")))
    });
    let user = user.transpose()?.unwrap_or(caller.principal.user);
    params.end(&["permission", "type", "id", "user"])?;
    let positions = Position::of(&headers)?;
    app.tides.postgres.passed(caller.tenant(), &positions).await?;

    let is_told_all = decide(&caller.principal, EXPLAIN, &Resource::default(), caller.moment).permitted;
    let (principal, moment) = match user == caller.principal.user {
        true => (caller.principal.clone(), caller.moment),
        false if !is_told_all => return Err(ApiError::forbidden(EXPLAIN)),
        false => somebody_else(&app, &caller, user).await?,
    };
    let resource = match (kind, id) {
        (None, None) => Resource::default(),
        (Some(kind), Some(id)) => record(&app, &caller, kind, parse_id(kind, &id)?, is_told_all).await?,
        (Some(_), None) => return Err(ApiError::field("id", "must be given beside type: which record it is")),
        (None, Some(_)) => return Err(ApiError::field("type", "must be given beside id: what the record is")),
    };
    let decision = decide(&principal, &wanted, &resource, moment);
    let considered: Vec<Value> = explain(&principal, &wanted, &resource, moment).into_iter().map(shown).collect();
    Ok(Json(json!({
        "user": user,
        "permission": wanted,
        "permitted": decision.permitted,
        "reason": { "code": decision.reason.code(), "message": decision.reason.to_string() },
        "considered": considered,
    }))
    .into_response())
}

/// The kind that permissions name so, such as `incident`.
fn kind_named(name: &str) -> Result<&'static dyn Kind, ApiError> {
    daybook_contents::kinds().find(|kind| kind.meta().events == name).ok_or_else(|| {
        let known: Vec<_> = daybook_contents::kinds().map(|kind| kind.meta().events).collect();
        ApiError::field("type", format!("must be one of {}, not {name:?}", known.join(", ")))
    })
}

/// Another user of the tenant, whatever their token may say, without a second factor.
async fn somebody_else(app: &App, caller: &Asker, user: Uuid) -> Result<(Principal, Moment), ApiError> {
    let tenant = caller.tenant();
    let readable = Scope::of(kind_named("user")?, caller)?;
    let kind = kind_named("user")?;
    present(&mut readable.reading(app).await?, kind, &readable, user).await?;
    let standing = app.standings.of(&app.postgres, tenant, user, true).await?;
    let standing = standing.ok_or_else(|| unknown(kind, user))?;
    let principal = Principal { user, tenant, standing: Some(standing), token: None };
    Ok((principal, Moment::at(caller.moment.now)))
}

/// The record, as access to it is judged. Of one that the caller may not read is told only who may be told all.
async fn record(
    app: &App,
    caller: &Asker,
    kind: &'static dyn Kind,
    id: Uuid,
    is_told_all: bool,
) -> Result<Resource, ApiError> {
    let scope = match is_told_all {
        true => Scope::with(kind, caller, EXPLAIN)?,
        false => Scope::of(kind, caller).map_err(|_| unknown(kind, id))?,
    };
    let stored = present(&mut scope.reading(app).await?, kind, &scope, id).await?;
    let unreadable = |why: String| Fault::unreadable(Store::Postgres, format!("{} {id}: {why}", kind.meta().type_name));
    let datum = json::restore(kind.meta().shape, &Value::Object(stored.document))
        .map_err(|errors| unreadable(format!("{errors:?}")))?;
    let state = kind.from_datum(datum).map_err(|error| unreadable(error.to_string()))?;
    Ok(Resource::of(kind, id, &state))
}

fn shown(considered: Considered) -> Value {
    let Considered { what, id, through, says, applies } = considered;
    json!({ "what": what, "id": id, "through": through, "says": says, "applies": applies })
}
