//! The routes: those that every aggregate has, those of special questions, and the documents about them.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use daybook_kernel::Kind;
use daybook_platform::page::Page;
use daybook_schemas::openapi;

use crate::app::App;
use crate::asker::Asker;
use crate::history::timeline;
use crate::list::Listed;
use crate::params::Params;
use crate::{actions, cmdb, export, figures, items, list, members, permissions, search, why};

/// The routes of the single aggregates of every kind in the contents.
fn aggregates() -> Router<App> {
    daybook_contents::kinds().fold(Router::new(), |router, kind| router.merge(of(kind)))
}

/// The routes of all lists.
fn lists() -> Router<App> {
    Listed::all().fold(Router::new(), |router, listed| {
        let special = listed.special.map_or_else(String::new, |special| format!("/{}", special.name));
        router.route(
            &format!("/api/v1/{}{special}", listed.kind.meta().path),
            get(move |State(app): State<App>, caller: Asker, headers: HeaderMap, params: Params| {
                list::answer(app, listed, caller, headers, params)
            }),
        )
    })
}

/// The routes of a kind.
fn of(kind: &'static dyn Kind) -> Router<App> {
    let path = format!("/api/v1/{}", kind.meta().path);
    let at = |rest: &str| format!("{path}/{{id}}{rest}");
    let history = || {
        get(move |State(app): State<App>, Path(id): Path<String>, caller: Asker, headers: HeaderMap, params: Params| {
            timeline::answer(app, kind, id, caller, headers, params)
        })
    };
    let router = Router::new()
        .route(
            &at(""),
            get(
                move |State(app): State<App>,
                      Path(id): Path<String>,
                      caller: Asker,
                      headers: HeaderMap,
                      params: Params| { crate::get::answer(app, kind, id, caller, headers, params) },
            ),
        )
        .route(&at("/timeline"), history())
        .route(&at("/events"), history())
        .route(
            &at("/actions"),
            get(
                move |State(app): State<App>,
                      Path(id): Path<String>,
                      caller: Asker,
                      headers: HeaderMap,
                      params: Params| { actions::answer(app, kind, id, caller, headers, params) },
            ),
        );
    items::logs(kind).fold(router, |router, log| {
        router.route(
            &at(&format!("/{}", log.0.name)),
            get(
                move |State(app): State<App>,
                      Path(id): Path<String>,
                      caller: Asker,
                      headers: HeaderMap,
                      params: Params| { items::answer(app, kind, log, id, caller, headers, params) },
            ),
        )
    })
}

/// What there is one of for each organisation, with its id.
fn of_organization(of: &'static str) -> MethodRouter<App> {
    let kind = daybook_contents::kind(of).expect("the contents hold what an organisation has");
    get(move |State(app): State<App>, Path(id): Path<String>, caller: Asker, headers: HeaderMap, params: Params| {
        crate::get::answer(app, kind, id, caller, headers, params)
    })
}

/// The routes of questions that only one kind knows.
fn special() -> Router<App> {
    let organization = daybook_contents::kind("tenancy.Organization").expect("the contents hold organisations");
    let user = daybook_contents::kind("identity.User").expect("the contents hold users");
    Router::new()
        .route("/api/v1/search", get(search::answer))
        .route("/api/v1/search/suggest", get(search::suggestions))
        .route("/api/v1/access/why", get(why::answer))
        .route("/api/v1/metrics/incidents/volume", get(figures::volume))
        .route("/api/v1/metrics/incidents/backlog", get(figures::backlog))
        .route(
            "/api/v1/users/me",
            get(move |State(app): State<App>, caller: Asker, headers: HeaderMap, params: Params| {
                let id = caller.principal.user.to_string();
                crate::get::answer(app, user, id, caller, headers, params)
            }),
        )
        .route(
            "/api/v1/users/{id}/permissions",
            get(|State(app): State<App>, Path(id): Path<String>, caller: Asker, headers: HeaderMap, params: Params| {
                permissions::answer(app, id, caller, headers, params)
            }),
        )
        .route(
            "/api/v1/users/{id}/export",
            get(|State(app): State<App>, Path(id): Path<String>, caller: Asker, headers: HeaderMap, params: Params| {
                export::answer(app, id, caller, headers, params)
            }),
        )
        .route(
            "/api/v1/organizations/{id}/members",
            get(
                move |State(app): State<App>,
                      Path(id): Path<String>,
                      caller: Asker,
                      headers: HeaderMap,
                      params: Params| {
                    members::answer(app, organization, id, caller, headers, params)
                },
            ),
        )
        .route("/api/v1/organizations/{id}/subscription", of_organization("tenancy.Subscription"))
        .route("/api/v1/organizations/{id}/usage", of_organization("tenancy.UsageMeter"))
        .route(
            "/api/v1/cmdb/cis/{id}/relationships",
            get(|State(app): State<App>, Path(id): Path<String>, caller: Asker, headers: HeaderMap, params: Params| {
                cmdb::relationships::answer(app, id, caller, headers, params)
            }),
        )
        .route(
            "/api/v1/cmdb/cis/{id}/impact-analysis",
            get(|State(app): State<App>, Path(id): Path<String>, caller: Asker, headers: HeaderMap, params: Params| {
                cmdb::impact::answer(app, id, caller, headers, params)
            }),
        )
}

/// The description of the interface, for programs and for people: `/openapi.json` and `/docs`, made once.
fn documents() -> Router<App> {
    let document = openapi::query_api().to_string();
    let page = Page::new(openapi::page("Daybook queries", "/openapi.json"));
    Router::new()
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, "application/json")], document).into_response()))
        .route("/docs", get(async move || page.answer()))
}

/// All routes, without the edge around them.
pub fn routes(app: App) -> Router {
    // Routes by name win over those with parameters, so special questions need no order.
    Router::new().merge(lists()).merge(aggregates()).merge(special()).merge(documents()).with_state(app)
}
