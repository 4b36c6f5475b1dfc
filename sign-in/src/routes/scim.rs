//! SCIM: the resources, and what becomes of what is asked of them.

use axum::{
    Router,
    extract::{FromRequest, Path, Request, State},
    http::{HeaderValue, StatusCode, header::LOCATION},
    response::Response,
    routing::get,
};
use daybook_platform::{ApiError, body::JsonBody};
use daybook_schemas::blind;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    app::App,
    desk::Receipt,
    scim::{
        answer::{Refusal, answered, list},
        asker::Asker,
        document,
        kept::{Found, GROUPS, Kind, Sought, USERS},
        patch::operations,
        person::Person,
        team::Team,
    },
};

/// Where SCIM is.
const AT: &str = "/api/v1/scim/v2";

/// The routes of SCIM, below [`AT`].
pub fn routes() -> Router<App> {
    let scim = Router::new()
        .route("/ServiceProviderConfig", get(config))
        .route("/ResourceTypes", get(types))
        .route("/Schemas", get(schemas))
        .route("/Users", get(users).post(create_user))
        .route("/Users/{id}", get(user).put(replace_user).patch(patch_user).delete(delete_user))
        .route("/Groups", get(groups).post(create_group))
        .route("/Groups/{id}", get(group).put(replace_group).patch(patch_group).delete(delete_group));
    Router::new().nest(AT, scim)
}

/// A body of JSON, refused in SCIM's form where it is none.
struct Body(Json);

impl FromRequest<App> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        match JsonBody::from_request(request, app).await {
            Ok(JsonBody(json)) if json.is_object() => Ok(Self(json)),
            Ok(_) => Err(Refusal::bad("invalidSyntax", "the body must be an object")),
            Err(error) if error.status == StatusCode::BAD_REQUEST => Err(Refusal::bad("invalidSyntax", error.message)),
            Err(error) => Err(error.into()),
        }
    }
}

fn origin(app: &App) -> String {
    format!("{}{AT}", app.settings.url.trim_end_matches('/'))
}

async fn config(State(app): State<App>, _: Asker) -> Response {
    answered(StatusCode::OK, &document::config(&origin(&app)))
}

async fn types(State(app): State<App>, _: Asker) -> Response {
    let types = document::types(&origin(&app));
    list(types.len() as i64, 1, types)
}

async fn schemas(State(app): State<App>, _: Asker) -> Response {
    let schemas = document::schemas(&origin(&app));
    list(schemas.len() as i64, 1, schemas)
}

/// The one of that id.
async fn one(app: &App, asker: &Asker, kind: Kind, id: &str) -> Result<Found, Refusal> {
    match kind.name == USERS.name {
        true => asker.reads_people().await?,
        false => asker.reads(&format!("{}:read", kind.name)).await?,
    }
    let unknown = || Refusal::unknown(format!("{} {id}", kind.name));
    let sought = Sought { id: Some(id.parse().map_err(|_| unknown())?), ..Sought::default() };
    let (_, mut found) = app.store.resources(asker.caller.tenant, kind, &sought, (1, 1)).await?;
    found.pop().ok_or_else(unknown)
}

/// Waits until the views show what was done last.
async fn shown(app: &App, receipts: &[Receipt]) {
    if let Some(last) = receipts.last() {
        app.shown(last).await;
    }
}

/// A user with everything personal opened.
async fn opened(app: &App, asker: &Asker, mut found: Found) -> Result<(Found, Person), Refusal> {
    let ring = app.ring(asker.caller.tenant, [&found.doc]).await?;
    ring.open_json(asker.caller.tenant, &mut found.doc).map_err(|error| {
        tracing::error!(%error, user = %found.id, "a user cannot be opened for SCIM");
        ApiError::internal()
    })?;
    let person = Person::of(&found.doc, found.external_id.clone());
    Ok((found, person))
}

async fn shown_user(app: &App, asker: &Asker, found: Found) -> Result<Json, Refusal> {
    let (found, person) = opened(app, asker, found).await?;
    Ok(asker.page.shown(person.shown(found.id, (&found.created, &found.changed), &origin(app))))
}

async fn users(State(app): State<App>, asker: Asker) -> Result<Response, Refusal> {
    asker.reads_people().await?;
    let tenant = asker.caller.tenant;
    let sought = match asker.page.filter(&["userName", "externalId"])? {
        None => Sought::default(),
        Some(("userName", name)) => {
            let name = Some(blind::of(app.vault.sealer(), tenant, "email", &name));
            Sought { name, ..Sought::default() }
        }
        Some((_, external_id)) => Sought { external_id: Some(external_id), ..Sought::default() },
    };
    let page = (asker.page.start, asker.page.count);
    let (total, found) = app.store.resources(tenant, USERS, &sought, page).await?;
    let mut resources = Vec::with_capacity(found.len());
    for found in found {
        resources.push(shown_user(&app, &asker, found).await?);
    }
    Ok(list(total, asker.page.start, resources))
}

