//! The public keys, and the description of the interface.

use axum::{
    Json, Router,
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{Html, IntoResponse},
    routing::get,
};
use daybook_schemas::openapi;

use crate::app::App;

/// `GET /.well-known/jwks.json` (RFC 7517).
pub async fn keys(State(app): State<App>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "public, max-age=60")], Json(app.keys.published().await))
}

/// `/openapi.json` and `/docs`, made once.
pub fn routes() -> Router<App> {
    let document = openapi::sign_in().to_string();
    let page = openapi::page("Daybook sign-in", "/openapi.json");
    Router::new()
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, "application/json")], document).into_response()))
        .route("/docs", get(async move || Html(page)))
}