async fn user(State(app): State<App>, Path(id): Path<String>, asker: Asker) -> Result<Response, Refusal> {
    let found = one(&app, &asker, USERS, &id).await?;
    Ok(answered(StatusCode::OK, &shown_user(&app, &asker, found).await?))
}

async fn create_user(State(app): State<App>, asker: Asker, Body(body): Body) -> Result<Response, Refusal> {
    let wanted = Person::wanted(&body, None)?;
    let tenant = asker.caller.tenant;
    asker.caller.must("user:register")?;
    // Who could not be answered with it makes nothing.
    asker.reads_people().await?;
    let name = Some(blind::of(app.vault.sealer(), tenant, "email", &wanted.address));
    let (known, _) = app.store.resources(tenant, USERS, &Sought { name, ..Sought::default() }, (1, 0)).await?;
    if known > 0 {
        // Out of use or not: the directory has it in its hands to take it into use again.
        return Err(Refusal::taken("there is a user of that userName already"));
    }
    let registered = asker.give("users", json!({ "email": wanted.address, "name": wanted.name })).await?;
    let id = registered.id;
    app.store.call_external(tenant, USERS, id, wanted.external_id.as_deref()).await?;
    let begun =
        Person { address: wanted.address.clone(), name: wanted.name.clone(), is_active: true, ..Person::default() };
    let mut done = vec![registered];
    done.extend(change_user(&asker, id, &begun, &wanted).await?);
    shown(&app, &done).await;
    let found = one(&app, &asker, USERS, &id.to_string()).await?;
    created(&format!("{}/Users/{id}", origin(&app)), &shown_user(&app, &asker, found).await?)
}

fn created(location: &str, resource: &Json) -> Result<Response, Refusal> {
    let mut response = answered(StatusCode::CREATED, resource);
    let location = HeaderValue::from_str(location).map_err(|_| ApiError::internal())?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// Gives the commands by which a user becomes what is wanted. Who is out of use is taken into use before, or out of it afterwards: an
/// account is changed only while it is in use.
async fn change_user(asker: &Asker, id: Uuid, present: &Person, wanted: &Person) -> Result<Vec<Receipt>, Refusal> {
    let mut done = Vec::new();
    if wanted.is_active && !present.is_active {
        done.push(asker.give(&format!("users/{id}/reactivate"), json!({})).await?);
    }
    let profile = wanted.profile(present);
    if profile != json!({}) {
        done.push(asker.give(&format!("users/{id}/update_profile"), profile).await?);
    }
    if wanted.address.to_lowercase() != present.address.to_lowercase() {
        let proof = Uuid::now_v7();
        let body = json!({ "email": wanted.address, "token": proof });
        done.push(asker.give(&format!("users/{id}/change_email"), body).await?);
        done.push(asker.verify(id, proof).await?);
    }
    if !wanted.is_active && present.is_active {
        done.push(asker.give(&format!("users/{id}/deactivate"), json!({})).await?);
    }
    Ok(done)
}

/// Makes a user what is wanted, and answers with it.
async fn becomes(
    app: &App,
    asker: &Asker,
    id: &str,
    want: impl FnOnce(&Person) -> Result<Person, Refusal>,
) -> Result<Response, Refusal> {
    let (found, present) = opened(app, asker, one(app, asker, USERS, id).await?).await?;
    let wanted = want(&present)?;
    let done = change_user(asker, found.id, &present, &wanted).await?;
    if wanted.external_id != present.external_id {
        asker.caller.must("user:update")?;
        app.store.call_external(asker.caller.tenant, USERS, found.id, wanted.external_id.as_deref()).await?;
    }
    shown(app, &done).await;
    let found = one(app, asker, USERS, id).await?;
    Ok(answered(StatusCode::OK, &shown_user(app, asker, found).await?))
}

async fn replace_user(
    State(app): State<App>,
    Path(id): Path<String>,
    asker: Asker,
    Body(body): Body,
) -> Result<Response, Refusal> {
    becomes(&app, &asker, &id, |present| Person::wanted(&body, Some(present))).await
}

async fn patch_user(
    State(app): State<App>,
    Path(id): Path<String>,
    asker: Asker,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let operations = operations(&body)?;
    becomes(&app, &asker, &id, |present| present.after(&operations)).await
}

async fn delete_user(State(app): State<App>, Path(id): Path<String>, asker: Asker) -> Result<StatusCode, Refusal> {
    let (found, present) = opened(&app, &asker, one(&app, &asker, USERS, &id).await?).await?;
    asker.caller.must("user:deactivate")?;
    let done = change_user(&asker, found.id, &present, &Person { is_active: false, ..present.clone() }).await?;
    app.store.delete_external(asker.caller.tenant, USERS, found.id).await?;
    shown(&app, &done).await;
    Ok(StatusCode::NO_CONTENT)
}

fn shown_group(app: &App, asker: &Asker, found: &Found) -> Json {
    let team = Team::of(&found.doc, found.external_id.clone());
    asker.page.shown(team.shown(found.id, (&found.created, &found.changed), &origin(app)))
}

async fn groups(State(app): State<App>, asker: Asker) -> Result<Response, Refusal> {
    asker.reads("group:read").await?;
    let sought = match asker.page.filter(&["displayName", "externalId"])? {
        None => Sought::default(),
        Some(("displayName", name)) => Sought { name: Some(name.to_lowercase()), ..Sought::default() },
        Some((_, external_id)) => Sought { external_id: Some(external_id), ..Sought::default() },
    };
    let page = (asker.page.start, asker.page.count);
    let (total, found) = app.store.resources(asker.caller.tenant, GROUPS, &sought, page).await?;
    Ok(list(total, asker.page.start, found.iter().map(|found| shown_group(&app, &asker, found)).collect()))
}

async fn group(State(app): State<App>, Path(id): Path<String>, asker: Asker) -> Result<Response, Refusal> {
    let found = one(&app, &asker, GROUPS, &id).await?;
    Ok(answered(StatusCode::OK, &shown_group(&app, &asker, &found)))
}

async fn create_group(State(app): State<App>, asker: Asker, Body(body): Body) -> Result<Response, Refusal> {
    let wanted = Team::wanted(&body)?;
    asker.reads("group:read").await?;
    let begun = asker.give("groups", json!({ "name": wanted.name })).await?;
    let id = begun.id;
    app.store.call_external(asker.caller.tenant, GROUPS, id, wanted.external_id.as_deref()).await?;
    let mut done = vec![begun];
    let present = Team { name: wanted.name.clone(), ..Team::default() };
    done.extend(change_group(&asker, id, &present, &wanted).await?);
    shown(&app, &done).await;
    let found = one(&app, &asker, GROUPS, &id.to_string()).await?;
    created(&format!("{}/Groups/{id}", origin(&app)), &shown_group(&app, &asker, &found))
}

/// Gives the commands by which a group becomes what is wanted.
async fn change_group(asker: &Asker, id: Uuid, present: &Team, wanted: &Team) -> Result<Vec<Receipt>, Refusal> {
    let mut done = Vec::new();
    if wanted.name != present.name {
        done.push(asker.give(&format!("groups/{id}/rename"), json!({ "name": wanted.name })).await?);
    }
    for (command, members) in [
        ("remove_member", present.members.difference(&wanted.members)),
        ("add_member", wanted.members.difference(&present.members)),
    ] {
        for member in members {
            done.push(asker.give(&format!("groups/{id}/{command}"), json!({ "user": member })).await?);
        }
    }
    Ok(done)
}

async fn group_becomes(
    app: &App,
    asker: &Asker,
    id: &str,
    want: impl FnOnce(&Team) -> Result<Team, Refusal>,
) -> Result<Response, Refusal> {
    let found = one(app, asker, GROUPS, id).await?;
    let present = Team::of(&found.doc, found.external_id.clone());
    let wanted = want(&present)?;
    let done = change_group(asker, found.id, &present, &wanted).await?;
    if wanted.external_id != present.external_id {
        asker.caller.must("group:update")?;
        app.store.call_external(asker.caller.tenant, GROUPS, found.id, wanted.external_id.as_deref()).await?;
    }
    shown(app, &done).await;
    let found = one(app, asker, GROUPS, id).await?;
    Ok(answered(StatusCode::OK, &shown_group(app, asker, &found)))
}

async fn replace_group(
    State(app): State<App>,
    Path(id): Path<String>,
    asker: Asker,
    Body(body): Body,
) -> Result<Response, Refusal> {
    group_becomes(&app, &asker, &id, |_| Team::wanted(&body)).await
}

async fn patch_group(
    State(app): State<App>,
    Path(id): Path<String>,
    asker: Asker,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let operations = operations(&body)?;
    group_becomes(&app, &asker, &id, |present| present.after(&operations)).await
}

async fn delete_group(State(app): State<App>, Path(id): Path<String>, asker: Asker) -> Result<StatusCode, Refusal> {
    let found = one(&app, &asker, GROUPS, &id).await?;
    let done = asker.give(&format!("groups/{}/retire", found.id), json!({})).await?;
    shown(&app, &[done]).await;
    Ok(StatusCode::NO_CONTENT)
}
